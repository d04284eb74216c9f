"""GradScaler on the CPU, autocast that is switched off."""

import warnings

import torch

warnings.simplefilter("always")


def t(f):
    try:
        print("ok", f())
    except Exception as e:
        print(type(e).__name__, "|", str(e)[:300])


s = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
w = torch.ones(2, requires_grad=True)
o = torch.optim.SGD([w], lr=0.1)
for i in range(6):
    l = (w * 2).sum()
    if i == 3:
        l = l * float("inf")
    o.zero_grad()
    sl = s.scale(l)
    sl.backward()
    if i % 2:
        s.unscale_(o)
        print(w.grad)
    r = s.step(o)
    s.update()
    print(i, sl, w, s.get_scale(), r)
print(
    s.state_dict(),
    s.is_enabled(),
    s.get_growth_factor(),
    s.get_backoff_factor(),
    s.get_growth_interval(),
)
t(lambda: s.step(o))
t(lambda: s.update())
t(lambda: s.unscale_(o))


def two():
    s.scale((w * 2).sum()).backward()
    s.unscale_(o)
    s.unscale_(o)


t(two)
s.step(o)
t(lambda: s.step(o))
t(lambda: s.unscale_(o))
s.update()
t(lambda: s.scale([torch.ones(1), (torch.ones(1),)]))
s.update(16.0)
print(s.get_scale())
s2 = torch.amp.GradScaler("cpu")
s2.load_state_dict(s.state_dict())
print(s2.get_scale())
t(lambda: s2.load_state_dict({}))
d = torch.amp.GradScaler("cpu", enabled=False)
print(d.state_dict(), d.get_scale(), d.scale(w) is w, d.is_enabled())
t(lambda: d.load_state_dict({}))
t(lambda: d.update())
t(lambda: torch.amp.GradScaler().is_enabled())
t(lambda: torch.cuda.amp.GradScaler().is_enabled())
t(lambda: torch.cuda.amp.GradScaler(enabled=False).is_enabled())
t(lambda: torch.amp.GradScaler("cpu", growth_factor=0.5))
t(lambda: torch.amp.GradScaler("cpu", backoff_factor=1.5))
for f in (
    lambda: torch.autocast("cuda"),
    lambda: torch.autocast("cuda", enabled=False),
    lambda: torch.autocast("cpu", enabled=False),
    lambda: torch.autocast(device_type="cpu", dtype=torch.float64, enabled=False),
    lambda: torch.autocast("foo"),
    lambda: torch.amp.autocast("cpu", dtype=torch.bfloat16, enabled=False),
    lambda: torch.cuda.amp.autocast(),
    lambda: torch.cuda.amp.autocast(False),
    lambda: torch.autocast(3),
):

    def g():
        with f():
            return (
                (torch.ones(2, 2) @ torch.ones(2, 2)).dtype,
                torch.is_autocast_enabled("cuda"),
                torch.is_autocast_enabled(),
                torch.is_autocast_cpu_enabled() if 0 else "",
            )

    t(g)


@torch.autocast("cpu", enabled=False)
def f(x):
    return x @ x


print(
    f(torch.ones(2, 2)).dtype,
    torch.is_autocast_enabled(),
    torch.amp.is_autocast_available("cpu"),
    torch.amp.is_autocast_available("cuda"),
    torch.is_autocast_enabled("cpu"),
    torch.autocast is torch.amp.autocast,
    torch.autocast,
    torch.amp.GradScaler,
)
