"""Samples of `_ops/linalg.py`."""

from .table import Sample, samples


@samples("mm", without=("0-d",))
def mm(draw):
    sizes = ((2, 3, 4), (1, 1, 1), (0, 2, 3), (2, 0, 3), (1, 4, 2))
    return [Sample(draw.normal(n, m), draw.normal(m, p)) for n, m, p in sizes]


@samples("bmm", without=("0-d",))
def bmm(draw):
    sizes = ((2, 2, 3, 2), (1, 1, 1, 1), (0, 2, 3, 2), (2, 2, 0, 3))
    return [Sample(draw.normal(b, n, m), draw.normal(b, m, p)) for b, n, m, p in sizes]


@samples("mv", without=("0-d",))
def mv(draw):
    return [Sample(draw.normal(n, m), draw.normal(m)) for n, m in ((2, 3), (1, 1), (0, 2), (2, 0))]


@samples("dot", without=("0-d",))
def dot(draw):
    return [Sample(draw.normal(n), draw.normal(n)) for n in (3, 1, 0)]


@samples("outer", without=("0-d",))
def outer(draw):
    return [Sample(draw.normal(n), draw.normal(m)) for n, m in ((2, 3), (1, 1), (0, 2))]


@samples("addmm")
def addmm(draw):
    return [
        Sample(draw.normal(2, 4), draw.normal(2, 3), draw.normal(3, 4), 1, 1),
        Sample(draw.normal(4), draw.normal(2, 3), draw.normal(3, 4), 1, 1),
        Sample(draw.normal(), draw.normal(2, 3), draw.normal(3, 4), 0.5, 2.0),
        Sample(draw.normal(2, 1), draw.normal(2, 3), draw.normal(3, 4), 2, 1),
        Sample(draw.normal(4), draw.normal(2, 3), draw.normal(3, 4), 0, 1),
        Sample(draw.normal(3), draw.normal(0, 2), draw.normal(2, 3), 1, 1),
        Sample(draw.normal(3), draw.normal(2, 0), draw.normal(0, 3), 0.5, 1),
    ]


@samples("linear", without=("0-d",))
def linear(draw):
    return [
        Sample(draw.normal(2, 3), draw.normal(4, 3), draw.normal(4)),
        Sample(draw.normal(1, 1), draw.normal(1, 1), draw.normal(1)),
        Sample(draw.normal(0, 3), draw.normal(2, 3), draw.normal(2)),
    ]


@samples("linear_batched", without=("0-d",))
def linear_batched(draw):
    return [
        Sample(draw.normal(2, 2, 3), draw.normal(4, 3), draw.normal(4)),
        Sample(draw.normal(1, 2, 1, 2), draw.normal(2, 2), draw.normal(2)),
        Sample(draw.normal(0, 2, 3), draw.normal(2, 3), draw.normal(2)),
    ]


@samples("linear_plain", without=("0-d",))
def linear_plain(draw):
    return [
        Sample(draw.normal(2, 3), draw.normal(4, 3), None),
        Sample(draw.normal(0, 3), draw.normal(2, 3), None),
    ]


@samples("linear_plain_batched", without=("0-d",))
def linear_plain_batched(draw):
    return [
        Sample(draw.normal(2, 2, 3), draw.normal(4, 3), None),
        Sample(draw.normal(0, 2, 3), draw.normal(2, 3), None),
    ]


@samples("addmv")
def addmv(draw):
    return [
        Sample(draw.normal(2), draw.normal(2, 3), draw.normal(3), 1, 1),
        Sample(draw.normal(1), draw.normal(2, 3), draw.normal(3), 0.5, 2.0),
        Sample(draw.normal(), draw.normal(2, 3), draw.normal(3), 2, 1),
        Sample(draw.normal(2), draw.normal(2, 0), draw.normal(0), 0.5, 1),
        Sample(draw.normal(2), draw.normal(2, 3), draw.normal(3), 0, 1),
    ]


@samples("baddbmm")
def baddbmm(draw):
    return [
        Sample(draw.normal(2, 2, 4), draw.normal(2, 2, 3), draw.normal(2, 3, 4), 1, 1),
        Sample(draw.normal(4), draw.normal(2, 2, 3), draw.normal(2, 3, 4), 0.5, 2.0),
        Sample(draw.normal(), draw.normal(1, 2, 3), draw.normal(1, 3, 1), 1, 1),
        Sample(draw.normal(3), draw.normal(2, 2, 0), draw.normal(2, 0, 3), 0.5, 1),
        Sample(draw.normal(3), draw.normal(2, 2, 2), draw.normal(2, 2, 3), 0, 1),
    ]
