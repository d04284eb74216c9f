"""Tensors as they print, with every printing option."""

import torch

torch.manual_seed(0)
ts = [
    torch.tensor(3),
    torch.tensor(3.5),
    torch.tensor([]),
    torch.empty(0, 3),
    torch.tensor([1.0, 2.0]),
    torch.tensor([1.5, 1000000.0]),
    torch.tensor([1e-08, 1.0]),
    torch.tensor([10000000000.0, 1]),
    torch.tensor([float("nan"), float("inf"), -1.0]),
    torch.tensor([True, False]),
    torch.tensor([1 + 2j, 3 - 1.5j]),
    torch.randn(3, 4),
    torch.randn(2, 2, 2) * 1000,
    torch.randn(2, 3).double(),
    torch.randn(3).half(),
    torch.randn(3).bfloat16(),
    torch.arange(2000),
    torch.randn(100, 100),
    torch.randn(2, 1500),
    torch.arange(3, dtype=torch.uint8),
    torch.arange(3, dtype=torch.int32),
    torch.randn(3, requires_grad=True),
    torch.randn(3, requires_grad=True) * 2,
    torch.zeros(2, 0),
    torch.tensor([[-1, 10], [100, -1000]]),
    torch.tensor([0.1, 0.12, 0.123, 0.1234567]),
    torch.ones(1, 1, 1),
    torch.tensor([1e-20]),
    torch.tensor([16777216.0, 1.0]),
    torch.tensor(-0.0),
    torch.tensor([123456789.0]),
    torch.full((2, 2), 100000.0),
    torch.full((2,), 99999.5),
    torch.nn.Parameter(torch.ones(2)),
    torch.nn.Parameter(torch.ones(2), requires_grad=False),
    torch.randn(2, 2),
    torch.tensor([1e38, 1e-38]),
    torch.rand(3) > 0.5,
    torch.randn(30),
    torch.randint(0, 9, (3, 3)).float(),
]
for t in ts:
    print(t)
    print(repr(t) == str(t), f"{t}" == str(t))
print(
    f"{torch.tensor(3.14159):.2f} {torch.tensor(7):d} {torch.tensor(7)} {torch.tensor(2.5)}",
    "%.3f" % torch.tensor(1.23456),
    f"{torch.tensor(2.0):>8.3f}",
    "%d" % torch.tensor(5),
    "%s" % torch.tensor([1]),
)
try:
    print(f"{torch.ones(2):.2f}")
except Exception as e:
    print(type(e).__name__, e)
for kw in (
    dict(precision=2),
    dict(sci_mode=True),
    dict(sci_mode=False, precision=6),
    dict(profile="short"),
    dict(profile="full", linewidth=60),
    dict(profile="default"),
    dict(threshold=5, edgeitems=2),
):
    torch.set_printoptions(**kw)
    for t in ts[5:9] + ts[11:15] + [ts[-2]]:
        print(t)
torch.set_printoptions(profile="default")
print(
    torch.Size([2, 3]),
    torch.float32,
    torch.device("cpu"),
    torch.strided,
    torch.contiguous_format,
    torch.Size([2]).numel(),
    torch.Size([1, 2]) + (3,),
    torch.get_default_dtype(),
)
print(
    torch.tensor(1.0).dtype,
    torch.tensor([1]).type(),
    torch.ones(1).double().type(),
    type(torch.ones(1)),
    torch.Tensor,
    torch.FloatTensor,
    type(torch.float),
    torch.nn.Linear,
    torch.nn.Parameter,
    torch.optim.SGD,
    torch.utils.data.DataLoader,
    torch.autograd.Function,
    torch.device,
    torch.dtype,
)
import torch.nn as nn
import torch.nn.functional as F

print(
    torch.nn.Module.__module__,
    torch.Tensor.__module__,
    F.relu.__module__,
    torch.optim.Adam.__module__,
    nn.Conv2d.__module__,
    torch.utils.data.Dataset.__module__,
    nn.Parameter.__module__,
    torch.Size.__module__,
    torch.no_grad.__module__,
)
print(
    isinstance(nn.Parameter(torch.ones(1)), torch.Tensor),
    isinstance(torch.ones(1), torch.FloatTensor),
    torch.is_tensor(1),
    torch.is_floating_point(torch.ones(1)),
    isinstance(torch.float, torch.dtype),
    torch.ones(1).is_leaf,
    callable(torch.relu),
)
print(
    [t.element_size() for t in ts[:5]],
    torch.ones(2, 3).stride(),
    torch.ones(2, 3).t().is_contiguous(),
    torch.ones(2, 3).nelement(),
    torch.ones(2).layout,
    torch.ones(2, 3).size(1),
    torch.ones(2).device,
    torch.ones(1).data_ptr() > 0,
    torch.ones(2).is_cuda,
)
print(
    torch.ones(2).tolist(),
    torch.tensor(2).item(),
    dir(torch.Size([1])) == dir(torch.Size([2])),
    torch.ones(2, 3).T.shape,
    torch.tensor([[1, 2]]).mT.shape,
    hash(torch.float32) == hash(torch.float),
    {torch.float32: 1}[torch.float],
)
print(
    torch.typename(torch.ones(1)),
    torch.typename(nn.Linear(1, 1)),
    torch.float.is_floating_point,
    torch.int8.itemsize,
    torch.complex64.is_complex,
    torch.float32.to_complex(),
    torch.bfloat16.is_signed if hasattr(torch.bfloat16, "is_signed") else "",
)
