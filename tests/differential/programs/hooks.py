"""Hooks of tensors, nodes and modules, saved tensor hooks, anomaly mode."""

import torch
import torch.nn as nn

torch.manual_seed(0)
m = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
act = {}


def get(name):

    def hook(mod, inp, out):
        act[name] = out.detach()

    return hook


hs = [l.register_forward_hook(get(n)) for n, l in m.named_modules() if n]
x = torch.randn(2, 3, requires_grad=True)
y = m(x)
print({k: (v.shape, round(v.sum().item(), 4)) for k, v in act.items()})
for h in hs:
    h.remove()


def pre(mod, args):
    return (args[0] * 2,)


h = m.register_forward_pre_hook(pre)
print(torch.allclose(m(x), m.forward(x * 2)))
h.remove()


def post(mod, a, o):
    return o + 1


with m.register_forward_hook(post):
    print(m(x) - y)


def bh(mod, gi, go):
    print(
        type(mod).__name__,
        [None if g is None else tuple(g.shape) for g in gi],
        [tuple(g.shape) for g in go],
    )


for l in m:
    l.register_full_backward_hook(bh)
m(x).sum().backward()
print(x.grad)
w = torch.ones(3, requires_grad=True)
h = w.register_hook(lambda g: g * 2)
(w * 3).sum().backward()
print(w.grad)
h.remove()
z = w * 2
z.register_hook(lambda g: print("z", g))
z.retain_grad()
(z**2).sum().backward()
print(z.grad)
w2 = torch.ones(2, requires_grad=True)
w2.register_post_accumulate_grad_hook(lambda p: print("acc", p.grad))
(w2 * 2).sum().backward()


def bad(g):
    raise KeyError("in hook")


w3 = torch.ones(2, requires_grad=True)
w3.register_hook(bad)
try:
    (w3 * 2).sum().backward()
except Exception as e:
    print(type(e).__name__, e)


def wrong(g):
    return torch.ones(5)


w4 = torch.ones(2, requires_grad=True)
w4.register_hook(wrong)
try:
    (w4 * 2).sum().backward()
except Exception as e:
    print(type(e).__name__, e)
try:
    torch.ones(2).register_hook(print)
except Exception as e:
    print(type(e).__name__, e)
y = w * 2
gf = y.grad_fn
gf.register_hook(lambda gi, go: print("node", gi, go))
gf.register_prehook(lambda go: print("pre", go))
y.sum().backward()
from torch.utils.hooks import RemovableHandle

print(isinstance(h, RemovableHandle))
from torch.nn.modules.module import register_module_forward_hook

gh = register_module_forward_hook(lambda mod, i, o: print("global", type(mod).__name__))
m(x)
gh.remove()
m.register_forward_hook(lambda mod, args, kwargs, out: print("kw", kwargs), with_kwargs=True)
m(x)


class Grad(nn.Module):
    def __init__(s):
        super().__init__()
        s.c = nn.Conv2d(1, 2, 3)
        s.fc = nn.Linear(2, 3)
        s.g = None

    def forward(s, x):
        f = s.c(x)
        f.register_hook(lambda g: setattr(s, "g", g))
        s.f = f
        return s.fc(f.mean((2, 3)))


gm = Grad()
o = gm(torch.randn(1, 1, 6, 6))
o[0, o.argmax()].backward()
cam = (gm.g.mean((2, 3), keepdim=True) * gm.f).sum(1).relu()
print(cam)
with torch.autograd.graph.saved_tensors_hooks(
    lambda t: (print("pack", t.shape), t)[1], lambda t: (print("unpack", t.shape), t)[1]
):
    a = torch.ones(2, requires_grad=True)
    b = (a * a).exp()
b.sum().backward()
print(a.grad)
with torch.autograd.detect_anomaly(check_nan=True):
    q = torch.tensor([-1.0], requires_grad=True)
    try:
        torch.sqrt(q).backward()
    except RuntimeError as e:
        print(e)
