"""Samples of `_ops/`: `sampling`, `ctc`, `fractional`, `weight_norm` and `bags`."""

import numpy as np

from .table import Sample, samples

_NONE = ("0-d", "empty")
_MODES = [(mode, padding) for mode in (0, 1, 2) for padding in (0, 1, 2)]


@samples("grid_sampler_2d", without=_NONE)
def grid_sampler_2d(draw):
    return [
        # Twice: tests/nn compares the second derivative with PyTorch's; there is no third.
        Sample(draw.normal(2, 2, 3, 4), draw.between(-1.4, 1.4, 2, 2, 3, 2), mode, padding, align,
               once=True)
        for mode, padding in _MODES for align in (False, True)
    ]  # fmt: skip


@samples("grid_sampler_3d", without=_NONE)
def grid_sampler_3d(draw):
    return [
        Sample(draw.normal(1, 2, 2, 3, 2), draw.between(-1.4, 1.4, 1, 2, 1, 2, 3), m, p, False,
               once=True)
        for m, p in _MODES if m < 2
    ]  # fmt: skip


@samples(
    "grid_sampler_backward", without=_NONE,
    torch="lambda *a: torch.ops.aten.grid_sampler_2d_backward(*a)",
)  # fmt: skip
def grid_sampler_backward(draw):
    return [
        Sample(draw.normal(1, 2, 2, 3), draw.normal(1, 2, 3, 4),
               draw.between(-1.4, 1.4, 1, 2, 3, 2), mode, padding, False, (True, True), once=True)
        for mode, padding in _MODES
    ]  # fmt: skip


@samples(
    "grid_sampler_second", without=_NONE, refuses=True,
    torch="lambda gx, gg, y, x, grid, *a: torch.autograd.grad("
    "torch.ops.aten.grid_sampler_2d_backward(*(s := [t.detach().requires_grad_() for t in "
    "(y, x, grid)]), *a, (True, True)), s, (gx, gg), materialize_grads=True)",
)  # fmt: skip
def grid_sampler_second(draw):
    return [
        Sample(draw.normal(1, 2, 3, 4), draw.normal(1, 2, 3, 2), draw.normal(1, 2, 2, 3),
               draw.normal(1, 2, 3, 4), draw.between(-1.4, 1.4, 1, 2, 3, 2), mode, padding, False)
        for mode, padding in _MODES
    ]  # fmt: skip


@samples(
    "affine_grid_generator", without=_NONE, torch="lambda *a: torch.affine_grid_generator(*a)"
)  # fmt: skip
def affine_grid_generator(draw):
    return [
        Sample(draw.normal(2, 2, 3), (2, 1, 3, 2), False),
        Sample(draw.normal(1, 2, 3), (1, 2, 2, 1), True),
        Sample(draw.normal(1, 3, 4), (1, 1, 2, 3, 2), False),
    ]


@samples(
    "affine_grid_adjoint", without=_NONE,
    torch="lambda y, size, align: torch.autograd.grad(torch.affine_grid_generator(t := "
    "torch.zeros(size[0], len(size) - 2, len(size) - 1, dtype=y.dtype, requires_grad=True), size, "
    "align), t, y, create_graph=True)[0]",
)  # fmt: skip
def affine_grid_adjoint(draw):
    return [
        Sample(draw.normal(2, 3, 2, 2), (2, 1, 3, 2), False),
        Sample(draw.normal(1, 2, 3, 2, 3), (1, 1, 2, 3, 2), True),
    ]


def _chances(draw, *shape):
    x = draw.normal(*shape)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def _alignments(draw):
    """Inputs and targets that fill the whole of `log_alpha`: PyTorch leaves the rest as it was."""
    yield 5, draw.integers(1, 4, 2, 3), np.array([5, 5]), np.array([3, 3])
    yield 5, np.array([1, 1, 2, 3]), np.array([5, 5]), np.array([2, 2])
    yield 2, np.array([[1, 1], [2, 3]]), np.array([2, 2]), np.array([2, 2])  # one does not fit


# The gradient takes the input to come out of a log_softmax: it is not that of the function itself.
@samples("ctc_loss", without=_NONE, torch="lambda *a: torch._ctc_loss(*a)")
def ctc_loss(draw):
    return [
        Sample(_chances(draw, steps, 2, 4), *case, 0, zero, kink=True)
        for steps, *case in _alignments(draw) for zero in (False, True)
    ]  # fmt: skip


@samples(
    "ctc_loss_backward", without=_NONE, refuses=True,
    torch="lambda *a: torch.ops.aten._ctc_loss_backward.Tensor(*a)",
)  # fmt: skip
def ctc_loss_backward(draw):
    from rushlight._ops.ctc import ctc_loss_row

    found = []
    for steps, *case in _alignments(draw):
        x = _chances(draw, steps, 2, 4)
        with np.errstate(all="ignore"):
            outputs = ctc_loss_row.forward(x, *case, 0, False)
        found.append(Sample(draw.normal(2), x, *case, *outputs, 0, False))
    return found


@samples(
    "fractional_max_pool2d", without=_NONE,
    torch="lambda x, s, k, o: torch._C._nn.fractional_max_pool2d(x, k, o, s)",
)  # fmt: skip
def fractional_max_pool2d(draw):
    return [
        Sample(draw.apart(2, 2, 5, 6), draw.between(0, 1, 2, 2, 2), (2, 3), (3, 2)),
        Sample(draw.apart(2, 5, 6), draw.between(0, 1, 1, 2, 2), (2, 2), (1, 4)),
    ]


@samples(
    "fractional_max_pool3d", without=_NONE,
    torch="lambda x, s, k, o: torch._C._nn.fractional_max_pool3d(x, k, o, s)",
)  # fmt: skip
def fractional_max_pool3d(draw):
    return [Sample(draw.apart(1, 2, 4, 5, 5), draw.between(0, 1, 1, 2, 3), (2, 2, 2), (2, 3, 2))]


@samples("weight_norm", without=_NONE, torch="lambda v, g, dim: torch._weight_norm(v, g, dim)")
def weight_norm(draw):
    return [
        Sample(draw.normal(3, 2, 2), draw.positive(3, 1, 1), 0),
        Sample(draw.normal(3, 2), draw.positive(1, 2), 1),
        Sample(draw.normal(3, 2), draw.positive(), -1),
    ]


_BAGS = np.array([0, 0, 1, 3, 3, 3])


@samples(
    "embedding_bag", without=_NONE,
    torch="lambda w, i, bags, s, ahead, back, n: torch.zeros(n, w.shape[1], dtype=w.dtype)"
    ".index_add(0, bags, w[i] * ahead * (1 if s is None else s[:, None]))",
)  # fmt: skip
def embedding_bag(draw):
    ones = np.full((6, 1), 1)
    return [
        Sample(draw.normal(5, 3), draw.integers(0, 5, 6), _BAGS, samples_, ones, ones, 4)
        for samples_ in (None, draw.normal(6))
    ]


@samples(
    "embedding_bag_max", without=_NONE,
    torch="lambda w, i, bags, n: F.embedding_bag(i, w, torch.searchsorted(bags, torch.arange(n)), "
    "mode='max')",
)  # fmt: skip
def embedding_bag_max(draw):
    return [Sample(draw.apart(5, 3), draw.integers(0, 5, 6), _BAGS, 4, once=True)]


_ROWS = np.array([[0, 3], [-1, -1], [0, 2]])


@samples(
    "embedding_bag_spread", without=_NONE,
    torch="lambda y, rows, n: torch.zeros(n, 2, dtype=y.dtype).scatter_add(0, rows.clamp(min=0), "
    "y * (rows >= 0))",
)  # fmt: skip
def embedding_bag_spread(draw):
    return [Sample(draw.normal(3, 2), _ROWS, 5)]


@samples(
    "embedding_bag_collect", without=_NONE,
    torch="lambda x, rows: x.gather(0, rows.clamp(min=0)) * (rows >= 0)",
)  # fmt: skip
def embedding_bag_collect(draw):
    return [Sample(draw.normal(5, 2), _ROWS)]
