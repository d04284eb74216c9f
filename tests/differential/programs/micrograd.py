"""A scalar engine against the tensors."""

import torch


class Value:
    def __init__(s, d, ch=()):
        s.data = d
        s.grad = 0.0
        s._b = lambda: None
        s._p = set(ch)

    def __add__(s, o):
        o = o if isinstance(o, Value) else Value(o)
        out = Value(s.data + o.data, (s, o))

        def b():
            s.grad += out.grad
            o.grad += out.grad

        out._b = b
        return out

    def __mul__(s, o):
        o = o if isinstance(o, Value) else Value(o)
        out = Value(s.data * o.data, (s, o))

        def b():
            s.grad += o.data * out.grad
            o.grad += s.data * out.grad

        out._b = b
        return out

    def relu(s):
        out = Value(max(0, s.data), (s,))

        def b():
            s.grad += (out.data > 0) * out.grad

        out._b = b
        return out

    __rmul__ = __mul__
    __radd__ = __add__

    def __neg__(s):
        return s * -1

    def __sub__(s, o):
        return s + -o

    def backward(s):
        t = []
        seen = set()

        def bld(v):
            if v not in seen:
                seen.add(v)
                for c in v._p:
                    bld(c)
                t.append(v)

        bld(s)
        s.grad = 1
        for v in reversed(t):
            v._b()


x = Value(-4.0)
z = 2 * x + 2 + x
q = z.relu() + z * x
h = (z * z).relu()
y = h + q + q * x
y.backward()
xt = torch.Tensor([-4.0]).double()
xt.requires_grad = True
z = 2 * xt + 2 + xt
q = z.relu() + z * xt
h = (z * z).relu()
yt = h + q + q * xt
yt.backward()
print(y.data == yt.data.item(), x.grad == xt.grad.item(), xt.grad, yt)
x1 = torch.Tensor([2.0]).double()
x1.requires_grad = True
w1 = torch.Tensor([-3.0]).double()
w1.requires_grad = True
b = torch.Tensor([6.881373587019543]).double()
b.requires_grad = True
o = torch.tanh(x1 * w1 + b)
print(o.data.item())
o.backward()
print("x1", x1.grad.item(), "w1", w1.grad.item())
print(
    torch.Tensor([[1, 2, 3], [4, 5, 6]]).shape,
    torch.Tensor(2, 3).shape,
    torch.Tensor([2.0]).double().dtype,
)
