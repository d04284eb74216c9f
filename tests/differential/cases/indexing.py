"""Reading and writing with every form of index, and the indexing functions."""

from __future__ import annotations

import random

from cases import Case, lines

KINDS = "int int slice slice slice none dots list tensor mask bool".split()


def generated(count: int) -> list[str]:
    """Index expressions for a tensor of shape (2, 3, 4), made by a fixed stream."""
    source = random.Random(7)
    extents = (2, 3, 4)
    made = []
    for _ in range(count):
        parts: list[str] = []
        dimension = 0
        used_ellipsis = False
        while dimension < 3 and source.random() < 0.9:
            n = extents[dimension]
            kind = source.choice(KINDS)
            if kind == "int":
                parts.append(str(source.randrange(-n, n)))
            elif kind == "slice":
                low = source.choice(["", str(source.randrange(-n - 1, n + 1))])
                high = source.choice(["", str(source.randrange(-n - 1, n + 2))])
                step = source.choice(["", "", ":1", ":2", ":3"])
                parts.append(f"{low}:{high}{step}")
            elif kind == "none":
                parts.append("None")
                continue
            elif kind == "bool":
                parts.append(source.choice(["True", "False"]) if source.random() < 0.2 else "None")
                continue
            elif kind == "dots":
                if used_ellipsis:
                    continue
                used_ellipsis = True
                parts.append("...")
                break
            elif kind == "list":
                values = [source.randrange(-n, n) for _ in range(2)]
                parts.append(str(values))
            elif kind == "tensor":
                values = [source.randrange(-n, n) for _ in range(2)]
                text = f"torch.tensor({values})"
                column, single = f"{text}[:, None]", f"torch.tensor({values[0]})"
                parts.append(source.choice([text, column, single]))
            else:
                mask = [source.random() < 0.6 for _ in range(n)]
                parts.append(f"torch.tensor({mask})")
            dimension += 1
        if parts:
            made.append(", ".join(parts))
    return sorted(set(made))


INDICES = generated(260)
CASES: list[Case] = [Case(f"cube[{index}]", "exact", n % 4 == 0, False)
                     for n, index in enumerate(INDICES)]
CASES += [Case(f"cube[{index}] = -1.5", "exact", False) for index in INDICES[::2]]
CASES += [Case(f"x = cube.clone(); x[{index}] = zero_d; x", "exact", True, False)
          for index in INDICES[1::8]]
CASES += [Case(f"x = cube * 1; y = x[{index}] * 2; x[{index}] = y; x", "exact", True, False)
          for index in INDICES[3::8]]
CASES += lines(
    """
a[0]
a[-1, 2]
a[0, 0]
a[3]
a[0, 4]
a[0, 0, 0]
a[...]
a[:]
a[None]
a[..., None]
a[..., 0]
a[1:]
a[::2, 1::2]
a[::-1]
a[5:2]
a[1.0]
a["x"]
a[[0, 2]]
a[[0, 2], [1, 3]]
a[[True, False, True]]
a[m]
a[m3]
a[m3, 1]
a[:, m_row]
a[m_row]
a[zero_m]
a[True]
a[False]
a[()]
zero_d[()]
zero_d[None]
zero_d[0]
zero_d[...]
a[index3]
a[index3, index3]
a[:, index_row]
a[index3][:, index_row]
a[index]
a[index3.to(torch.int32)]
a[u8]
a[u8.bool()]
a[row]
a[torch.tensor([5])]
a[torch.tensor([], dtype=torch.int64)]
a[range(2)]
a[np.array([0, 2])]
a[np.int64(1)]
a[(0, 1)]
a[0][1]
a[slice(0, 2), slice(None)]
cube[:, index3]
cube[0, :, index_row]
cube[index3[:2], :, index_row[:2]]
cube[:, index3, None, index3]
cube[..., index_row]
a[a > 0]
a[a > 100]
a[i > 0]
a.flatten()[index_row]
a[m, 0]
i[m]
m[m]
x = a.clone(); x[0] = 5; x
x = a.clone(); x[0] = row; x
x = a.clone(); x[m] = 0; x
x = a.clone(); x[m] = row; x
x = a.clone(); x[index3] = b; x
x = a.clone(); x[index3, index3] = 1.5; x
x = a.clone(); x[:, 1:3] = col; x
x = a.clone(); x[0] = torch.ones(5); x
x = a.clone(); x[m] = torch.ones(3); x
x = a.clone(); x[...] = 7; x
x = a.clone(); x[a > 0] *= 2; x
x = a.clone(); x[0] += 1; x
x = a.clone(); x[:, 0] = x[:, 1]; x
x = a.clone(); x[1, 2] = zero_d; x
x = a.clone(); x[5] = 1; x
x = a.clone(); x["k"] = 1; x
x = a.clone(); x[0] = "k"; x
x = a.clone(); x[0] = [1, 2, 3, 4]; x
x = i.clone(); x[0] = 2.7; x
x = i.clone(); x[0] = row; x
x = m.clone(); x[0] = 3; x
x = a.clone(); x[0] = i_row; x
x = a.clone(); x[0] = d[0]; x
x = a.clone(); x[0, 0] = one; x
x = a.clone(); x[None, 0] = row; x
x = a.clone(); x[index3, 0] = zero_d; x
x = a.clone(); x[[0, 0, 1]] = b; x
a[0] = 1.0
a[m] = 1.0
torch.gather(a, 1, index)
torch.gather(a, 0, index)
a.gather(1, index)
a.gather(dim=-1, index=index[:, :2])
torch.gather(a, 1, index[0])
torch.gather(a, 1, index + 5)
torch.gather(a, 1, i32)
torch.gather(a, 5, index)
torch.gather(input=a, dim=1, index=index)
torch.index_select(a, 0, index3)
torch.index_select(a, 1, index_row)
a.index_select(0, index3)
a.index_select(0, torch.tensor([7]))
a.index_select(0, index)
torch.masked_select(a, m)
a.masked_select(m_row)
a.masked_fill(m, 9.0)
a.masked_fill(m_row, zero_d)
a.masked_fill(m, float("-inf"))
a.masked_fill(i, 1.0)
a.masked_fill(a < 0, 0)
a.masked_fill_(m, 2)
a.clone().masked_fill_(m, 2)
a.masked_scatter(m, b)
torch.scatter(a, 1, index, b)
torch.scatter(a, 0, index, b)
torch.scatter(a, 1, index, 2.5)
a.scatter(1, index[:, :2], b)
a.scatter(dim=1, index=index, src=b)
a.scatter(1, index, value=1.0)
a.scatter(1, index, b, reduce="add")
torch.scatter_add(a, 1, index, b)
torch.scatter_add(a, 0, index, b)
a.clone().scatter_(1, index, 1.0)
a.clone().scatter_add_(0, index, b)
torch.zeros(5, 7).scatter_(1, target.unsqueeze(1), 1)
torch.scatter(a, 1, index + 9, b)
torch.scatter(a, 1, index, i)
torch.scatter_reduce(a, 1, index, b, reduce="sum")
torch.scatter_reduce(a, 1, index, b, reduce="amax")
torch.scatter_reduce(a, 1, index, b, reduce="mean", include_self=False)
torch.index_add(a, 0, index3, b)
torch.index_add(a, 0, index3, b, alpha=2)
a.clone().index_add_(1, index_row, b)
torch.index_copy(a, 0, index3, b)
a.clone().index_copy_(0, index3, b)
torch.index_fill(a, 0, index3[:2], 3.0)
a.clone().index_fill_(1, index_row, 2)
a.index_put((index3, index3), row[:3])
a.clone().index_put_((index3, index3), torch.ones(3), accumulate=True)
a.clone().index_put_((torch.tensor([0, 0]),), torch.ones(4), accumulate=True)
torch.take(a, index)
torch.take_along_dim(a, index, 1)
torch.nonzero(i)
torch.nonzero(m)
torch.nonzero(i, as_tuple=True)
torch.nonzero(zero_d)
i.nonzero()
m.nonzero(as_tuple=True)
torch.argwhere(i)
torch.tril_indices(3, 4)
torch.triu_indices(3, 3, 1)
F.embedding(tokens, w.t().reshape(10, 2))
F.embedding(tokens, logits)
F.embedding(tokens, torch.ones(6, 2), padding_idx=1)
F.embedding(tokens + 3, square)
F.embedding(tokens.to(torch.int32), square.repeat(2, 1))
F.embedding(a, square)
torch.isin(i, i2)
""",
    "exact",
)
