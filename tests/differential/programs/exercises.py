"""Exercises in indexing and broadcasting, and what goes wrong in daily work."""

import numpy as np
import torch

torch.manual_seed(0)
Z = torch.zeros(10)
Z[4] = 1
print(Z)
print(torch.arange(10, 50).flip(0)[:5])
print(
    torch.nonzero(torch.tensor([1, 2, 0, 0, 4, 0])),
    torch.tensor([1, 2, 0, 4]).nonzero(as_tuple=True),
)
print(torch.eye(3))
Z = torch.rand(3, 3, 3)
print(Z.min(), Z.max(), Z.mean())
Z = torch.ones(6, 6)
Z[1:-1, 1:-1] = 0
print(Z)
print(torch.nn.functional.pad(torch.ones(2, 2), (1, 1, 1, 1), value=0))
print(
    0 * float("nan"),
    torch.tensor(float("nan")) == torch.tensor(float("nan")),
    torch.tensor(0.3) == 3 * torch.tensor(0.1),
)
print(torch.diag(1 + torch.arange(4), -1))
Z = torch.zeros(8, 8, dtype=torch.int)
Z[1::2, ::2] = 1
Z[::2, 1::2] = 1
print(Z)
print(np.unravel_index(99, (6, 7, 8)))
print(torch.tensor([[0, 1], [1, 0]]).tile((2, 3)))
Z = torch.rand(5, 5)
print((Z - Z.mean()) / Z.std())
print(torch.ones(5, 3) @ torch.ones(3, 2))
Z = torch.arange(11)
Z[(3 < Z) & (Z < 8)] *= -1
print(Z)
print(sum(range(5), -1), torch.arange(5).sum())
Z = torch.arange(5)
print(Z**Z, 2 << Z >> 2, Z < -Z, Z / 1 / 1, Z // 2, -Z % 3)
print(
    torch.tensor(0) / torch.tensor(0),
    torch.tensor(1.0) / 0,
    torch.tensor([float("nan")]).to(torch.int).shape,
)
Z = torch.empty(10).uniform_(-10, 10)
print(torch.copysign(Z.abs().ceil(), Z))
print(np.intersect1d(torch.arange(4), torch.arange(2, 6)))
print(torch.linspace(0, 1, 11)[1:-1], torch.rand(10).sort())
Z = torch.cartesian_prod(torch.arange(2), torch.arange(3))
print(Z)
X, Y = torch.meshgrid(torch.linspace(0, 1, 3), torch.linspace(0, 1, 3), indexing="ij")
print(X, Y)
x = torch.arange(8)
y = x + 0.5
C = 1.0 / torch.subtract(x[:, None], y[None])
print(torch.linalg.det(C) if hasattr(torch.linalg, "detx") else C[0])
for dt in (torch.int8, torch.int32, torch.int64):
    print(torch.iinfo(dt).min, torch.iinfo(dt).max, torch.iinfo(dt))
for dt in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
    print(torch.finfo(dt).min, torch.finfo(dt).eps, torch.finfo(dt))
Z = torch.arange(9).reshape(3, 3)
for i, v in enumerate(Z.flatten()):
    print(i, v, end=" ")
print()
A = torch.arange(25).reshape(5, 5)
A[[0, 1]] = A[[1, 0]]
print(A)
Z = torch.rand(10, 2)
D = (Z[:, None] - Z[None]).pow(2).sum(-1).sqrt()
print(D[0])
f = torch.arange(5)
print(f.bincount(weights=torch.ones(5) * 2))
I = torch.tensor([1, 3, 9, 3, 4, 1])
print(torch.zeros(10).index_add_(0, I, torch.arange(1.0, 7.0)), torch.bincount(I))
w, h = (16, 16)
img = torch.randint(0, 2, (h, w, 3), dtype=torch.uint8)
F = img[..., 0] * 65536 + img[..., 1] * 256 + img[..., 2]
print(len(torch.unique(F)), F.dtype)
A = torch.randint(0, 10, (3, 4, 3, 4))
print(A.sum(dim=(-2, -1)))
D = torch.rand(20)
S = torch.randint(0, 5, (20,))
print(torch.zeros(5).scatter_add(0, S, D) / torch.zeros(5).scatter_add(0, S, torch.ones(20)))
A = torch.rand(5, 5)
B = torch.rand(5, 5)
print(torch.diag(A @ B), (A * B.T).sum(1), torch.einsum("ij,ji->i", A, B))
Z = torch.tensor([1, 2, 3, 4, 5])
Z0 = torch.zeros(len(Z) + (len(Z) - 1) * 3, dtype=Z.dtype)
Z0[::4] = Z
print(Z0)
print((torch.ones(5, 5, 3) * 2 * torch.ones(5, 5)[:, :, None]).sum())
print(Z.unfold(0, 3, 1), Z.roll(2), torch.arange(14).unfold(0, 4, 2))
Z = torch.randint(0, 5, (6, 3))
print(
    Z,
    Z[(Z[:, 1:] != Z[:, :-1]).any(1)],
    torch.unique(Z, dim=0),
    torch.unique(Z, return_inverse=True, return_counts=True),
)
print(torch.unique_consecutive(torch.tensor([1, 1, 2, 2, 1])))
I = torch.tensor([0, 1, 2, 3, 15, 16, 32, 64, 128], dtype=torch.uint8)
B = (I.reshape(-1, 1) & 2 ** torch.arange(8) != 0).int()
print(B.flip(1))
print(
    torch.einsum("i->", A[0]),
    torch.einsum("i,j->ij", A[0], B[0, :5].float()).shape,
    torch.einsum("...ij->...ji", torch.ones(2, 3, 4)).shape,
)
x = torch.arange(24).view(2, 3, 4)
print(
    x[0, ..., 1],
    x[:, None].shape,
    x[..., None].shape,
    x[:, [0, 2]],
    x[torch.tensor([True, False])],
    x[x % 5 == 0],
    x[:, torch.tensor([[0, 1], [1, 2]])].shape,
    x[0][[0, 1], [1, 2]],
    x[[0, 1], :, [1, 2]],
    x[-1, -1, -1],
    x[::1, 1::2, ::3],
    x[1:1].shape,
)
x = x.clone().float()
x[:, 0] = torch.tensor([1.0, 2, 3, 4])
x[..., -1] = 0
x[x > 20] = -1
x[[0, 0], [1, 1]] = 7
x[torch.tensor([1])] += 0.5
print(x)
x[0, :, 1:3] = torch.eye(3)[:, :2]
print(x[0])
for bad in (
    lambda: x[5],
    lambda: x[0, 0, 0, 0],
    lambda: x[[3]],
    lambda: x[torch.tensor([1.0])],
    lambda: x["a"],
    lambda: x[::-1],
    lambda: x[torch.tensor([True])],
    lambda: x.__setitem__(0, torch.ones(5)),
    lambda: x[1.5],
    lambda: x[torch.tensor([0, 1]), torch.tensor([0, 1, 2])],
    lambda: torch.ones(2, 3) @ torch.ones(2, 3),
    lambda: torch.ones(2) + torch.ones(3),
    lambda: x.view(5, 5),
    lambda: x.transpose(0, 1).view(-1),
    lambda: torch.cat([torch.ones(2, 2), torch.ones(3, 3)]),
    lambda: torch.stack([torch.ones(2), torch.ones(3)]),
    lambda: x.squeeze(7),
    lambda: torch.ones(3).item(),
    lambda: bool(torch.ones(2)),
    lambda: int(torch.ones(2)),
    lambda: len(torch.tensor(1)),
    lambda: iter(torch.tensor(1)),
    lambda: torch.tensor([[1], [2, 3]]),
    lambda: torch.tensor(["a"]),
    lambda: torch.zeros(-1),
    lambda: x.reshape(-1, -1),
    lambda: x.expand(1, 1),
    lambda: torch.arange(1, 0),
    lambda: torch.mean(torch.arange(3)),
    lambda: torch.ones(2, dtype=torch.int).add_(1.5),
    lambda: x.permute(0, 1),
    lambda: torch.gather(x, 0, torch.ones(1, dtype=torch.int32)),
    lambda: x.topk(9),
    lambda: torch.empty(0).max(),
    lambda: torch.empty(0, 3).argmax(0),
    lambda: x.chunk(0),
    lambda: torch.split(x, [1, 2]),
    lambda: torch.bmm(x, x),
    lambda: torch.mm(x, x),
    lambda: torch.dot(torch.ones(2), torch.ones(3)),
    lambda: x.foo,
    lambda: torch.foo,
    lambda: torch.ones(2).numpy(1, 2),
    lambda: torch.ones(2, requires_grad=True).numpy(),
    lambda: torch.add(1, "a"),
    lambda: torch.ones(3, 4, bad=1),
    lambda: torch.sum(x, axis=9),
    lambda: torch.zeros(2).to("xpuu"),
    lambda: torch.zeros(2).cuda(),
    lambda: torch.device("foo"),
    lambda: torch.randint(5, 5, (1,)),
    lambda: torch.multinomial(torch.tensor([-1.0, 2]), 1),
    lambda: torch.from_numpy([1]),
    lambda: torch.full((2,), "a"),
    lambda: torch.softmax(x),
    lambda: torch.nn.functional.cross_entropy(torch.rand(2, 3), torch.tensor([0, 5])),
    lambda: torch.nn.functional.cross_entropy(torch.rand(2, 3), torch.tensor([0])),
    lambda: torch.nn.functional.nll_loss(torch.rand(2, 3), torch.rand(2)),
    lambda: torch.nn.functional.one_hot(torch.tensor([3]), 2),
    lambda: torch.nn.functional.mse_loss(torch.rand(2), None),
    lambda: torch.nn.Linear(2, 3)(torch.rand(4, 5)),
    lambda: torch.nn.Linear(2, 3)(torch.ones(2, dtype=torch.long)),
    lambda: torch.nn.Linear(2, 3)(torch.ones(2).double()),
    lambda: torch.nn.Conv2d(1, 1, 3)(torch.ones(2, 2)),
    lambda: torch.nn.Conv2d(1, 1, 5)(torch.ones(1, 1, 2, 2)),
    lambda: torch.nn.BatchNorm1d(3)(torch.ones(1, 3)),
    lambda: torch.nn.BatchNorm2d(3)(torch.ones(2, 3)),
    lambda: torch.nn.LayerNorm(3)(torch.ones(2, 4)),
    lambda: torch.nn.LSTM(3, 4)(torch.ones(2, 3, 5)),
    lambda: torch.nn.Dropout(1.5),
    lambda: torch.nn.Sequential(1),
):
    try:
        r = bad()
        print("ok", tuple(r.shape) if hasattr(r, "shape") else r)
    except Exception as e:
        print(type(e).__name__, "|", str(e).splitlines()[0] if str(e) else "")
