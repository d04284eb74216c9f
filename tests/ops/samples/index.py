"""Samples of `_ops/index.py`, `embedding.py`, `masking.py`, `scattering.py`, `scatter_reduce.py`,
`taking.py`."""

import numpy as np

from .table import Sample, samples


def _indices(draw):
    """(shape of x, index arrays, places) of one and of two indices."""
    one = [
        ((4, 3), (draw.integers(-4, 4, 5),), (0,)),
        ((2, 4), (draw.integers(0, 4, 2, 2),), (1,)),
        ((3,), (draw.integers(0, 3),), (0,)),
        ((3, 2), (draw.integers(0, 3, 0),), (0,)),
        ((3, 2), (np.array([True, False, True]),), (0,)),
    ]
    two = [
        ((3, 4), (draw.integers(0, 3, 5), draw.integers(-4, 4, 5)), (0, 1)),
        ((3, 2, 4), (draw.integers(0, 3, 2, 1), draw.integers(0, 4, 3)), (0, 2)),
        ((2, 2), (draw.integers(0, 2), draw.integers(0, 2)), (0, 1)),
        ((2, 2), (draw.integers(0, 2, 0), draw.integers(0, 2, 0)), (0, 1)),
    ]
    return {1: one, 2: two}


def _result(shape, indices, places):
    key = [slice(None)] * (max(places) + 1)
    for index, place in zip(indices, places, strict=True):
        key[place] = index
    return np.zeros(shape)[tuple(key)].shape


def _rows(count):
    names = ", ".join(f"i{j}" for j in range(count))
    key = f"tuple(({names},)[p.index(d)] if d in p else slice(None) for d in range(max(p) + 1))"

    @samples(f"index{count}", torch=f"lambda x, {names}, p: x[{key}]")
    def read(draw):
        return [Sample(draw.normal(*s), *i, p) for s, i, p in _indices(draw)[count]]

    put = f"[None if type(q) is slice else q for q in {key}]"

    @samples(
        f"index_backward{count}",
        torch=f"lambda g, s, {names}, p: torch.ops.aten.index_put(torch.zeros(s, dtype=g.dtype), "
        f"{put}, g, True)",
    )
    def backward(draw):
        return [Sample(draw.normal(*_result(s, i, p)), s, *i, p)
                for s, i, p in _indices(draw)[count]]  # fmt: skip

    @samples(f"index_clear{count}", torch=f"lambda x, {names}, p: torch.ops.aten.index_put(x, {put}"
             ", torch.zeros((), dtype=x.dtype))")  # fmt: skip
    def clear(draw):
        return [Sample(draw.normal(*s), *i, p) for s, i, p in _indices(draw)[count]]

    @samples(f"index_put{count}", torch=f"lambda x, v, {names}, p, a: torch.ops.aten.index_put(x, "
             f"{put}, v, a)")  # fmt: skip
    def write(draw):
        found = []
        for s, i, p in _indices(draw)[count]:
            shape = _result(s, i, p)
            found.append(Sample(draw.normal(*s), draw.normal(*shape), *i, p, True))
            # A value that is written twice counts twice, in PyTorch too: no true derivative.
            found.append(Sample(draw.normal(*s), draw.normal(), *i, p, False, kink=True))
        shape, places = (5, 2), (0, 1)[:count]
        distinct = (np.array([3, 0, 4]), np.array([1, 0, 1]))[:count]
        values = draw.normal(*_result(shape, distinct, places))
        found.append(Sample(draw.normal(*shape), values, *distinct, places, False))
        return found


_rows(1)
_rows(2)


@samples("embedding")
def embedding(draw):
    return [
        Sample(draw.normal(4, 3), draw.integers(0, 4, 2, 3), -1, False, False),
        Sample(draw.normal(4, 3), np.array([1, 1, 2]), 1, False, False, kink=True),
        Sample(draw.normal(4, 3), np.array([1, 1, 2]), -1, True, False, kink=True),
        Sample(draw.normal(4, 1), draw.integers(0, 4), -1, False, False),
        Sample(draw.normal(4, 2), draw.integers(0, 4, 0), -1, False, False),
    ]


@samples("embedding_dense_backward")
def embedding_backward(draw):
    return [
        Sample(draw.normal(2, 3, 2), draw.integers(0, 4, 2, 3), 4, -1, False),
        Sample(draw.normal(3, 2), np.array([1, 1, 2]), 4, 1, False),
        Sample(draw.normal(2), draw.integers(0, 4), 4, -1, False),
        Sample(draw.normal(0, 2), draw.integers(0, 4, 0), 4, -1, False),
    ]


@samples(
    "embedding_twice",
    torch="lambda x, i, padding: torch.where((i == padding)[..., None], 0.0, F.embedding(i, x))",
)  # fmt: skip
def embedding_twice(draw):
    return [
        Sample(draw.normal(4, 2), draw.integers(0, 4, 2, 3), -1),
        Sample(draw.normal(4, 2), np.array([1, 1, 2]), 1),
        Sample(draw.normal(4, 2), draw.integers(0, 4), -1),
        Sample(draw.normal(4, 2), draw.integers(0, 4, 0), -1),
    ]


@samples("one_hot")
def one_hot(draw):
    return [Sample(draw.integers(0, 4, 2, 3), 5), Sample(np.array([0, 2]), -1),
            Sample(draw.integers(0, 4), 4)]  # fmt: skip


# ---- masks --------------------------------------------------------------------------------------


def _masked(draw):
    return [(draw.normal(*s), draw.mask(*m)) for s, m in (
        ((2, 3), (2, 3)), ((), ()), ((2, 3), (3,)), ((3,), (2, 1)), ((0, 2), (1, 2)))]  # fmt: skip


@samples("masked_fill_scalar")
def masked_fill_scalar(draw):
    return [Sample(x, m, v) for x, m in _masked(draw) for v in (2.5, -1)]


@samples("masked_fill_tensor")
def masked_fill_tensor(draw):
    return [Sample(x, m, draw.normal()) for x, m in _masked(draw)]


@samples("masked_select")
def masked_select(draw):
    return [Sample(x, m) for x, m in _masked(draw)]


@samples("masked_select_backward", without=("0-d",), torch=
         "lambda g, s, m: torch.zeros(s, dtype=g.dtype).masked_scatter(m, g)")  # fmt: skip
def masked_select_backward(draw):
    mask = draw.mask(2, 3)
    return [Sample(draw.normal(int(mask.sum())), (2, 3), mask),
            Sample(draw.normal(0), (2,), np.zeros(2, bool))]  # fmt: skip


@samples("masked_scatter")
def masked_scatter(draw):
    return [
        Sample(draw.normal(2, 3), draw.mask(2, 3), draw.normal(6)),
        Sample(draw.normal(2, 3), draw.mask(3), draw.normal(2, 4)),
        Sample(draw.normal(), draw.mask(), draw.normal(1)),
        Sample(draw.normal(0, 3), draw.mask(1, 3), draw.normal(2)),
    ]


@samples("masked_scatter_backward")
def masked_scatter_backward(draw):
    return [
        Sample(draw.normal(2, 3), draw.mask(2, 3), (6,)),
        Sample(draw.normal(), draw.mask(), (2,)),
        Sample(draw.normal(0, 3), draw.mask(0, 3), (2,)),
    ]


@samples("masked_place", torch="lambda h, m, shape: torch.zeros(shape, dtype=h.dtype)"
         ".masked_scatter(m, h)")  # fmt: skip
def masked_place(draw):
    return [
        Sample(draw.normal(6), draw.mask(2, 3), (2, 3)),
        Sample(draw.normal(1), draw.mask(), ()),
        Sample(draw.normal(2), draw.mask(0, 3), (0, 3)),
    ]


@samples("nonzero")
def nonzero(draw):
    return [Sample(draw.integers(0, 2, *s)) for s in ((2, 3), (), (0, 2))]


# ---- gather and scatter -------------------------------------------------------------------------


def _gathers(draw):
    """(shape of x, dim, index)."""
    return [
        ((3, 4), 1, draw.integers(0, 4, 3, 2)),
        ((3, 4), 0, draw.integers(0, 3, 5, 3)),
        ((2, 3, 2), -2, draw.integers(0, 3, 2, 2, 1)),
        ((3,), 0, draw.integers(0, 3, 4)),
        ((), 0, np.array(0)),
        ((3, 2), 0, draw.integers(0, 3, 0, 2)),
    ]


@samples("gather")
def gather(draw):
    return [Sample(draw.normal(*s), d, i) for s, d, i in _gathers(draw)]


@samples("gather_backward",
         torch="lambda g, s, d, i: torch.zeros(s, dtype=g.dtype).scatter_add(d, i, g)")  # fmt: skip
def gather_backward(draw):
    return [Sample(draw.normal(*i.shape), s, d % max(1, len(s)), i) for s, d, i in _gathers(draw)]


@samples("value_selecting_backward",
         torch="lambda g, i, s, d: torch.zeros(s, dtype=g.dtype).scatter_add(d, i, g)")  # fmt: skip
def value_selecting_backward(draw):
    return [
        Sample(draw.normal(3, 1), draw.integers(0, 4, 3, 1), (3, 4), 1),
        Sample(draw.normal(1, 4), draw.integers(0, 3, 1, 4), (3, 4), 0),
        Sample(draw.normal(0, 1), draw.integers(0, 3, 0, 1), (0, 3), 1),
        Sample(draw.normal(), np.array(0), (), 0),
    ]


def _distinct(draw):
    """Indices that name every place once at most, since the last of several writes is open."""
    return [
        ((3, 4), 1, np.stack([draw.permutation(4)[:2] for _ in range(3)])),
        ((4, 2), 0, np.stack([draw.permutation(4)[:3] for _ in range(2)], 1)),
        ((3,), 0, draw.permutation(3)[:2]),
        ((), 0, np.array(0)),
        ((3, 2), 0, draw.integers(0, 3, 0, 2)),
    ]


@samples("scatter_src")
def scatter_src(draw):
    return [Sample(draw.normal(*s), d, i, draw.normal(*i.shape)) for s, d, i in _distinct(draw)]


@samples("scatter_value")
def scatter_value(draw):
    return [Sample(draw.normal(*s), d, i, 2.5) for s, d, i in _distinct(draw)]


@samples("scatter_add")
def scatter_add(draw):
    return [Sample(draw.normal(*s), d, i, draw.normal(*i.shape)) for s, d, i in _gathers(draw)]


@samples("scatter_src_reduce", refuses=True, warns="The reduce argument of torch.scatter")
def scatter_src_reduce(draw):
    return [Sample(draw.normal(*s), d, i, draw.normal(*i.shape), r)
            for s, d, i in _gathers(draw) for r in ("add", "multiply")]  # fmt: skip


@samples("scatter_value_reduce", refuses=True)
def scatter_value_reduce(draw):
    return [Sample(draw.normal(*s), d, i, 1.5, r)
            for s, d, i in _gathers(draw) for r in ("add", "multiply")]  # fmt: skip


@samples("scatter_reduce")
def scatter_reduce(draw):
    return [
        Sample(draw.apart(*s), d, i, draw.apart(*i.shape) + 0.05, r, own)
        for s, d, i in _gathers(draw)
        for r in ("sum", "mean", "prod", "amax", "amin")
        for own in (True, False)
    ]


def _rows_of(draw):
    """(shape of x, dim, index of rows)."""
    return [
        ((4, 3), 0, np.array([2, 0, 2])),
        ((2, 4), -1, np.array([3, 1])),
        ((3,), 0, np.array([1, 1, 0, 2])),
        ((3, 2), 0, draw.integers(0, 3, 0)),
    ]


def _selected(shape, dim, index):
    found = list(shape)
    found[dim] = index.size
    return tuple(found)


@samples("index_select")
def index_select(draw):
    found = [Sample(draw.normal(*s), d, i) for s, d, i in _rows_of(draw)]
    return [*found, Sample(draw.normal(), 0, np.array([0]))]


@samples("index_select_backward", without=("0-d",))
def index_select_backward(draw):
    return [Sample(draw.normal(*_selected(s, d, i)), s, d, i) for s, d, i in _rows_of(draw)]


@samples("index_add")
def index_add(draw):
    found = [Sample(draw.normal(*s), d, i, draw.normal(*_selected(s, d, i)), a)
             for s, d, i in _rows_of(draw) for a in (1, -0.5)]  # fmt: skip
    return [*found, Sample(draw.normal(), 0, np.array(0), draw.normal(), 1)]


@samples("index_fill_scalar")
def index_fill_scalar(draw):
    found = [Sample(draw.normal(*s), d, i, 2.5) for s, d, i in _rows_of(draw)]
    return [*found, Sample(draw.normal(), 0, np.array(0), 1)]


@samples("index_fill_tensor")
def index_fill_tensor(draw):
    return [Sample(draw.normal(*s), d, i, draw.normal()) for s, d, i in _rows_of(draw)]


@samples("index_copy")
def index_copy(draw):
    rows = [((4, 3), 0, np.array([2, 0])), ((2, 4), -1, np.array([3, 1])),
            ((3, 2), 0, draw.integers(0, 3, 0))]  # fmt: skip
    found = [Sample(draw.normal(*s), d, i, draw.normal(*_selected(s, d, i))) for s, d, i in rows]
    return [*found, Sample(draw.normal(), 0, np.array(0), draw.normal())]


@samples("take")
def take(draw):
    return [
        Sample(draw.normal(2, 3), np.array([0, 5, -1, 2])),
        Sample(draw.normal(2, 3), np.array([[1, 1], [4, 0]])),
        Sample(draw.normal(), np.array(0)),
        Sample(draw.normal(2), draw.integers(0, 2, 0)),
    ]


@samples("take_backward",
         torch="lambda g, s, i: torch.zeros(s, dtype=g.dtype).put(i, g, True)")  # fmt: skip
def take_backward(draw):
    return [
        Sample(draw.normal(4), (2, 3), np.array([0, 5, -1, 2])),
        Sample(draw.normal(2, 2), (2, 3), np.array([[1, 1], [4, 0]])),
        Sample(draw.normal(), (), np.array(0)),
        Sample(draw.normal(0), (2,), draw.integers(0, 2, 0)),
    ]


@samples("put")
def put(draw):
    return [
        Sample(draw.normal(2, 3), np.array([0, 5, 2]), draw.normal(3), False),
        Sample(draw.normal(2, 3), np.array([[1, 1], [4, 0]]), draw.normal(2, 2), True),
        Sample(draw.normal(), np.array(0), draw.normal(), False),
        Sample(draw.normal(2), draw.integers(0, 2, 0), draw.normal(0), True),
    ]


@samples(
    "pack_padded_sequence", torch="lambda x, i: x.flatten(0, 1)[i]", without=("0-d", "empty")
)
def pack_padded_sequence(draw):
    return [
        Sample(draw.normal(3, 2), np.array([0, 1, 2, 5])),
        Sample(draw.normal(2, 2, 3), np.array([0, 2, 3])),
    ]
