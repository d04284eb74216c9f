"""In-place twins: ``x.mul_(y)`` writes what ``x.mul(y)`` returns, and the graph follows.

Every method ``name_`` that belongs to a row is called on the samples of that row: on an ordinary
tensor, on a view of a larger one, on a leaf, and on a tensor of a dtype that cannot hold the
result.
"""

import numpy as np
import pytest

from rushlight._core import LEAF, cell_of, wrap
from rushlight._ops.casting import clone
from rushlight._ops.movement import select
from rushlight._tensor import registry
from rushlight.autograd import engine

from .checks import DIFFERENTIABLE, ROWS, Call, cases, close, name_of
from .oracle import cotangent


def twin_of(row):
    """The name of the method that is the row's in-place twin, or None."""
    name = row.public_name + "_"
    first = row.schemas[0].partition("(")[2].partition(",")[0]
    return name if name in registry.METHODS and first.startswith("Tensor self") else None


pytestmark = pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter")

# `clamp_(max=...)`: the row's second argument is not the method's.
OTHERWISE_CALLED = {"clamp_above"}
TWINS = [
    row
    for row in ROWS
    if row.kind != "variadic" and not row.view and twin_of(row) and row.name not in OTHERWISE_CALLED
]


def written(call, target):
    """The row's twin on `target` with the other arguments of `call`."""
    row = call.row
    n = row.positional
    named = {row.public_names[i]: call.values[i] for i in range(n, len(call.values))}
    return getattr(target, twin_of(row))(*call.values[1:n], **named)


def fits(row, sample):
    """Whether the result has the shape and dtype of the first argument."""
    call = Call(row, sample, grad=False)
    (out,) = call.run()
    first = call.values[0]._data
    return out._data.shape == first.shape and out._data.dtype == first.dtype


FITTING = cases(TWINS, fits)
twins = pytest.mark.parametrize(("row", "number", "sample"), FITTING, ids=name_of)


def differentiable(row):
    return row in DIFFERENTIABLE and row.edge_for(row.inputs[0])


def gradients(out, leaves, start):
    live = [t for t in leaves if t._edge is LEAF]
    if out._edge is None or not live:
        return [None] * len(live)
    return list(engine.gradients_of([out], [wrap(start)], live, False, False, True))


def test_there_are_twins():
    assert len(TWINS) > 20


@twins
def test_value_gradient_identity_version(row, number, sample):
    plain = Call(row, sample)
    (wanted,) = plain.run()
    start = cotangent(f"{row.name}/{number}", 0, wanted._data.shape).astype(wanted._data.dtype)
    expected = gradients(wanted, plain.leaves, start)

    call = Call(row, sample)
    target = clone.call(call.values[0])
    version = cell_of(target)[0]
    assert written(call, target) is target
    assert cell_of(target)[0] == version + 1
    close(target._data, wanted._data, 1e-15, f"{twin_of(row)} {sample}")
    for g, h in zip(gradients(target, call.leaves, start), expected, strict=True):
        assert (g is None) == (h is None)
        if h is not None:
            close(g._data, h._data, 1e-15, f"gradient of {twin_of(row)} {sample}")


@twins
def test_on_a_view_of_a_larger_tensor(row, number, sample):
    """The gradient reaches the base: what was overwritten through the row, the rest as it is."""
    plain = Call(row, sample)
    (wanted,) = plain.run()
    start = cotangent(f"{row.name}/{number}", 0, wanted._data.shape).astype(wanted._data.dtype)
    expected = gradients(wanted, plain.leaves, start)

    call = Call(row, sample)
    first = call.values[0]
    whole = wrap(np.stack([first._data, first._data]))
    leaf = first._edge is LEAF
    whole._edge = LEAF if leaf else None
    base = clone.call(whole)
    view = select.call(base, 0, 1)
    version = cell_of(base)[0]
    assert written(call, view) is view
    assert cell_of(base) is cell_of(view)
    assert cell_of(base)[0] == version + 1
    close(base._data[1], wanted._data, 1e-15, f"{twin_of(row)} {sample}")
    close(base._data[0], first._data, 0, f"{twin_of(row)} {sample}")
    others = [t for t in call.leaves if t is not first]
    above = cotangent(f"{row.name}/above", 0, start.shape).astype(start.dtype)
    found = gradients(base, [whole, *others] if leaf else others, np.stack([above, start]))
    if leaf:
        into = found.pop(0)
        close(into._data[0], above, 0, "the part that was not written to")
        h = next(h for t, h in zip(plain.leaves, expected, strict=True) if t is plain.values[0])
        expected = [h for t, h in zip(plain.leaves, expected, strict=True)
                    if t is not plain.values[0]]  # fmt: skip
        wanted_there = np.zeros(start.shape) if h is None else h._data
        close(into._data[1], wanted_there, 1e-15, f"gradient through the view of {row.name}")
    for g, h in zip(found, expected, strict=True):
        assert (g is None) == (h is None)
        if h is not None:
            close(g._data, h._data, 1e-15, f"gradient of {twin_of(row)} {sample}")


@pytest.mark.parametrize(
    ("row", "number", "sample"),
    [c for c in FITTING if differentiable(c[0]) and isinstance(c[2].arguments[0], np.ndarray)
     and c[2].arguments[0].dtype.kind == "f"],
    ids=name_of,
)  # fmt: skip
def test_a_leaf_is_refused(row, number, sample):
    call = Call(row, sample)
    before = call.values[0]._data.copy()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in"):
        written(call, call.values[0])
    assert np.array_equal(before, call.values[0]._data, equal_nan=True)


@pytest.mark.parametrize(
    "row", [r for r in TWINS if r.floats and not r.kernel and not r.refuse
     and r.promotion == "float"], ids=name_of
)
def test_a_cast_to_integers_is_refused(row):
    sample = cases([row])[0][2]
    call = Call(row, sample, grad=False, dtype="int64")
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output"):
        written(call, call.values[0])


@pytest.mark.parametrize(
    ("row", "number", "sample"),
    cases(TWINS, lambda r, s: not fits(r, s)),
    ids=name_of,
)
def test_a_result_that_does_not_fit_is_refused(row, number, sample):
    call = Call(row, sample, grad=False)
    (out,) = Call(row, sample, grad=False).run()
    before = call.values[0]._data.copy()
    if out._data.shape == before.shape:
        if out._data.dtype.kind in "biu":
            return  # a comparison may be written into any tensor
        with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
            written(call, call.values[0])
    else:
        with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
            written(call, call.values[0])
    assert np.array_equal(before, call.values[0]._data, equal_nan=before.dtype.kind == "f")




@pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_comparison_into_a_tensor_moves_with_nothing(name):
    """``x.eq_(y)`` writes 0 and 1 in the dtype of x; its gradient is zero."""
    leaf = wrap(np.array([1.0, 2.0, 3.0]))
    leaf._edge = LEAF
    x = clone.call(leaf)
    assert getattr(x, name + "_")(wrap(np.array([3.0, 2.0, 1.0]))) is x
    wanted = {"eq": [0, 1, 0], "ne": [1, 0, 1], "lt": [1, 0, 0], "le": [1, 1, 0], "gt": [0, 0, 1],
              "ge": [0, 1, 1]}[name]  # fmt: skip
    assert x._data.dtype == np.float64
    assert x._data.tolist() == wanted
    (g,) = gradients(x, [leaf], np.ones(3))
    assert g._data.tolist() == [0, 0, 0]
