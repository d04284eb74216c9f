"""Samples of `_ops/loss.py`."""

import numpy as np

from .table import Sample, samples

_REDUCTIONS = (0, 1, 2)  # none, mean, sum


def _errors(draw, *rest):
    """Inputs and targets that are not near one another's kinks."""
    found = [
        Sample(x := draw.apart(2, 3), x + np.where(draw.mask(2, 3), 0.4, -1.7), r, *rest)
        for r in _REDUCTIONS
    ]
    return [
        *found,
        Sample(draw.normal(), draw.normal() + 5.0, 1, *rest),
        Sample(draw.normal(0, 2), draw.normal(0, 2), 2, *rest),
        Sample(draw.normal(1, 3), draw.normal(1, 3) + 5.0, 0, *rest),
    ]


@samples("mse_loss")
def mse_loss(draw):
    return _errors(draw)


@samples("smooth_l1_loss", "huber_loss")
def smooth(draw):
    return [*_errors(draw, 1.0), *_errors(draw, 0.6)]


@samples("soft_margin_loss")
def soft_margin(draw):
    def signs(*shape):
        return np.where(draw.mask(*shape), 1.0, -1.0)

    return [
        *(Sample(draw.normal(2, 3), signs(2, 3), r) for r in _REDUCTIONS),
        Sample(draw.normal(), signs(), 1),
        Sample(draw.normal(0, 2), signs(0, 2), 2),
    ]


@samples("binary_cross_entropy", rtol=1e-7)  # PyTorch's least denominator is 1e-12 in float32
def binary_cross_entropy(draw):
    def case(shape, weighted, reduction):
        weight = draw.positive(*shape) if weighted else None
        chance = draw.between(0.1, 0.9, *shape)
        return Sample(chance, draw.between(0.1, 0.9, *shape), weight, reduction)

    return [
        *(case((2, 3), False, r) for r in _REDUCTIONS),
        *(case((2, 3), True, r) for r in _REDUCTIONS),
        case((), False, 1),
        case((0, 2), False, 2),
        Sample(np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0]), None, 0, kink=True),
    ]


@samples("binary_cross_entropy_with_logits")
def with_logits(draw):
    def case(shape, weighted, positive, reduction):
        weight = draw.positive(*shape) if weighted else None
        pos = draw.positive(*shape[-1:]) if positive else None
        return Sample(draw.normal(*shape), draw.between(0, 1, *shape), weight, pos, reduction)

    return [
        *(case((2, 3), False, False, r) for r in _REDUCTIONS),
        case((2, 3), True, False, 1),
        case((2, 3), False, True, 0),
        case((2, 3), True, True, 2),
        case((), False, False, 1),
        case((0, 2), False, False, 2),
    ]


_NLL = (
    "lambda x, t, w, r, i: F.nll_loss(x, t, w, ignore_index=i, "
    "reduction=['none', 'mean', 'sum'][r])"
)


@samples("nll_loss", torch=_NLL, without=("0-d",))
def nll_loss(draw):
    target = np.array([0, -100, 2])
    return [
        *(Sample(draw.normal(3, 4), draw.integers(0, 4, 3), None, r, -100) for r in _REDUCTIONS),
        *(Sample(draw.normal(3, 4), draw.integers(0, 4, 3), draw.positive(4), r, -100)
          for r in _REDUCTIONS),
        Sample(draw.normal(3, 4), target, None, 1, -100),
        Sample(draw.normal(3, 4), target, draw.positive(4), 1, -100),
        Sample(draw.normal(3, 4), np.array([1, 1, 3]), None, 0, 1),
        Sample(draw.normal(0, 4), draw.integers(0, 4, 0), None, 2, -100),
    ]  # fmt: skip


@samples("nll_loss2d", torch=_NLL, without=("0-d", "empty"))
def nll_loss2d(draw):
    return [
        *(Sample(draw.normal(2, 3, 2, 2), draw.integers(0, 3, 2, 2, 2), None, r, -100)
          for r in _REDUCTIONS),
        Sample(draw.normal(2, 3, 2, 2), draw.integers(0, 3, 2, 2, 2), draw.positive(3), 1, 0),
    ]  # fmt: skip


@samples("nll_loss_single", torch=_NLL, without=("empty",))
def nll_loss_single(draw):
    return [Sample(draw.normal(4), np.array(2), w, r, -100)
            for r in _REDUCTIONS for w in (None, draw.positive(4))]  # fmt: skip


@samples(
    "nll_loss_backward", without=("empty",),
    torch="lambda y, t, w, shape, r, i: torch.autograd.grad((" + _NLL + ")(x := torch.zeros(shape, "
    "dtype=y.dtype, requires_grad=True), t, w, r, i), x, y, create_graph=True)[0]",
)  # fmt: skip
def nll_loss_backward(draw):
    return [
        Sample(draw.normal(3), draw.integers(0, 4, 3), None, (3, 4), 0, -100),
        Sample(draw.normal(), draw.integers(0, 4, 3), None, (3, 4), 1, -100),
        Sample(draw.normal(), draw.integers(0, 4, 3), draw.positive(4), (3, 4), 1, -100),
        Sample(draw.normal(), np.array([0, 1, 3]), draw.positive(4), (3, 4), 2, 1),
    ]


_NAMES = "['none', 'mean', 'sum'][r]"


@samples(
    "multi_margin_loss", without=("0-d", "empty"),
    torch=f"lambda x, t, w, p, m, r: F.multi_margin_loss(x, t, p, m, w, reduction={_NAMES})",
)  # fmt: skip
def multi_margin_loss(draw):
    return [
        Sample(draw.apart(3, 4), draw.integers(0, 4, 3), w, p, 1.03, r, once=True)
        for r in _REDUCTIONS for p in (1, 2) for w in (None, draw.positive(4))
    ]  # fmt: skip


@samples(
    "multi_margin_slope", refuses=True, without=("0-d", "empty"),
    torch="lambda x, t, w, y, p, m: torch.autograd.grad(F.multi_margin_loss(z := x.detach()"
    ".requires_grad_(), t, p, m, w, reduction='none'), z, y, create_graph=True)[0]",
)  # fmt: skip
def multi_margin_slope(draw):
    return [
        Sample(draw.apart(3, 4), draw.integers(0, 4, 3), w, draw.normal(3), p, 1.03)
        for p in (1, 2) for w in (None, draw.positive(4))
    ]  # fmt: skip


@samples(
    "multilabel_margin_loss", without=("0-d", "empty"),
    torch=f"lambda x, t, r: F.multilabel_margin_loss(x, t, reduction={_NAMES})",
)  # fmt: skip
def multilabel_margin_loss(draw):
    target = np.array([[3, 0, -1, 1], [2, -1, 0, 0]])
    return [Sample(draw.apart(2, 4) * 0.9, target, r, once=True) for r in _REDUCTIONS]


@samples(
    "multilabel_slope", refuses=True, without=("0-d", "empty"),
    torch="lambda x, t, y: torch.autograd.grad(F.multilabel_margin_loss(z := x.detach()"
    ".requires_grad_(), t, reduction='none'), z, y, create_graph=True)[0]",
)  # fmt: skip
def multilabel_slope(draw):
    target = np.array([[3, 0, -1, 1], [2, -1, 0, 0]])
    return [Sample(draw.apart(2, 4) * 0.9, target, draw.normal(2))]
