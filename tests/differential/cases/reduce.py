"""Reductions and scans: dimensions in every form, keepdim, dtypes, ties, NaN, empty tensors."""

from __future__ import annotations

from cases import Case, lines

TENSORS = "a zero_d flipped stepped cube d h q i u8 m ties nans empty".split()
FORMS = ["", ", 0", ", -1", ", dim=1", ", 1, True", ", dim=0, keepdim=True", ", (0, 1)", ", dim=()",
         ", dim=None", ", 5", ", -3"]  # fmt: skip
CASES: list[Case] = []
for name in ("sum", "mean", "amax", "amin", "nansum", "nanmean", "var", "std", "all", "any",
             "count_nonzero"):  # fmt: skip
    for x in TENSORS:
        CASES += [Case(f"torch.{name}({x}{form})") for form in FORMS
                  if name != "count_nonzero" or "keepdim" not in form and "True" not in form]
for name in ("max", "min", "argmax", "argmin", "prod", "median", "nanmedian", "mode", "cumsum",
             "cumprod", "logcumsumexp", "cummax", "cummin", "logsumexp", "softmax", "log_softmax",
             "sort", "argsort", "norm", "aminmax", "unbind", "kthvalue", "topk"):  # fmt: skip
    forms = ["", ", 0", ", -1", ", 1", ", dim=0", ", 0, True", ", 5"]
    if name in ("kthvalue", "topk"):
        forms = [", 2", ", 2, 0", ", k=1, dim=-1", ", 9", ", 1, 0, True"]
    if name == "aminmax":
        forms = ["", ", dim=0", ", dim=1, keepdim=True"]
    for x in TENSORS:
        CASES += [Case(f"torch.{name}({x}{form})") for form in forms]
METHODS = "sum mean amax amin all any max min argmax argmin prod median norm std var unique".split()
CASES += [Case(f"a.{name}()") for name in METHODS]
CASES += [Case(f"cube.{name}(1)") for name in METHODS if name != "unique"]
CASES += lines(
    """
torch.sum(a, dtype=torch.float64)
torch.sum(i, dtype=torch.float32)
torch.sum(a, 0, dtype=torch.float64)
torch.sum(a, dtype=torch.int64)
torch.sum(h, dtype=torch.float32)
torch.sum(cube, (0, 2))
torch.sum(cube, (0, 2), keepdim=True)
torch.sum(cube, [0, -1])
torch.sum(a, (0, 0))
cube.sum((0, 1, 2))
cube.sum(0, 1)
cube.sum(axis=1)
cube.mean(axis=(0, 2))
torch.mean(i, dtype=torch.float32)
torch.mean(a, 0, dtype=torch.float64)
torch.prod(a, dtype=torch.float64)
torch.prod(i2)
torch.prod(torch.tensor([[0.0, 2.0], [3.0, 4.0]]))
torch.cumsum(i, 0)
torch.cumsum(i, 0, dtype=torch.float32)
torch.cumsum(a, 0, dtype=torch.float64)
torch.cumsum(m, 0)
torch.cumprod(a, 1, dtype=torch.float64)
torch.var(a, correction=0)
torch.var(a, 0, correction=2)
torch.var(a, unbiased=False)
torch.var(a, 1, False)
torch.std(a, 0, unbiased=True, keepdim=True)
torch.std(cube, (0, 2))
torch.var_mean(a)
torch.var_mean(cube, dim=(0, 2), keepdim=True)
torch.std_mean(a, 1)
torch.norm(a, 1)
torch.norm(a, 2, 0)
torch.norm(a, p="fro")
torch.norm(a, float("inf"))
torch.norm(a, 0)
torch.norm(a, 3, dim=1, keepdim=True)
a.norm(2)
a.norm(dim=1)
a.norm(p=2, dim=1, keepdim=True)
torch.linalg.norm(a)
torch.linalg.vector_norm(a)
torch.linalg.vector_norm(a, 1, dim=0)
torch.linalg.vector_norm(a, float("inf"))
torch.logsumexp(a, (0, 1))
torch.logsumexp(special, 0)
torch.logsumexp(i, 0)
torch.softmax(a, -1, dtype=torch.float64)
torch.softmax(i, 0, dtype=torch.float32)
torch.softmax(special, 0)
F.softmax(a, dim=1)
F.softmax(a)
F.softmax(cube)
F.log_softmax(a, dim=-1)
F.softmin(a, dim=1)
a.softmax(-1)
a.log_softmax(dim=0)
torch.max(a, b)
torch.min(a, row)
torch.max(a, 1).values
torch.max(a, 1).indices
torch.max(a, dim=1)[0]
a.max(1, keepdim=True)
a.max(dim=0)
a.min(-1)
torch.argmax(a, keepdim=True)
torch.argmax(ties, dim=1)
a.argmax(1)
a.argmax(dim=-1, keepdim=True)
torch.topk(a, 2, largest=False)
torch.topk(a, 2, dim=0, largest=True, sorted=True)
a.topk(3)
torch.topk(a, 2).values
torch.topk(i32, 2)
torch.topk(long_row, 5)
torch.sort(a, descending=True)
torch.sort(a, 0, descending=True)
torch.sort(a, stable=True)
torch.sort(ties, stable=True, descending=True)
torch.sort(long_row)
a.sort()
a.sort(0, True)
a.argsort(descending=True)
torch.argsort(a, 0, True)
torch.msort(a)
torch.kthvalue(a, 2, 0, True)
torch.median(a, 1)
torch.median(torch.tensor([1.0, 2.0, 3.0, 4.0]))
torch.quantile(a, 0.3)
torch.quantile(a, torch.tensor([0.1, 0.5]), dim=1)
torch.quantile(a, 0.5, dim=0, keepdim=True)
torch.quantile(a, 0.4, interpolation="nearest")
torch.nanquantile(nans, 0.5)
torch.unique(i)
torch.unique(i, return_inverse=True)
torch.unique(i, return_counts=True)
torch.unique(i, sorted=True, return_inverse=True, return_counts=True)
torch.unique(index, dim=0)
torch.unique_consecutive(i)
torch.unique_consecutive(i, return_counts=True)
torch.bincount(i2.flatten())
torch.bincount(i2.flatten(), minlength=10)
torch.bincount(i2.flatten(), weights=a.flatten())
torch.histc(a, 5)
torch.histc(a, bins=4, min=-1, max=1)
torch.diff(a)
torch.diff(a, n=2, dim=0)
torch.trapezoid(a)
torch.trace(a)
a.trace()
torch.sum(long_row)
torch.mean(long_row)
torch.sum(tall, 0)
torch.var(tall, 0)
torch.sum(torch.ones(100000, dtype=torch.bfloat16))
torch.sum(torch.full((70000,), 1.0, dtype=torch.float16))
torch.cumsum(torch.ones(3000, dtype=torch.bfloat16), 0)
torch.renorm(a, 2, 0, 1.0)
torch.max(torch.empty(0))
torch.argmax(torch.empty(0))
torch.argmax(torch.empty(0, 3), 1)
torch.max(torch.empty(0, 3), 1)
torch.max(torch.empty(3, 0), 0)
torch.mean(torch.empty(0))
torch.median(torch.empty(0))
torch.all(torch.empty(0))
torch.any(torch.empty(0))
torch.var(torch.tensor([1.0]))
torch.cross(torch.eye(3), torch.ones(3, 3) * 2)
torch.searchsorted(torch.tensor([1.0, 2.0, 3.0]), a)
torch.bucketize(a, torch.tensor([-1.0, 0.0, 1.0]))
torch.bucketize(a, torch.tensor([-1.0, 0.0, 1.0]), right=True)
"""
)
