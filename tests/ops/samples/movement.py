"""Samples of `_ops/movement.py`."""

from .table import Sample, samples


@samples("view")
@samples("unsafe_view")
def view(draw):
    return [
        Sample(draw.normal(2, 3), (3, 2)),
        Sample(draw.normal(2, 3), (6,)),
        Sample(draw.normal(), (1, 1)),
        Sample(draw.normal(1), ()),
        Sample(draw.normal(0, 2), (4, 0)),
        Sample(draw.normal(2, 1, 3), (2, 3)),
    ]


@samples("reshape_alias", torch="lambda x, s: x.reshape(s)")
def reshape_alias(draw):
    return [
        # Only `reshape` calls it, for layouts of which it knows that a view exists.
        Sample(draw.normal(2, 3), (3, 2), strided=False),
        Sample(draw.normal(2, 3), (2, 3, 1)),
        Sample(draw.normal(), (1, 1)),
        Sample(draw.normal(0, 2), (4, 0), strided=False),
    ]


@samples("transpose")
def transpose(draw):
    return [
        Sample(draw.normal(2, 3), 0, 1),
        Sample(draw.normal(2, 1, 3), -1, 0),
        Sample(draw.normal(2, 3), 1, 1),
        Sample(draw.normal(), 0, -1),
        Sample(draw.normal(0, 2), 0, 1),
    ]


@samples("t")
def t(draw):
    return [Sample(draw.normal(*s)) for s in ((2, 3), (3,), (), (0, 2), (1, 1))]


@samples("mT", torch="lambda x: x.mT", without=("0-d",))
def matrix_transpose(draw):
    return [Sample(draw.normal(*s)) for s in ((2, 3), (2, 1, 3), (0, 2), (1, 1))]


@samples("permute")
def permute(draw):
    return [
        Sample(draw.normal(2, 3, 4), (2, 0, 1)),
        Sample(draw.normal(2, 3), (-1, 0)),
        Sample(draw.normal(2, 3), (0, 1)),
        Sample(draw.normal(), ()),
        Sample(draw.normal(0, 1, 2), (1, 2, 0)),
    ]


@samples("expand")
def expand(draw):
    return [
        Sample(draw.normal(2, 1), (2, 3)),
        Sample(draw.normal(3), (2, 2, 3)),
        Sample(draw.normal(1, 3), (-1, -1)),
        Sample(draw.normal(1, 3), (2, 2, -1)),
        Sample(draw.normal(), (2,)),
        Sample(draw.normal(), ()),
        Sample(draw.normal(1, 2), (0, 2)),
        Sample(draw.normal(0, 1), (0, 3)),
    ]


@samples("squeeze_first", torch="lambda x: x.squeeze(0)", without=("0-d",))
def squeeze_first(draw):
    return [Sample(draw.normal(*s)) for s in ((1, 3), (1,), (1, 0, 2), (1, 1))]


@samples("squeeze_one")
def squeeze_one(draw):
    return [
        Sample(draw.normal(2, 1, 3), 1),
        Sample(draw.normal(1, 2, 1), -1),
        Sample(draw.normal(2, 3), 0),
        Sample(draw.normal(), 0),
        Sample(draw.normal(0, 1), 1),
    ]


@samples("unfold")
def unfold(draw):
    return [
        Sample(draw.normal(5, 2), 0, 2, 1),
        Sample(draw.normal(2, 5), -1, 3, 2),
        Sample(draw.normal(3), 0, 3, 1),
        Sample(draw.normal(), 0, 1, 1),
        Sample(draw.normal(0, 3), 1, 2, 1),
    ]


@samples("unfold_backward", without=("0-d",))
def unfold_backward(draw):
    return [
        Sample(draw.normal(4, 2, 2), (5, 2), 0, 2, 1),
        Sample(draw.normal(2, 2, 3), (2, 5), 1, 3, 2),
        Sample(draw.normal(0, 2, 2), (0, 3), 1, 2, 1),
    ]


@samples("squeeze")
@samples("squeeze_several")
def squeeze(draw):
    return [
        Sample(draw.normal(2, 1, 3), (1,)),
        Sample(draw.normal(1, 2, 1), (0, -1)),
        Sample(draw.normal(2, 3), (0,)),
        Sample(draw.normal(), ()),
        Sample(draw.normal(0, 1), (1,)),
    ]


@samples("unsqueeze")
def unsqueeze(draw):
    return [
        Sample(draw.normal(2, 3), 0),
        Sample(draw.normal(2, 3), -1),
        Sample(draw.normal(2, 3), 1),
        Sample(draw.normal(), 0),
        Sample(draw.normal(0, 2), 2),
    ]


@samples("select", without=("0-d",))
def select(draw):
    return [
        Sample(draw.normal(2, 3), 0, 1),
        Sample(draw.normal(2, 3), -1, -2),
        Sample(draw.normal(3), 0, 0),
        Sample(draw.normal(1, 1), 1, 0),
        Sample(draw.normal(2, 0), 0, -1),
    ]


@samples("select_backward")
def select_backward(draw):
    return [
        Sample(draw.normal(3), (2, 3), 0, 1),
        Sample(draw.normal(2), (2, 3), 1, 2),
        Sample(draw.normal(), (3,), 0, 0),
        Sample(draw.normal(0), (2, 0), 0, 1),
    ]


@samples("slice", without=("0-d",))
def slices(draw):
    return [
        Sample(draw.normal(4, 3), 0, 1, 3, 1),
        Sample(draw.normal(4, 3), 1, None, None, 2),
        Sample(draw.normal(5), -1, -3, -1, 1),
        Sample(draw.normal(5), 0, 1, 100, 3),
        Sample(draw.normal(3), 0, 2, 1, 1),
        Sample(draw.normal(0, 2), 0, 0, 1, 1),
        Sample(draw.normal(1), 0, 0, 1, 1),
    ]


@samples("slice_backward", without=("0-d",))
def slice_backward(draw):
    return [
        Sample(draw.normal(2, 3), (4, 3), 0, 1, 3, 1),
        Sample(draw.normal(4, 2), (4, 3), 1, 0, 3, 2),
        Sample(draw.normal(0), (3,), 0, 2, 2, 1),
    ]


@samples("diagonal", without=("0-d",))
@samples("diagonal_copy", without=("0-d",))
def diagonal(draw):
    return [
        Sample(draw.normal(3, 3), 0, 0, 1),
        Sample(draw.normal(2, 4), 1, 0, 1),
        Sample(draw.normal(4, 2), -1, 0, 1),
        Sample(draw.normal(2, 3, 3), 0, -1, -2),
        Sample(draw.normal(1, 1), 0, 0, 1),
        Sample(draw.normal(0, 2), 0, 0, 1),
        Sample(draw.normal(2, 2), 5, 0, 1),
    ]


@samples("diag_embed", without=("0-d",))
def diag_embed(draw):
    return [
        Sample(draw.normal(3), 0, -2, -1),
        Sample(draw.normal(2), 1, 0, 1),
        Sample(draw.normal(2, 3), -2, 0, 2),
        Sample(draw.normal(2, 0), 1, -1, 0),
    ]


@samples("diagonal_backward", without=("0-d",))
def diagonal_backward(draw):
    return [
        Sample(draw.normal(3), (3, 3), 0, 0, 1),
        Sample(draw.normal(2), (2, 4), 1, 0, 1),
        Sample(draw.normal(2, 3), (2, 3, 3), 0, 1, 2),
        Sample(draw.normal(0), (0, 2), 0, 0, 1),
    ]


_OF_CONTIGUOUS = "its strides are those of a contiguous storage"


@samples("as_strided")
def as_strided(draw):
    return [
        Sample(draw.normal(6), (2, 3), (3, 1), 0, strided=_OF_CONTIGUOUS),
        Sample(draw.normal(6), (2, 2), (1, 2), 1, strided=_OF_CONTIGUOUS),
        Sample(draw.normal(2, 3), (3, 3), (1, 1), 0, strided=_OF_CONTIGUOUS),
        Sample(draw.normal(3), (2, 3), (0, 1), None, strided=_OF_CONTIGUOUS),
        Sample(draw.normal(), (), (), 0, strided=_OF_CONTIGUOUS),
        Sample(draw.normal(0), (0, 2), (2, 1), 0, strided=_OF_CONTIGUOUS),
    ]


@samples(
    "as_strided_adjoint",
    torch="lambda g, of, shape, strides, offset: torch.zeros(of, dtype=g.dtype).reshape(-1)"
    ".index_add(0, torch.arange(torch.Size(of).numel()).as_strided(shape, strides, offset or 0)"
    ".reshape(-1), g.reshape(-1)).reshape(of)",
)
def as_strided_adjoint(draw):
    return [
        Sample(draw.normal(2, 3), (6,), (2, 3), (3, 1), 0),
        Sample(draw.normal(3, 3), (2, 3), (3, 3), (1, 1), 0),
        Sample(draw.normal(2, 3), (3,), (2, 3), (0, 1), None),
        Sample(draw.normal(2, 2), (6,), (2, 2), (1, 2), 1),
        Sample(draw.normal(), (1,), (), (), 0),
        Sample(draw.normal(0, 2), (3,), (0, 2), (2, 1), 0),
    ]


@samples("flip")
def flip(draw):
    return [
        Sample(draw.normal(2, 3), (0,)),
        Sample(draw.normal(2, 3), (0, -1)),
        Sample(draw.normal(2, 3), ()),
        Sample(draw.normal(), ()),
        Sample(draw.normal(0, 2), (1,)),
        Sample(draw.normal(1, 3), (0, 1)),
    ]


@samples("tril", "triu", without=("0-d",))
def triangles(draw):
    return [
        Sample(draw.normal(3, 3), 0),
        Sample(draw.normal(2, 4), 1),
        Sample(draw.normal(2, 3, 2), -1),
        Sample(draw.normal(0, 3), 0),
        Sample(draw.normal(1, 1), 0),
    ]


@samples("repeat")
def repeat(draw):
    return [
        Sample(draw.normal(2, 3), (2, 1)),
        Sample(draw.normal(3), (2, 2)),
        Sample(draw.normal(), (2,)),
        Sample(draw.normal(), ()),
        Sample(draw.normal(1, 2), (3, 2, 1)),
        Sample(draw.normal(2), (0,)),
        Sample(draw.normal(0, 2), (2, 2)),
    ]


@samples(
    "fold_repeats",
    torch="lambda g, shape, repeats: g.reshape([n for r, s in zip(repeats, (1,) * (len(repeats) - "
    "len(shape)) + tuple(shape)) for n in (r, s)])"
    ".sum(tuple(range(0, 2 * len(repeats), 2))).reshape(shape) if repeats else g",
)
def fold_repeats(draw):
    return [
        Sample(draw.normal(4, 3), (2, 3), (2, 1)),
        Sample(draw.normal(2, 6), (3,), (2, 2)),
        Sample(draw.normal(2), (), (2,)),
        Sample(draw.normal(), (), ()),
        Sample(draw.normal(0), (2,), (0,)),
        Sample(draw.normal(0, 4), (0, 2), (2, 2)),
    ]


@samples("cat", without=("0-d",))
def cat(draw):
    return [
        Sample([draw.normal(2, 3), draw.normal(1, 3)], 0),
        Sample([draw.normal(2, 1), draw.normal(2, 3), draw.normal(2, 2)], -1),
        Sample([draw.normal(3)], 0),
        Sample([draw.normal(2, 3), draw.normal(0, 3)], 0),
        Sample([draw.normal(2, 3), draw.normal(0)], 1),
        Sample([draw.normal(1), draw.normal(1), draw.normal(1)], 0),
    ]


@samples("stack")
def stack(draw):
    return [
        Sample([draw.normal(2, 3), draw.normal(2, 3)], 0),
        Sample([draw.normal(2, 3), draw.normal(2, 3)], -1),
        Sample([draw.normal(), draw.normal(), draw.normal()], 0),
        Sample([draw.normal(0, 2), draw.normal(0, 2)], 1),
        Sample([draw.normal(1)], 1),
    ]
