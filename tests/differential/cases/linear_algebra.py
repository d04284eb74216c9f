"""Matrix products and their relatives, in every rank and dtype they accept."""

from __future__ import annotations

from cases import Case, lines

OPERANDS = "vector4 a w square cube batch row col flipped zero_d i d h q empty".split()
CASES: list[Case] = []
for x in OPERANDS:
    for y in OPERANDS:
        CASES.append(Case(f"torch.matmul({x}, {y})"))
for name in ("mm", "mv", "dot", "bmm", "outer", "inner"):
    CASES += [Case(f"torch.{name}({x}, {y})") for x, y in
              [("a", "w"), ("a", "vector4"), ("vector4", "row"), ("cube", "batch"), ("a", "b"),
               ("i", "i2"), ("cube", "a"), ("h", "h"), ("d", "a"), ("vector4", "vector6"),
               ("zero_d", "row")]]  # fmt: skip
CASES += lines(
    """
a @ w
a.matmul(w)
a.mm(w)
a.t().mm(b)
flipped @ w
stepped @ square
square @ square.t() @ vector4
cube @ w
w.t() @ cube.transpose(1, 2)
a @ a
a @ 2
2 @ a
torch.addmm(b[:, :1], a, w)
torch.addmm(torch.ones(5), a, w)
torch.addmm(torch.ones(3, 5), a, w, beta=0.5, alpha=2)
torch.addmm(torch.ones(4), a, w)
torch.addmv(torch.ones(3), a, vector4)
torch.addr(a, torch.ones(3), row)
torch.baddbmm(torch.ones(2, 3, 5), cube, batch)
torch.addbmm(torch.ones(3, 5), cube, batch)
i @ i2.t()
i.mm(i2.t())
m @ m.t()
u8 @ u8.t()
h @ h.t()
q @ q.t()
a @ d.t()
torch.tensordot(a, w, 1)
torch.tensordot(cube, batch, dims=([0, 2], [0, 1]))
torch.einsum("ij,jk->ik", a, w)
torch.einsum("ij->ji", a)
torch.einsum("ii->i", square)
torch.einsum("ii", square)
torch.einsum("i,j->ij", row, vector6)
torch.einsum("bij,bjk->bik", cube, batch)
torch.einsum("...ij,jk->...ik", cube, w)
torch.einsum("ij,ij->", a, b)
torch.einsum("ij,jk", a, w)
torch.einsum("ijk->j", cube)
torch.einsum("bij,bik,bjl->bkl", cube, cube, cube.transpose(1, 2)[:, :3])
torch.einsum("ij,jk->ik", a, a)
torch.einsum("ij->k", a)
torch.chain_matmul(a, square, w)
torch.linalg.multi_dot([a, square, w])
F.linear(a, square)
F.linear(a, square, vector4)
F.linear(cube, square, vector4)
F.linear(vector4, square)
F.linear(vector4, square, row)
F.linear(a, w)
F.linear(a, w.t())
F.linear(i, square)
F.linear(a, square, vector6)
F.linear(h, h)
F.bilinear(a, b, torch.ones(2, 4, 4))
torch.linalg.inv(square)
torch.inverse(square)
torch.det(square)
torch.linalg.det(square)
torch.slogdet(square)
torch.linalg.solve(square, vector4)
torch.linalg.cholesky(square @ square.t() + torch.eye(4))
torch.linalg.matrix_norm(a)
torch.linalg.qr(a)
torch.linalg.svdvals(a)
torch.linalg.eigvalsh(square + square.t())
torch.trace(square)
torch.matrix_power(square, 3)
torch.linalg.matrix_power(square, 2)
torch.vdot(vector4, row)
vector4.dot(row)
vector4.dot(vector6)
a.dot(b)
torch.cov(a)
torch.corrcoef(a)
torch.vander(row)
torch.cdist(a, square)
torch.cumulative_trapezoid(a)
F.scaled_dot_product_attention(cube, cube, cube)
F.scaled_dot_product_attention(cube, cube, cube, is_causal=True)
F.scaled_dot_product_attention(cube, cube, cube, attn_mask=torch.tensor([[True, True, False]] * 3))
"""
)
