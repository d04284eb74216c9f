"""Every row under vmap against a loop over the examples: values and gradients, all inputs batched
and each one alone."""

import warnings

import numpy as np
import pytest

from rushlight import _core
from rushlight._core import LEAF, TEN, wrap
from rushlight.autograd import engine, vmap
from rushlight.autograd.batch_rules import rule_of
from rushlight.autograd.batch_rules.common import one_by_one
from rushlight.autograd.interpreters import call

from .checks import DIFFERENTIABLE, ROWS, cases, close, name_of
from .expected import differentiated
from .oracle import cotangent
from .samples import TABLE

SIZE = 3
every = pytest.mark.parametrize(("row", "number", "sample"), cases(ROWS), ids=name_of)
derived = pytest.mark.parametrize(
    ("row", "number", "sample"), cases(DIFFERENTIABLE), ids=name_of
)
pytestmark = pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter")

# The shape of the result depends on values: PyTorch refuses.
DYNAMIC = {"nonzero", "unique", "unique_dim", "unique_consecutive"}
# Of these the mask may not differ from example to example.
MASKS = {"masked_select", "masked_select_backward", "masked_place", "masked_scatter_backward"}


def examples(value):
    """Several arrays like the sample's: other numbers of the same kind, in order."""
    if value.dtype.kind in "fcV":
        return [(value * (1 + 0.01 * i)).astype(value.dtype) for i in range(SIZE)]
    if value.dtype.kind in "iu" and value.ndim and i_can_turn(value):
        return [value if i != 1 else value[..., ::-1].copy() for i in range(SIZE)]
    return [value] * SIZE


def i_can_turn(value):
    return value.shape[-1] > 1


class Batch:
    """The arguments of a sample with a batch: `slots` are the positions of its tensors (for lists
    pairs), `chosen` those that are batched."""

    def __init__(self, sample, chosen):
        self.arguments = sample.arguments
        self.slots = []
        for i, value in enumerate(sample.arguments):
            if isinstance(value, np.ndarray):
                self.slots.append((i, None))
            elif isinstance(value, list) and value and isinstance(value[0], np.ndarray):
                self.slots += [(i, j) for j in range(len(value))]
        self.arrays = [
            self.arguments[i] if j is None else self.arguments[i][j] for i, j in self.slots
        ]
        self.batched = [chosen is None or chosen == s for s in range(len(self.slots))]
        self.rows = [
            examples(a) if b else [np.array(a)] * SIZE
            for a, b in zip(self.arrays, self.batched, strict=True)
        ]

    def tensors(self, grad=()):
        """The physical tensors; leaves where `grad` says."""
        found = []
        for s, rows in enumerate(self.rows):
            t = wrap(np.stack(rows) if self.batched[s] else np.array(rows[0]))
            if self.slots[s][0] in grad and t._data.dtype.kind == "f":
                t._edge = LEAF
            found.append(t)
        return found

    def fill(self, tensors):
        """The row's arguments with `tensors` in place of the arrays."""
        arguments = [list(a) if isinstance(a, list) else a for a in self.arguments]
        for (i, j), t in zip(self.slots, tensors, strict=True):
            if j is None:
                arguments[i] = t
            else:
                arguments[i][j] = t
        return arguments


def run(row, arguments):
    with warnings.catch_warnings():
        if TABLE[row.name].warns:
            warnings.filterwarnings("ignore", TABLE[row.name].warns)
        result = call(row, arguments)
    return list(result) if isinstance(result, tuple | list) else [result]


def mapped(row, batch, tensors):
    def function(*given):
        whole = iter(given)
        return run(row, batch.fill([
            next(whole) if b else t for t, b in zip(tensors, batch.batched, strict=True)
        ]))  # fmt: skip

    return vmap.mapped(
        function, SIZE, [t for t, b in zip(tensors, batch.batched, strict=True) if b]
    )


def looped(row, batch, tensors):
    results = [
        run(row, batch.fill([
            TEN.clone(TEN.select(t, 0, i)) if b else t
            for t, b in zip(tensors, batch.batched, strict=True)
        ]))
        for i in range(SIZE)
    ]  # fmt: skip
    return [TEN.stack(list(column), 0) for column in zip(*results, strict=True)]


def choices(row, sample):
    count = len(Batch(sample, None).slots)
    return [None] if count < 2 else [None, *range(count)]


def skips(row, sample, batch):
    """Whether PyTorch refuses or there is nothing to batch."""
    masks = [
        b and a.dtype.kind == "b" for a, b in zip(batch.arrays, batch.batched, strict=True)
    ]
    indexes = row.name.rstrip("0123456789") in {"index", "index_put", "index_clear",
                                                "index_backward"}  # fmt: skip
    return not any(batch.batched) or (any(masks) and (row.name in MASKS or indexes))


@every
def test_vmap_computes_the_loop(row, number, sample):
    for chosen in choices(row, sample):
        batch = Batch(sample, chosen)
        if skips(row, sample, batch):
            continue
        tensors = batch.tensors()
        if row.name in DYNAMIC:
            with pytest.raises(RuntimeError, match="output dynamic shape"):
                mapped(row, batch, tensors)
            continue
        try:
            wanted = looped(row, batch, tensors)
        except (RuntimeError, IndexError) as error:
            with pytest.raises(type(error)):
                mapped(row, batch, tensors)
            continue
        found = mapped(row, batch, tensors)
        for f, w in zip(found, wanted, strict=True):
            assert f._data.dtype == w._data.dtype
            close(f._data, w._data, 1e-5 if w._data.dtype.itemsize == 4 else 1e-10,
                  f"{row.name} with {chosen} batched")  # fmt: skip


@derived
def test_gradients_through_vmap(row, number, sample):
    if row.name in DYNAMIC:
        pytest.skip("its results have shapes that depend on values")
    wanted_by = differentiated(row)
    for chosen in choices(row, sample):
        batch = Batch(sample, chosen)
        if skips(row, sample, batch):
            continue
        pair = []
        for how in (mapped, looped):
            tensors = batch.tensors(wanted_by)
            leaves = [t for t in tensors if t._edge is LEAF]
            try:
                outputs = how(row, batch, tensors)
            except (RuntimeError, IndexError):
                break  # the test of values compares errors
            live = [(n, o) for n, o in enumerate(outputs) if o._edge is not None]
            if not leaves or not live:
                break
            starts = [
                wrap(cotangent(f"{row.name}/vmap", n, o._data.shape).astype(o._data.dtype))
                for n, o in live
            ]
            pair.append(engine.gradients_of(
                [o for _, o in live], starts, leaves, False, False, True
            ))  # fmt: skip
        if len(pair) < 2:
            continue
        for f, w in zip(*pair, strict=True):
            if f is None and w is None:
                continue
            f, w = (
                np.zeros_like(other._data) if g is None else g._data
                for g, other in ((f, w), (w, f))
            )
            close(f, w, 1e-4 if f.dtype.itemsize == 4 else 1e-8,
                  f"gradient of {row.name} with {chosen} batched")  # fmt: skip


def test_the_common_rows_do_not_loop():
    """A loop is right for every row, and slow."""
    common = """
        view transpose permute expand squeeze select slice cat stack sum_all sum mean amax max_dim
        softmax log_softmax sort cumsum mm bmm mv dot outer addmm linear linear_batched convolution
        conv conv_input conv_weight batch_norm_train batch_norm_eval layer_norm group_norm embedding
        embedding_dense_backward gather scatter_add index1 index_put1 index_backward1 nll_loss
        mse_loss binary_cross_entropy_with_logits max_pool2d_with_indices avg_pool2d where
        masked_fill_scalar constant_pad_nd linalg_det linalg_svd linear_systems
    """.split()
    rows = [r for r in ROWS if r.kind == "elementwise" or r.name in common]
    assert set(common) <= {r.name for r in rows}
    assert not [r.name for r in rows if rule_of(r) is one_by_one]


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("name", ["exp", "sum_all", "t", "sort", "median_all", "trace"])
def test_no_examples_and_one(name, size):
    row = _core.OPS[name]
    arguments = (None, -1, False) if name == "sort" else ()
    whole = wrap(np.arange(6.0 * size).reshape(size, 2, 3))
    found = vmap.mapped(lambda x: run(row, [x, *arguments]), size, [whole])
    wanted = run(row, [wrap(np.arange(6.0).reshape(2, 3)), *arguments])
    for f, w in zip(found, wanted, strict=True):
        assert f._data.shape == (size, *w._data.shape)
        assert f._data.dtype == w._data.dtype
        if size:
            assert np.array_equal(f._data[0], w._data)
