"""What may be changed in place, and what PyTorch says when it may not."""

import torch


def t(f):
    try:
        r = f()
        print("ok", r)
    except Exception as e:
        print(type(e).__name__, "|", e)


def a1():
    x = torch.ones(2, requires_grad=True)
    x += 1


def a2():
    x = torch.ones(2, requires_grad=True)
    y = x * x
    y_ = y.exp()
    y_.add_(1)
    y_.sum().backward()
    return x.grad


def a3():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    z = y**2
    y.zero_()
    z.sum().backward()


def a4():
    x = torch.ones(2, 2, requires_grad=True)
    x[0] = 1.0


def a5():
    x = torch.ones(2, 2, requires_grad=True)
    y = x.clone()
    y[0] = 5
    y.sum().backward()
    return x.grad


def a6():
    x = torch.ones(2, requires_grad=True)
    x.data.mul_(3)
    return x


def a7():
    x = torch.ones(3, requires_grad=True)
    y = x.clone()
    v = y[:2]
    v.mul_(4)
    y.sum().backward()
    return (x.grad, v, type(v.grad_fn).__name__)


def a8():
    x = torch.ones(3)
    y = x.expand(2, 3)
    y.add_(1)


def a9():
    x = torch.ones(3, requires_grad=True)
    y = x.detach()
    y.add_(1)
    return x


def b1():
    w = torch.ones(2, 2, requires_grad=True)
    x = torch.ones(1, 2)
    h = x @ w
    w.data.add_(1)
    h.sum().backward()
    return w.grad


def b2():
    w = torch.ones(2, 2, requires_grad=True)
    x = torch.ones(1, 2)
    h = x @ w
    x.add_(1)
    h.sum().backward()
    return w.grad


def b3():
    w = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        w.mul_(2)
        w[0] = 5
    return (w, w._version)


def b4():
    x = torch.ones(2, requires_grad=True)
    a, b = x.clone().unbind(0)
    a.add_(1)


def b5():
    x = torch.ones(4, requires_grad=True)
    a, b = x.clone().chunk(2)
    a.mul_(2)
    return b


def b6():
    x = torch.ones(2, requires_grad=True)
    y = x.sigmoid()
    y.relu_()
    y.mul_(2)
    y.sum().backward()
    return x.grad


def b7():
    x = torch.ones(2, requires_grad=True)
    y = x.relu()
    y += 1
    y.sum().backward()
    return x.grad


def b8():
    x = torch.ones(2)
    x.resize_(3)
    return x.shape


def b9():
    x = torch.ones(2, requires_grad=True)
    x.requires_grad = False
    y = x * 2
    y.requires_grad = True
    return y


def c1():
    y = torch.ones(2, requires_grad=True) * 2
    y.requires_grad = False


def c2():
    return torch.ones(2, dtype=torch.int, requires_grad=True)


def c3():
    x = torch.ones(2)
    x.requires_grad = "a"


def c4():
    x = torch.ones(2, requires_grad=True)
    x.grad = torch.ones(3)


def c5():
    x = torch.ones(2, requires_grad=True)
    x.grad = torch.ones(2).double()


def c6():
    x = torch.ones(2)
    x.grad = torch.ones(2)
    return x.grad


def c7():
    y = torch.ones(2, requires_grad=True) * 2
    return y.grad


def c8():
    x = torch.ones(2, requires_grad=True)
    (x * 2).backward(torch.ones(3))


def c9():
    x = torch.ones(2, requires_grad=True)
    y = x.sum()
    y.backward()
    y.backward()


def d1():
    x = torch.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


def d2():
    import copy

    return copy.deepcopy(torch.ones(2, requires_grad=True) * 2)


def d3():
    torch.ones(2).backward()


def d4():
    x = torch.ones(2, requires_grad=True)
    x.numpy()


def d5():
    x = torch.ones(2, requires_grad=True)
    return (x.tolist(), x.detach().numpy(), (x * 2).data)


def d6():
    x = torch.ones(2, requires_grad=True)
    torch.add(x, 1, out=torch.empty(2))


def d7():
    x = torch.ones(2)
    y = torch.empty(0)
    torch.mul(x, 3, out=y)
    return y


def d8():
    x = torch.arange(4.0).requires_grad_()
    y = x.view(2, 2).t().contiguous()
    y[0, 1] *= 10
    y.pow(2).sum().backward()
    return x.grad


def d9():
    h = torch.zeros(1, 2, requires_grad=True)
    outs = torch.zeros(3, 2)


def e1():
    w = torch.ones(2, requires_grad=True)
    buf = torch.zeros(3, 2)
    for i in range(3):
        buf[i] = w * (i + 1)
    buf.sum().backward()
    return (w.grad, type(buf.grad_fn).__name__)


def e2():
    l = torch.nn.Linear(2, 1)
    h = torch.zeros(1, 2)
    for i in range(2):
        h = h + l(torch.ones(1, 2))
        loss = h.sum()
        loss.backward()


def e4():
    x = torch.ones(3, requires_grad=True)
    y = x.clone()
    y.masked_fill_(torch.tensor([True, False, True]), 0.0)
    y.sum().backward()
    return x.grad


def e5():
    x = torch.ones(3)
    x.copy_(torch.arange(3))
    x.fill_(2).clamp_(max=1.5).neg_().abs_().sub_(1, alpha=0.5)
    return x


def e6():
    x = torch.ones(2, 3)
    x.t_().squeeze_().unsqueeze_(0).transpose_(0, 1)
    return x.shape


def e7():
    x = torch.ones(3)
    x[:] = torch.tensor([1, 2, 3])
    x[1] = torch.tensor([7])
    x[...] *= 2
    return x


def e8():
    x = torch.ones(3, dtype=torch.int)
    x += 1.5


def e9():
    x = torch.ones(3)
    x += torch.ones(2, 3)


for n, f in list(globals().items()):
    if len(n) == 2 and callable(f):
        print(n, end=" ")
        t(f)
