"""Samples of `_ops/conv.py`, `pool.py` and `norm.py`."""

import numpy as np

from .table import Sample, samples

_CASES = (
    # input, weight, stride, padding, dilation, groups
    ((2, 2, 5), (3, 2, 3), (1,), (0,), (1,), 1),
    ((1, 2, 6), (2, 1, 2), (2,), (1,), (2,), 2),
    ((2, 2, 4, 5), (3, 2, 3, 2), (1, 1), (0, 0), (1, 1), 1),
    ((1, 4, 5, 5), (4, 2, 3, 3), (2, 1), (1, 2), (1, 2), 2),
    ((1, 2, 3, 3), (2, 2, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((1, 3, 4, 4), (3, 1, 3, 3), (1, 1), (1, 1), (1, 1), 3),
    ((1, 1, 3, 3, 3), (2, 1, 2, 2, 2), (1, 1, 1), (0, 1, 0), (1, 1, 1), 1),
)


def _output(x, w, stride, padding, dilation):
    spatial = [
        (n + 2 * p - d * (m - 1) - 1) // s + 1
        for n, m, s, p, d in zip(x[2:], w[2:], stride, padding, dilation, strict=True)
    ]
    return (x[0], w[0], *spatial)


_CONV = (
    "lambda x, w, stride, padding, dilation, groups: torch.ops.aten.convolution("
    "x, w, None, stride, padding, dilation, False, [0] * len(stride), groups)"
)


@samples("conv", torch=_CONV, without=("0-d", "empty"))
def conv(draw):
    return [Sample(draw.normal(*x), draw.normal(*w), *rest) for x, w, *rest in _CASES]


@samples(
    "conv_input", without=("0-d", "empty"),
    torch="lambda y, w, shape, *a: torch.autograd.grad((" + _CONV + ")(x := torch.zeros(shape, "
    "dtype=y.dtype, requires_grad=True), w, *a), x, y, create_graph=True)[0]",
)  # fmt: skip
def conv_input(draw):
    return [
        Sample(draw.normal(*_output(x, w, *rest[:3])), draw.normal(*w), x, *rest)
        for x, w, *rest in _CASES
    ]


@samples(
    "conv_weight", without=("0-d", "empty"),
    torch="lambda y, x, shape, *a: torch.autograd.grad((" + _CONV + ")(x, w := torch.zeros(shape, "
    "dtype=y.dtype, requires_grad=True), *a), w, y, create_graph=True)[0]",
)  # fmt: skip
def conv_weight(draw):
    return [
        Sample(draw.normal(*_output(x, w, *rest[:3])), draw.normal(*x), w, *rest)
        for x, w, *rest in _CASES
    ]


@samples("convolution", without=("0-d", "empty"))
def convolution(draw):
    found = []
    for x, w, stride, padding, dilation, groups in _CASES:
        rest = (stride, padding, dilation, False, (0,) * len(stride), groups)
        found.append(Sample(draw.normal(*x), draw.normal(*w), draw.normal(w[0]), *rest))
    x, w, stride, padding, dilation, groups = _CASES[2]
    found.append(
        Sample(draw.normal(*x), draw.normal(*w), None, stride, padding, dilation, False, (0, 0), 1)
    )
    transposed = (
        ((1, 2, 4), (2, 3, 3), (2,), (1,), (1,), (1,), 1),
        ((1, 4, 3, 3), (4, 1, 2, 3), (2, 1), (0, 1), (1, 1), (1, 0), 2),
    )
    for x, w, stride, padding, dilation, extra, groups in transposed:
        bias = draw.normal(w[1] * groups)
        rest = (stride, padding, dilation, True, extra, groups)
        found.append(Sample(draw.normal(*x), draw.normal(*w), bias, *rest))
    return found


# ---- pooling ------------------------------------------------------------------------------------


@samples(
    "max_pool2d_with_indices", torch="torch.ops.aten.max_pool2d_with_indices",
    without=("0-d", "empty"),
)  # fmt: skip
def max_pool2d(draw):
    return [
        Sample(draw.apart(1, 2, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False),
        Sample(draw.apart(2, 1, 5, 5), (3, 2), (2, 1), (1, 1), (1, 1), True),
        Sample(draw.apart(1, 1, 5, 5), (2, 2), (1, 1), (0, 0), (2, 2), False),
    ]


@samples(
    "max_pool3d_with_indices", torch="torch.ops.aten.max_pool3d_with_indices",
    without=("0-d", "empty"),
)  # fmt: skip
def max_pool3d(draw):
    one, two = (1, 1, 1), (2, 2, 2)
    return [Sample(draw.apart(1, 1, 3, 3, 3), two, one, (0, 0, 0), one, False)]


@samples(
    "max_pool_scatter", without=("0-d", "empty"),
    torch="lambda y, i, spatial: torch.zeros((*y.shape[:-len(spatial)], torch.Size(spatial).numel()"
    "), dtype=y.dtype).scatter_add(-1, i.flatten(-len(spatial)), y.flatten(-len(spatial)))"
    ".reshape(*y.shape[:-len(spatial)], *spatial)",
)  # fmt: skip
def max_pool_scatter(draw):
    return [
        Sample(draw.normal(1, 2, 2, 2), draw.integers(0, 9, 1, 2, 2, 2), (3, 3)),
        Sample(draw.normal(2, 1, 4), draw.integers(0, 6, 2, 1, 4), (6,)),
    ]


@samples(
    "max_pool_gather", without=("0-d", "empty"),
    torch="lambda x, i, rank: x.flatten(-rank).gather(-1, i.flatten(-rank)).reshape(i.shape)",
)  # fmt: skip
def max_pool_gather(draw):
    return [
        Sample(draw.normal(1, 2, 3, 3), draw.integers(0, 9, 1, 2, 2, 2), 2),
        Sample(draw.normal(2, 1, 6), draw.integers(0, 6, 2, 1, 4), 1),
    ]


@samples("avg_pool2d", torch="torch.ops.aten.avg_pool2d", without=("0-d", "empty"))
def avg_pool2d(draw):
    return [
        Sample(draw.normal(1, 2, 4, 4), (2, 2), (2, 2), (0, 0), False, True, None),
        Sample(draw.normal(2, 1, 5, 5), (3, 2), (2, 1), (1, 1), True, False, None),
        Sample(draw.normal(1, 1, 5, 4), (3, 2), (2, 1), (1, 1), True, True, 5),
    ]


@samples("avg_pool3d", torch="torch.ops.aten.avg_pool3d", without=("0-d", "empty"))
def avg_pool3d(draw):
    rest = ((2, 2, 2), (1, 1, 1), (1, 0, 1), False)
    return [Sample(draw.normal(1, 1, 3, 3, 3), *rest, flag, None) for flag in (True, False)]


@samples(
    "avg_pool_backward", without=("0-d", "empty"),
    torch="lambda y, shape, *a: torch.autograd.grad(F.avg_pool2d(x := torch.zeros(shape, "
    "dtype=y.dtype, requires_grad=True), *a), x, y, create_graph=True)[0]",
)  # fmt: skip
def avg_pool_backward(draw):
    return [
        Sample(draw.normal(1, 2, 2, 2), (1, 2, 4, 4), (2, 2), (2, 2), (0, 0), False, True, None),
        Sample(draw.normal(2, 1, 3, 6), (2, 1, 5, 5), (3, 2), (2, 1), (1, 1), True, False, None),
    ]


@samples("adaptive_avg_pool2d", torch="F.adaptive_avg_pool2d", without=("0-d", "empty"))
def adaptive_avg2d(draw):
    return [Sample(draw.normal(1, 2, 5, 4), s) for s in ((2, 3), (1, 1), (5, 4), (7, 2))]


@samples("adaptive_avg_pool3d", torch="F.adaptive_avg_pool3d", without=("0-d", "empty"))
def adaptive_avg3d(draw):
    return [Sample(draw.normal(1, 2, 3, 4, 2), (2, 3, 1))]


@samples("adaptive_max_pool2d", torch="torch.ops.aten.adaptive_max_pool2d",
         without=("0-d", "empty"))  # fmt: skip
def adaptive_max2d(draw):
    return [Sample(draw.apart(1, 2, 5, 4), s) for s in ((2, 3), (1, 1), (5, 4))]


@samples("adaptive_max_pool3d", torch="torch.ops.aten.adaptive_max_pool3d",
         without=("0-d", "empty"))  # fmt: skip
def adaptive_max3d(draw):
    return [Sample(draw.apart(1, 2, 3, 4, 2), (2, 3, 1))]


@samples(
    "adaptive_avg_pool_backward", without=("0-d", "empty"),
    torch="lambda y, shape, rank: torch.autograd.grad(F.adaptive_avg_pool2d(x := torch.zeros("
    "shape, dtype=y.dtype, requires_grad=True), y.shape[-rank:]), x, y, create_graph=True)[0]",
)  # fmt: skip
def adaptive_avg_backward(draw):
    return [Sample(draw.normal(1, 2, 2, 3), (1, 2, 5, 4), 2)]


@samples("max_unpool2d", torch="torch.ops.aten.max_unpool2d", without=("0-d", "empty"))
def max_unpool2d(draw):
    places = np.stack([draw.permutation(12)[:4].reshape(2, 2) for _ in range(2)])[None]
    return [Sample(draw.normal(1, 2, 2, 2), places, (3, 4))]


@samples(
    "max_unpool3d", without=("0-d", "empty"),
    torch="lambda x, i, s: torch.ops.aten.max_unpool3d(x, i, s, [1, 1, 1], [0, 0, 0])",
)  # fmt: skip
def max_unpool3d(draw):
    places = draw.permutation(12)[:4].reshape(1, 1, 1, 2, 2)
    return [Sample(draw.normal(1, 1, 1, 2, 2), places, (1, 3, 4))]


# ---- normalisation ------------------------------------------------------------------------------

_DIMS = "[0, *range(2, x.dim())]"


@samples(
    "batch_norm_train", without=("0-d", "empty"),
    torch="lambda x, w, b, eps: (F.batch_norm(x, None, None, w, b, True, 0.1, eps), "
    f"x.detach().mean({_DIMS}), x.detach().var({_DIMS}, unbiased=False))",
)  # fmt: skip
def batch_norm_train(draw):
    return [
        Sample(draw.normal(4, 3), draw.normal(3), draw.normal(3), 1e-5),
        Sample(draw.normal(2, 2, 3, 2), draw.normal(2), draw.normal(2), 1e-3),
        Sample(draw.normal(2, 2, 3), None, None, 1e-5),
        Sample(draw.normal(3, 1, 2), draw.normal(1), None, 1e-5),
        Sample(draw.normal(3, 2), None, draw.normal(2), 0.1),
    ]


@samples(
    "batch_norm_eval", without=("0-d",),
    torch="lambda x, w, b, m, v, eps: F.batch_norm(x, m, v, w, b, False, 0.1, eps)",
)  # fmt: skip
def batch_norm_eval(draw):
    def case(shape, *flags):
        c = shape[1]
        w, b = (draw.normal(c) if f else None for f in flags)
        return Sample(draw.normal(*shape), w, b, draw.normal(c), draw.positive(c), 1e-5)

    return [
        case((4, 3), True, True),
        case((2, 2, 3, 2), True, True),
        case((2, 2, 3), False, False),
        case((1, 1), True, False),
        case((0, 2), False, True),
    ]


@samples(
    "moving_average", torch="lambda old, new, m, f: old * (1 - m) + new * (m * f)",
)  # fmt: skip
def moving_average(draw):
    return [Sample(draw.normal(3), draw.normal(3), 0.1, 1.5),
            Sample(draw.normal(), draw.normal(), 0.3, 1.0)]  # fmt: skip


@samples(
    "layer_norm", without=("0-d",),
    torch="lambda x, w, b, rank, eps: F.layer_norm(x, x.shape[x.dim() - rank:], w, b, eps)",
)  # fmt: skip
def layer_norm(draw):
    return [
        Sample(draw.normal(2, 4), draw.normal(4), draw.normal(4), 1, 1e-5),
        Sample(draw.normal(2, 3, 2), draw.normal(3, 2), draw.normal(3, 2), 2, 1e-5),
        Sample(draw.normal(2, 3), None, None, 1, 1e-3),
        Sample(draw.normal(3), draw.normal(3), None, 1, 1e-5),
        Sample(draw.normal(2, 3), None, draw.normal(3), 1, 1e-5),
        Sample(draw.normal(0, 3), draw.normal(3), draw.normal(3), 1, 1e-5),
    ]


@samples(
    "group_norm", torch="lambda x, w, b, groups, eps: F.group_norm(x, groups, w, b, eps)",
    without=("0-d", "empty"),
)  # fmt: skip
def group_norm(draw):
    return [
        Sample(draw.normal(2, 4), draw.normal(4), draw.normal(4), 2, 1e-5),
        Sample(draw.normal(2, 4, 3), draw.normal(4), draw.normal(4), 4, 1e-5),
        Sample(draw.normal(1, 4, 2, 2), None, None, 1, 1e-3),
        Sample(draw.normal(1, 4, 2), draw.normal(4), None, 2, 1e-5),
    ]
