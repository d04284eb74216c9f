"""Every source of random numbers after one seed."""

import random

import torch

torch.manual_seed(42)
print(
    torch.randn(3),
    torch.rand(2, 2),
    torch.randint(10, (5,)),
    torch.randperm(7),
    torch.normal(0.0, 1.0, (3,)),
    torch.normal(torch.zeros(2), torch.ones(2)),
    torch.normal(torch.zeros(20), 1.0)[:3],
    torch.bernoulli(torch.full((5,), 0.5)),
    torch.randn(17)[:2],
    torch.randn(16).double()[:2],
    torch.randn(5, dtype=torch.double),
    torch.rand(3, dtype=torch.float64),
    torch.rand(3, dtype=torch.half),
    torch.randn(3, dtype=torch.bfloat16),
    torch.randint(-5, 5, (2, 2), dtype=torch.int8),
    torch.randint(0, 2**40, (2,)),
    torch.empty(3).exponential_(),
    torch.empty(3).uniform_(1, 2),
    torch.empty(3).normal_(1, 2),
    torch.empty(20).normal_()[:3],
    torch.empty(3).geometric_(0.3),
    torch.empty(3).cauchy_(),
    torch.empty(3).log_normal_(),
    torch.empty(4).bernoulli_(0.3),
    torch.empty(4).random_(5),
    torch.empty(4, dtype=torch.int).random_(),
    torch.poisson(torch.tensor([3.0, 10.0, 0.5])),
    torch.multinomial(torch.tensor([0.1, 0.2, 0.7]), 2),
    torch.multinomial(torch.ones(2, 4), 3, replacement=True),
    sep="\n",
)
print(
    torch.nn.Dropout(0.5)(torch.ones(20)),
    torch.nn.functional.dropout(torch.ones(2, 3), 0.2, training=False),
    torch.nn.functional.rrelu(-torch.ones(3), training=True),
    torch.nn.functional.gumbel_softmax(torch.zeros(3)),
)
s = torch.get_rng_state()
a = torch.rand(3)
torch.set_rng_state(s)
print(torch.equal(a, torch.rand(3)), s.shape, s.dtype)
g = torch.Generator()
print(
    g.initial_seed(),
    g.manual_seed(3) is g,
    torch.rand(2, generator=g),
    torch.randperm(4, generator=g),
    g.device,
)
g2 = torch.Generator().manual_seed(9)
g.set_state(g2.get_state())
print(
    torch.rand(1, generator=g) == torch.rand(1, generator=g2),
    torch.randn(2, 2, generator=g),
    torch.randint(3, (4,), generator=g),
)
with torch.random.fork_rng():
    torch.manual_seed(0)
    print(torch.rand(1))
print(torch.rand(1))
print(torch.initial_seed())
torch.seed()
torch.manual_seed(2**63)
print(torch.rand(1))
torch.manual_seed(-1)
print(torch.rand(1))
torch.manual_seed(0)
print(
    torch.rand_like(torch.ones(2)),
    torch.randn_like(torch.ones(2, 2)),
    torch.randint_like(torch.ones(3), 5),
    torch.randn(0),
    torch.randn(()),
    torch.rand(2, 1, requires_grad=True),
)
x = torch.randn(100000)
print(f"{x.mean():.5f} {x.std():.5f} {torch.rand(100000).mean():.5f}")
print(torch.randperm(100000)[:5], torch.randint(0, 1000, (100000,)).float().mean())
x = torch.randn(33, 5)
print(x[-1], torch.randn(3, 5).t()[0])
torch.manual_seed(5)
m = torch.nn.Linear(3, 2)
print(m.weight, m.bias)
torch.nn.init.trunc_normal_(m.weight, std=0.02)
print(m.weight)
try:
    torch.manual_seed("a")
except Exception as e:
    print(type(e).__name__)
try:
    torch.rand(2, generator=5)
except Exception as e:
    print(type(e).__name__, str(e).splitlines()[0])
torch.cuda.manual_seed_all(0)
torch.cuda.manual_seed(1)
random.seed(1)
print(random.random(), torch.default_generator.initial_seed(), torch.random.initial_seed())
