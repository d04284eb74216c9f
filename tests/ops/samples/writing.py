"""Samples of `_ops/copying.py`, `random.py`, `layout.py`, `pad.py`, `splitting.py`."""

import numpy as np

from .table import Sample, samples


@samples("copy", torch="lambda x, src, non_blocking: x.clone().copy_(src)")
def copy(draw):
    return [
        Sample(draw.normal(2, 3), draw.normal(2, 3), False),
        Sample(draw.normal(2, 3), draw.normal(3), False),
        Sample(draw.normal(), draw.normal(), False),
        Sample(draw.normal(0, 2), draw.normal(1, 2), False),
        Sample(draw.normal(2), draw.integers(-3, 3, 2), False),
    ]


def _shapes(draw, *rest):
    return [Sample(draw.normal(*s), *rest) for s in ((2, 3), (), (0, 2), (1, 3, 1))]


@samples("fill_scalar", torch="lambda x, value: x.clone().fill_(value)")
def fill_scalar(draw):
    return [*_shapes(draw, 2.5), *_shapes(draw, -1)]


@samples("fill_tensor", torch="lambda x, value: x.clone().fill_(value)")
def fill_tensor(draw):
    return _shapes(draw, draw.normal())


@samples("zero", torch="lambda x: x.clone().zero_()")
def zero(draw):
    return _shapes(draw)


@samples(
    *(f"drawn_{node}" for node in (
        "UniformBackward0", "NormalBackward0", "NormalBackward1", "NormalBackward2",
        "ExponentialBackward0", "GeometricBackward0", "CauchyBackward0", "LogNormalBackward0",
        "RandomBackward0", "RandomBackward1", "RandomBackward2", "BernoulliBackward0",
        "BernoulliBackward1", "BernoulliBackward2", "PoissonBackward0")),
    torch="lambda x, values: x.sum() * 0 + values",
)  # fmt: skip
def drawn(draw):
    return [Sample(*s.arguments, draw.normal(*np.shape(s.arguments[0]))) for s in _shapes(draw)]


@samples("drawn_normal_of_two", torch="lambda x, y, values: (x.sum() + y.sum()) * 0 + values")
def drawn_of_two(draw):
    return [
        Sample(draw.normal(2, 3), draw.normal(3), draw.normal(2, 3)),
        Sample(draw.normal(), draw.normal(), draw.normal()),
        Sample(draw.normal(0, 3), draw.normal(1), draw.normal(0, 3)),
    ]


@samples("laid_out", torch="lambda x, f: x.clone()")
def laid_out(draw):
    return [
        *_shapes(draw, "contiguous_format"),
        Sample(draw.normal(2, 3, 2, 2), "channels_last"),
        Sample(draw.normal(1, 3, 2, 2, 2), "channels_last_3d"),
    ]


@samples("constant_pad_nd")
def constant_pad(draw):
    return [
        Sample(draw.normal(2, 3), (1, 2), 0),
        Sample(draw.normal(2, 3), (1, 0, 2, 1), 1.5),
        Sample(draw.normal(2, 3), (-1, 1), 0),
        Sample(draw.normal(2, 3), (0, 0), 3),
        Sample(draw.normal(), (), 0),
        Sample(draw.normal(0, 2), (1, 1), 2),
        Sample(draw.normal(1, 3), (0, -3), 2),
    ]


def _padded(mode, name):
    torch = f"lambda x, pad, mode: F.pad(x, pad, {mode!r})"

    @samples(f"{name}_pad1d", torch=torch, without=("0-d", "empty"))
    def one(draw):
        return [
            Sample(draw.normal(2, 3), (1, 2), mode),
            Sample(draw.normal(2, 2, 3), (2, 0), mode),
            Sample(draw.normal(1, 1, 2), (1, 1), mode),
        ]

    @samples(f"{name}_pad2d", torch=torch, without=("0-d", "empty"))
    def two(draw):
        return [
            Sample(draw.normal(1, 3, 4), (1, 2, 2, 0), mode),
            Sample(draw.normal(1, 2, 2, 3), (1, 1, 1, 1), mode),
        ]

    @samples(f"{name}_pad3d", torch=torch, without=("0-d", "empty"))
    def three(draw):
        return [Sample(draw.normal(1, 2, 2, 3, 2), (1, 1, 1, 0, 0, 1), mode)]


_padded("reflect", "reflection")
_padded("replicate", "replication")
_padded("circular", "circular")


@samples("copy_pad", torch="lambda x, pad, mode: F.pad(x, pad, mode)", without=("0-d", "empty"))
def copy_pad(draw):
    return [
        Sample(draw.normal(2, 3), (1, 2), "reflect"),
        Sample(draw.normal(2, 3), (1, 2), "replicate"),
        Sample(draw.normal(2, 3), (1, 2), "circular"),
    ]


@samples(
    "copy_pad_adjoint",
    torch="lambda g, shape, pad, mode: torch.autograd.grad(F.pad(x := torch.zeros(shape, "
    "dtype=g.dtype, requires_grad=True), pad, mode), x, g, create_graph=True)[0]",
    without=("0-d", "empty"),
)
def copy_pad_adjoint(draw):
    return [
        Sample(draw.normal(2, 6), (2, 3), (1, 2), "reflect"),
        Sample(draw.normal(2, 6), (2, 3), (1, 2), "replicate"),
        Sample(draw.normal(2, 6), (2, 3), (1, 2), "circular"),
    ]


@samples("unbind", without=("0-d",))
def unbind(draw):
    return [
        Sample(draw.normal(2, 3), 0),
        Sample(draw.normal(2, 3), -1),
        Sample(draw.normal(2), 0),
        Sample(draw.normal(2, 0), 0),
        Sample(draw.normal(1, 1), 1),
    ]


@samples("split_with_sizes", without=("0-d",))
def split_with_sizes(draw):
    return [
        Sample(draw.normal(5, 2), (2, 0, 3), 0),
        Sample(draw.normal(2, 3), (1, 2), -1),
        Sample(draw.normal(2, 0), (0, 0), 1),
    ]


@samples("split", without=("0-d",))
def split(draw):
    return [
        Sample(draw.normal(5, 2), 2, 0),
        Sample(draw.normal(2, 3), 3, -1),
        Sample(draw.normal(0, 2), 1, 0),
    ]


@samples("roll")
def roll(draw):
    return [
        Sample(draw.normal(2, 3), (1,), (0,)),
        Sample(draw.normal(2, 3), (-2, 5), (1, -2)),
        Sample(draw.normal(2, 3), (2,), ()),
        Sample(draw.normal(), (1,), ()),
        Sample(draw.normal(0, 3), (1,), (0,)),
    ]


@samples("prod_dim")
def prod_dim(draw):
    return [
        Sample(draw.normal(2, 3), 1, False),
        Sample(draw.normal(2, 3), 0, True),
        Sample(draw.normal(2, 3, 2), -2, False),
        Sample(draw.normal(), 0, False),
        Sample(draw.normal(0, 3), 1, False),
        Sample(draw.normal(0, 3), 0, False),
        Sample(np.array([[1.5, 0.0, -2.0], [0.0, 0.0, 1.0]]), 1, False),
    ]


@samples("vector_norm", torch="lambda x, *a: torch.linalg.vector_norm(x, *a)")
def vector_norm(draw):
    found = [Sample(draw.apart(2, 3), p, (1,), False) for p in (2, 1, 3, 0.5, np.inf, -np.inf)]
    return [
        *found,
        Sample(draw.apart(2, 3), 0, (1,), False, once=True),  # a gradient of zeros has no graph
        Sample(draw.normal(2, 3), 2, None, False),
        Sample(draw.normal(2, 3, 2), 2, (0, -1), True),
        Sample(draw.normal(), 2, (), False),
        Sample(draw.normal(0, 3), 2, (1,), False),
        Sample(np.zeros((2, 2)), 2, (1,), False, kink=True),
        Sample(np.array([[1.0, -1.0, 0.5]]), np.inf, (1,), False, kink=True),
    ]
