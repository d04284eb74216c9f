"""Samples of `_ops/image.py`."""

from .table import Sample, samples

_NONE = ("0-d", "empty")


@samples("pixel_shuffle", without=_NONE)
def pixel_shuffle(draw):
    return [Sample(draw.normal(1, 8, 2, 3), 2), Sample(draw.normal(4, 1, 2), 2)]


@samples("pixel_unshuffle", without=_NONE)
def pixel_unshuffle(draw):
    return [Sample(draw.normal(1, 2, 4, 6), 2), Sample(draw.normal(1, 2, 2), 2)]


@samples("channel_shuffle", without=_NONE)
def channel_shuffle(draw):
    return [Sample(draw.normal(1, 6, 2), 3), Sample(draw.normal(2, 4, 1, 2), 2)]


_WINDOWS = (((2, 2), (1, 1), (0, 0), (1, 1)), ((3, 2), (1, 2), (1, 1), (2, 1)))


@samples("im2col", torch="lambda x, *a: F.unfold(x, *a)", without=_NONE)
def im2col(draw):
    return [Sample(draw.normal(1, 2, 4, 5), *w) for w in _WINDOWS]


@samples("col2im", torch="lambda x, *a: F.fold(x, *a)", without=_NONE)
def col2im(draw):
    return [
        Sample(draw.normal(1, 8, 12), (4, 5), *_WINDOWS[0]),
        Sample(draw.normal(1, 12, 10), (4, 5), *_WINDOWS[1]),
    ]


_INTERPOLATE = (
    "lambda x, size, scales, mode, align: F.interpolate(x, size, mode={'linear': ['linear', "
    "'bilinear', 'trilinear'][len(size) - 1], 'cubic': 'bicubic', 'linear-smooth': 'bilinear', "
    "'cubic-smooth': 'bicubic', 'lanczos-smooth': 'lanczos'}.get(mode, mode), "
    "align_corners=None if 'nearest' in mode else align, antialias='smooth' in mode)"
)


def _resampled(*cases):
    return lambda draw: [
        Sample(draw.normal(*s), size, (None,) * len(size), *rest) for s, size, *rest in cases
    ]


for _name, *_cases in (
    ("upsample_nearest1d", ((1, 2, 3), (5,), "nearest", False)),
    ("upsample_nearest2d", ((1, 2, 3, 2), (5, 4), "nearest", False)),
    ("upsample_nearest3d", ((1, 1, 2, 3, 2), (3, 2, 4), "nearest", False)),
    ("upsample_nearestexact1d", ((1, 2, 3), (5,), "nearest-exact", False)),
    ("upsample_nearestexact2d", ((1, 2, 3, 2), (5, 4), "nearest-exact", False)),
    ("upsample_nearestexact3d", ((1, 1, 2, 3, 2), (3, 2, 4), "nearest-exact", False)),
    ("upsample_linear1d", ((1, 2, 3), (5,), "linear", False), ((1, 2, 3), (5,), "linear", True)),
    ("upsample_bilinear2d", ((1, 2, 3, 2), (5, 4), "linear", False),
     ((1, 2, 3, 2), (2, 4), "linear", True)),
    ("upsample_trilinear3d", ((1, 1, 2, 3, 2), (3, 2, 4), "linear", False)),
    ("upsample_bicubic2d", ((1, 2, 3, 4), (5, 6), "cubic", False),
     ((1, 2, 3, 4), (5, 3), "cubic", True)),
    ("upsample_bilinearaa2d", ((1, 2, 7, 5), (3, 8), "linear-smooth", False),
     ((1, 2, 5, 4), (2, 3), "linear-smooth", True)),
    ("upsample_bicubicaa2d", ((1, 2, 7, 5), (3, 8), "cubic-smooth", False)),
    ("upsample_lanczosaa2d", ((1, 2, 9, 5), (3, 8), "lanczos-smooth", False)),
    ("resample", ((1, 2, 3, 2), (5, 4), "linear", False)),
):  # fmt: skip
    samples(_name, torch=_INTERPOLATE, without=_NONE)(_resampled(*_cases))


@samples(
    "resample_adjoint", without=_NONE,
    torch="lambda y, shape, scales, mode, align: torch.autograd.grad((" + _INTERPOLATE + ")("
    "x := torch.zeros(shape, dtype=y.dtype, requires_grad=True), y.shape[2:], scales, mode, align)"
    ", x, y, create_graph=True)[0]",
)  # fmt: skip
def resample_adjoint(draw):
    return [
        Sample(draw.normal(1, 2, 5, 4), (1, 2, 3, 2), (None, None), mode, False)
        for mode in ("linear", "cubic", "nearest")
    ]
