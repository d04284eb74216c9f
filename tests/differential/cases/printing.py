"""repr and str of tensors and their relatives."""
# ruff: noqa: E501 - a case is one line, however long.

from __future__ import annotations

from cases import Case, lines

TENSORS = """a b row col zero_d one empty cube flipped stepped expanded square batch image logits
long_row tall special special_col d zero_d64 h q zero_half zero_q i i_row zero_i i32 i16 i8 u8 m m_row
zero_m index nans ties p g volume""".split()
FORMS = ["{}", "{} * 1000", "{} / 1000", "{} * 1e-6", "{} * 123456.0", "{} > 0", "{}.int()"]
CASES: list[Case] = [Case(f"repr({form.format(x)})", "exact", False)
                     for x in TENSORS for form in FORMS]
for x in ("a", "zero_d", "empty", "d", "h", "q", "flipped"):
    for tail in ("", " * 2", ".sum()", ".exp()", ".t()" if x == "a" else ".abs()", ".detach()"):
        CASES.append(Case(f"repr(({x}.requires_grad_()){tail})", "exact", False))
CASES += lines(
    """
str(a)
f"{zero_d:.4f}"
f"{zero_d}"
f"{a}"
f"{zero_i:03d}"
"{:.2f}".format(one)
"%.3f" % zero_d
f"{zero_m}"
repr([a, i])
repr((zero_d, zero_i))
repr({"x": row})
repr(torch.tensor(1.0))
repr(torch.tensor(1e10))
repr(torch.tensor([1.0, 1e10]))
repr(torch.tensor([1e-10, 1.0]))
repr(torch.tensor([1.0, 2.0, 3.0]))
repr(torch.tensor([1e5, 1.0]))
repr(torch.tensor([1e8, 1.0]))
repr(torch.tensor([0.1, 1234567.0]))
repr(torch.tensor([float("nan"), 1.0]))
repr(torch.tensor([float("inf"), -float("inf"), 2.5]))
repr(torch.tensor([0.0, -0.0]))
repr(torch.tensor(-0.0))
repr(torch.tensor([True, False]))
repr(torch.tensor([], dtype=torch.int64))
repr(torch.zeros(0, 3))
repr(torch.zeros(2, 0, 3))
repr(torch.zeros(1001))
repr(torch.zeros(1000))
repr(torch.ones(50, 50))
repr(torch.ones(3, 400))
repr(torch.ones(20, 20, 20))
repr(torch.arange(2000.0))
repr(torch.arange(100).reshape(10, 10))
repr(torch.tensor([123456789, -5]))
repr(torch.tensor([2**40]))
repr(torch.tensor(1j))
repr(torch.tensor([1 + 2j, 0.5 - 1j]))
repr(torch.tensor([1.5], dtype=torch.float16))
repr(torch.tensor([1.1], dtype=torch.float64))
repr(torch.tensor([0.1], dtype=torch.bfloat16))
repr(nn.Parameter(a))
repr(nn.Parameter(zero_d))
repr(torch.Size([]))
repr(torch.Size([1, 2]))
str(a.shape)
repr(a.dtype)
repr(a.device)
repr(a.layout)
repr(torch.float16), str(torch.bfloat16), repr(torch.bool)
repr(torch.max(a, 1))
repr(torch.max(a.requires_grad_(), 1))
repr(torch.sort(row))
repr(torch.topk(row, 2))
repr(torch.var_mean(a, 0))
repr(torch.finfo(torch.float32))
repr(torch.iinfo(torch.int64))
repr(torch.Generator())
repr(torch.no_grad())
torch.set_printoptions(precision=2); x = repr(a); torch.set_printoptions(profile="default"); x
torch.set_printoptions(sci_mode=True); x = repr(a); torch.set_printoptions(profile="default"); x
torch.set_printoptions(sci_mode=False); x = repr(a * 1e-6); torch.set_printoptions(profile="default"); x
torch.set_printoptions(threshold=5, edgeitems=1); x = repr(tall); torch.set_printoptions(profile="default"); x
torch.set_printoptions(linewidth=40); x = repr(cube); torch.set_printoptions(profile="default"); x
torch.set_printoptions(profile="short"); x = repr(a); torch.set_printoptions(profile="default"); x
torch.set_printoptions(profile="full"); x = len(repr(long_row)); torch.set_printoptions(profile="default"); x
repr(torch.Tensor), repr(nn.Parameter), repr(torch.dtype), repr(torch.device)
repr(nn.Linear), repr(optim.SGD), repr(nn.Module)
repr(a.grad_fn), repr((a.requires_grad_() * 2).grad_fn)[:20]
repr(a.requires_grad_().view(-1)), repr(a[0])
repr(torch.nn.functional.relu)[:14]
type(a), type(a.shape), type(a.dtype), type(a.device)
repr(a.data), repr(a.requires_grad_().data)
print(a, i, m)
repr(a.size()), str(a.size(0))
repr(torch.zeros(3, requires_grad=True)), repr(torch.zeros(3, dtype=torch.float64, requires_grad=True))
""",
    "exact",
    gradients=False,
)
