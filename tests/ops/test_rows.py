"""Every row on every sample: values, first and second derivatives, namespaces, layouts, PyTorch."""

import numpy as np
import pytest

from rushlight import _core, _dtypes
from rushlight._core import LEAF, wrap
from rushlight.autograd import engine

from . import expected
from .checks import (
    DIFFERENTIABLE,
    REFUSING,
    ROWS,
    Call,
    along,
    cases,
    close,
    directions,
    gradients,
    inner,
    leaf_arrays,
    name_of,
    namespaces,
    raw,
)  # fmt: skip
from .samples import TABLE, samples_of

pytestmark = pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter")

parametrize = pytest.mark.parametrize
every = parametrize(("row", "number", "sample"), cases(ROWS), ids=name_of)
smooth = parametrize(
    ("row", "number", "sample"), cases(DIFFERENTIABLE, lambda r, s: not s.kink), ids=name_of
)
derived = parametrize(("row", "number", "sample"), cases(DIFFERENTIABLE), ids=name_of)


def key_of(row, number):
    return f"{row.name}/{number}"


# ---- the samples themselves ---------------------------------------------------------------------


# Complex numbers have tests of their own: test_complex.py.
COMPLEX = {
    "complex", "imag", "linalg_eig", "linalg_eigvals", "polar", "real", "view_as_complex",
    "view_as_real",
}  # fmt: skip


@parametrize("row", [r for r in ROWS if r.name not in COMPLEX], ids=name_of)
def test_every_row_is_sampled(row):
    assert row.name in TABLE, f"row {row.name} has no samples in tests/ops/samples"


def test_every_sample_belongs_to_a_row():
    assert not set(TABLE) - {row.name for row in ROWS}


@parametrize("row", [r for r in DIFFERENTIABLE if r.name not in COMPLEX], ids=name_of)
def test_samples_show_the_special_shapes(row):
    """A 0-d input, an empty one, and broadcasting, unless the row is declared to have none."""
    seen = set()
    for sample in samples_of(row.name):
        arrays = [t._data for t in Call(row, sample).inputs]
        seen |= {"0-d"} if any(a.ndim == 0 for a in arrays) else set()
        seen |= {"empty"} if any(a.size == 0 for a in arrays) else set()
        seen |= {"broadcast"} if len({a.shape for a in arrays}) > 1 else set()
    needed = {"0-d", "empty"} | ({"broadcast"} if getattr(row, "broadcasts", ()) else set())
    assert needed - set(TABLE[row.name].without) <= seen


# ---- values -------------------------------------------------------------------------------------


@every
def test_wrapper_computes_the_forward(row, number, sample):
    call = Call(row, sample, grad=False)
    for found, wanted in zip(call.arrays(), raw(row, call.values), strict=True):
        wanted = np.asarray(wanted)
        assert found.dtype == wanted.dtype
        assert np.array_equal(found, wanted, equal_nan=found.dtype.kind == "f")


@every
def test_value_and_gradient_are_those_of_pytorch(row, number, sample):
    key = key_of(row, number)
    wanted, rtol = expected.answer(key)
    rtol = max(rtol, TABLE[row.name].rtol)
    assert "error" not in wanted, f"PyTorch refuses {row.name} {sample}: {wanted['error']}"
    call = Call(row, sample, key)
    found = call.arrays()
    for i, (a, b, d) in enumerate(zip(found, wanted["values"], wanted["dtypes"], strict=True)):
        assert _dtypes.from_numpy(a.dtype).name == d
        close(expected.comparable(a), b, rtol, f"output {i} of {row.name} {sample}")
    if row in DIFFERENTIABLE and call.leaves and "fails" not in wanted:
        for i, (g, h) in enumerate(zip(call.gradients(), wanted["gradients"], strict=True)):
            # An undefined gradient and a gradient of zeros mean the same.
            if g is None and h is None:
                continue
            g = np.zeros(h.shape) if g is None else g._data
            h = np.zeros(g.shape) if h is None else h
            close(g, h, rtol, f"gradient {i} of {row.name} {sample}")


# ---- derivatives --------------------------------------------------------------------------------


@smooth
def test_gradient_is_the_derivative(row, number, sample):
    """<J' v, u> = <v, J u>, the right side by differences of the forward."""
    key = key_of(row, number)
    xs = leaf_arrays(row, sample)
    us = directions(xs, key)
    call = Call(row, sample, key)
    call.run()
    outputs, starts = call.live()
    vs = [v._data for v in starts]
    slots = [i for i, o in enumerate(call.outputs) if any(o is live for live in outputs)]

    def projected(t):
        moved = [x + t * u for x, u in zip(xs, us, strict=True)]
        found = Call(row, sample, arrays=moved, grad=False).arrays()
        return inner([found[i] for i in slots], vs)

    found = inner([None if g is None else g._data for g in call.gradients()], us)
    assert found == pytest.approx(along(projected), rel=1e-7, abs=1e-7)


@parametrize(
    ("row", "number", "sample"),
    cases(DIFFERENTIABLE, lambda r, s: not s.kink and not s.once),
    ids=name_of,
)
def test_second_gradient_is_the_derivative_of_the_first(row, number, sample):
    """The same for (x, v) -> <J' v, u>: what `create_graph` recorded, against differences."""
    key = key_of(row, number)
    xs = leaf_arrays(row, sample)
    us = directions(xs, key)
    call = Call(row, sample, key)
    call.run()
    _, starts = call.live()
    if not starts:
        return  # the outputs are integers: there is nothing to differentiate
    vs = [v._data for v in starts]
    for v in starts:
        v._edge = LEAF
    first = call.gradients(create_graph=True, starts=starts)
    # d<first, u>: each first gradient is a root and u its cotangent.
    roots = [(g, wrap(u)) for g, u in zip(first, us, strict=True) if g is not None]
    roots = [(g, u) for g, u in roots if g._edge is not None]
    assert roots, "no gradient depends on the cotangent: the graph of the gradient is lost"
    leaves = [*call.leaves, *starts]
    second = engine.gradients_of(
        [g for g, _ in roots], [u for _, u in roots], leaves, True, False, True
    )
    moves = directions([t._data for t in leaves], key + "second")

    def projected(t):
        near = [x + t * a for x, a in zip(xs, moves, strict=False)]
        other = Call(row, sample, arrays=near)
        other.run()
        shifted = [wrap(v + t * b) for v, b in zip(vs, moves[len(xs) :], strict=True)]
        return inner([None if g is None else g._data for g in other.gradients(starts=shifted)], us)

    found = inner([None if g is None else g._data for g in second], moves)
    assert found == pytest.approx(along(projected), rel=1e-7, abs=1e-7)


@derived
def test_namespaces_agree(row, number, sample):
    """One formula, three interpretations: RAW, TEN and REC."""
    key = key_of(row, number)
    wanted = gradients(row, sample, key)
    for name, run in namespaces().items():
        for g, h in zip(run(row, sample, key), wanted, strict=True):
            assert (g is None) == (h is None), name
            if g is not None:
                assert g.dtype == h.dtype
                # The same arithmetic on the same numbers; TEN may sum in another order.
                close(g, h, 1e-14, f"{name} of {row.name} {sample}")


@parametrize(
    ("row", "number", "sample"), cases(REFUSING, lambda r, s: Call(r, s).leaves), ids=name_of
)
def test_derivatives_that_pytorch_lacks_are_refused(row, number, sample):
    call = Call(row, sample)
    for t in call.leaves:
        t._edge = LEAF
    call.run()
    with pytest.raises(RuntimeError, match="not implemented|not differentiable"):
        call.gradients()


# ---- what is saved, what is touched -------------------------------------------------------------


@derived
def test_each_gradient_alone(row, number, sample):
    """With one input that requires grad, its gradient is the same and only its saves are checked:
    an input that its formula does not name may be written to before backward."""
    key = key_of(row, number)
    wanted = gradients(row, sample, key)
    for i, h in enumerate(wanted):
        call = Call(row, sample, key, grad=i)
        call.run()
        outputs, _ = call.live()
        if not outputs:
            assert h is None
            continue
        saved = _saved_for(row, call, call.leaves[i])
        others = [t for t in call.inputs if not any(t is s for s in saved) and t._data.size]
        if not row.view:
            for t in others:
                t._data[...] = 1
                _core.bump(t)
        (g,) = call.gradients()
        assert (g is None) == (h is None)
        if g is not None:
            close(g._data, h, 1e-14, f"gradient {i} alone of {row.name} {sample}")
        for t in saved:
            again = Call(row, sample, key, grad=i)
            again.run()
            _core.bump(again.inputs[[x is t for x in call.inputs].index(True)])
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                again.gradients()


def _saved_for(row, call, leaf):
    """The inputs that the gradient of `leaf` is computed from."""
    if row.kind == "variadic":
        return list(call.inputs) if "xs" in row.formula_names else []
    if not hasattr(row, "saves"):
        return []
    by_name = {n: v for n, v in zip(row.order, call.values, strict=True) if n in row.inputs}
    position = next(row.inputs.index(n) for n, v in by_name.items() if v is leaf)
    names = [row.save_name(s) for s in row.saves if s[0] == "input" and position in s[2]]
    return [by_name[n] for n in names if by_name[n] is not None]


@every
def test_nothing_is_mutated(row, number, sample):
    key = key_of(row, number)
    call = Call(row, sample, key)
    before = [t._data.copy() for t in call.inputs]
    call.run()
    results = [o._data.copy() for o in call.outputs]
    _, starts = call.live()
    vs = [v._data.copy() for v in starts]
    call.gradients(starts=starts)
    after = [t._data for t in call.inputs] + [v._data for v in starts]
    after += [o._data for o in call.outputs]
    for a, b in zip(after, before + vs + results, strict=True):
        assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    assert all(t._cell is None or t._cell[0] == 0 for t in call.inputs)


# ---- layouts ------------------------------------------------------------------------------------


def transposed(a):
    """The same array in column order."""
    return np.array(a, order="F")


def sliced(a):
    """The same array as every second row and column of a larger one."""
    holder = np.full(tuple(2 * n for n in a.shape), 9, a.dtype)
    window = holder[(*(slice(None, None, 2) for _ in a.shape), ...)]
    window[...] = a
    return window


@parametrize("layout", [transposed, sliced], ids=["transposed", "sliced"])
@parametrize(
    ("row", "number", "sample"), cases(ROWS, lambda r, s: s.strided is True), ids=name_of
)
def test_strided_inputs(row, number, sample, layout):
    key = key_of(row, number)
    call = Call(row, sample, key, prepare=layout)
    try:
        found = call.arrays()
    except RuntimeError as error:
        # Only `view` refuses a layout.
        assert row.name == "view" and "view size is not compatible" in str(error)
        return
    plain = Call(row, sample, key)
    for a, b in zip(found, plain.arrays(), strict=True):
        close(a, b, 1e-14, f"{row.name} {sample} of {layout.__name__} inputs")
    for g, h in zip(call.gradients(), plain.gradients(), strict=True):
        if h is not None:
            close(g._data, h._data, 1e-14, f"gradient of {row.name} of {layout.__name__} inputs")


@parametrize(
    ("row", "number", "sample"), cases([r for r in ROWS if r.view]), ids=name_of
)
def test_views_share_memory_and_version(row, number, sample):
    call = Call(row, sample, grad=False)
    base = call.inputs[0]
    for view in call.run():
        if view._data.size:
            assert np.shares_memory(view._data, base._data)
        assert view._cell is base._cell
        assert view._view.base is base


# ---- dtypes -------------------------------------------------------------------------------------

# Rows that see integers never, or only once the public function in front has promoted them.
FLOATS_ONLY = {
    "clamp_max_scalar", "clamp_min_scalar", "clamp_scalar", "conj", "keep_where", "pow_base",
    "pow_scalar", "pow_tensor", "scan", "sum_to", "threshold_backward", "zeros_like_",
}  # fmt: skip

UNLIKE = {
    ("square", "bool"): "NumPy squares booleans in int8, PyTorch in int64",
    ("histc", "bfloat16"): "counts in bfloat16 are not implemented",
    ("grid_sampler_2d", "float16"): "PyTorch finds positions in float16, rushlight in float32",
}

#: A row about the representation itself, whose float32 result is another one; and rows that
#: PyTorch does not have in half precision (the test above holds them to that).
OF_THE_DTYPE = {"nextafter", "special_erfcx", "special_log_ndtr", "special_ndtri"}

_ULPS = {"float32": 2e-5, "float16": 2e-3, "bfloat16": 1.6e-2, "float64": 1e-10}


@parametrize("dtype", expected.DTYPES)
@parametrize(
    ("row", "number", "sample"),
    [c for c in cases(ROWS) if c[1] == 0 and expected.floating(c[2])],
    ids=name_of,
)
def test_dtypes_are_those_of_pytorch(row, number, sample, dtype):
    private = TABLE[row.name].torch is not None or row.name in FLOATS_ONLY
    if private and dtype in ("int64", "int32", "bool"):
        return  # the public function in front of the row promotes or refuses
    if (row.name, dtype) in UNLIKE:
        pytest.xfail(UNLIKE[row.name, dtype])
    wanted, _ = expected.answer(f"{row.name}/0/{dtype}")
    call = Call(row, sample, grad=False, dtype=dtype)
    if "error" in wanted:
        if dtype == "bool" and wanted["error"].startswith("NotImplementedError"):
            return  # NumPy has kernels for booleans that PyTorch lacks
        # The texts are compared where the families are tested.
        with pytest.raises((RuntimeError, TypeError, IndexError)):
            call.run()
        return
    found = call.arrays()
    for i, (a, b, name) in enumerate(
        zip(found, wanted["values"], wanted["dtypes"], strict=True)
    ):
        assert _dtypes.from_numpy(a.dtype).name == name
        if i and dtype in ("int64", "int32", "bool"):
            continue  # indices of equal values: the conversion has made ties
        close(a, b, _ULPS.get(name, 0), f"{row.name} of {dtype}")


@parametrize("dtype", ["float16", "bfloat16"])
@parametrize(
    ("row", "number", "sample"),
    cases([r for r in DIFFERENTIABLE if r.kind == "elementwise" and r.name not in OF_THE_DTYPE],
          lambda r, s: not s.kink),
    ids=name_of,
)
def test_half_precision_is_rounded_once(row, number, sample, dtype):
    """Computed in float32 from the same numbers, then rounded: not an ulp apart."""
    call = Call(row, sample, grad=False, dtype=dtype)
    wide = [t._data for t in call.inputs]
    found = call.arrays()
    for t, a in zip(call.inputs, wide, strict=True):
        if a.dtype.kind in "fV":
            t._data = a.astype(np.float32)
    for a, b in zip(found, call.arrays(), strict=True):
        assert np.array_equal(a.astype(np.float32), b.astype(a.dtype).astype(np.float32))


# ---- the goldens --------------------------------------------------------------------------------


def test_goldens_belong_to_these_samples():
    _, digests = expected.remembered()
    asked = {r["key"]: expected.digest(r) for r in expected.all_requests()}
    stale = sorted(k for k in asked.keys() | digests.keys() if asked.get(k) != digests.get(k))
    assert not stale, f"{len(stale)} goldens, such as {stale[:3]}: {expected.REMEDY}"


@pytest.mark.skipif(not expected.PYTHON, reason="RUSHLIGHT_TORCH_PYTHON names no PyTorch")
def test_goldens_are_pytorchs():
    kept, _ = expected.remembered()
    for key, answer in expected.asked().items():
        if "error" in answer:
            assert "error" in kept[key]
            continue
        assert kept[key]["dtypes"] == answer["dtypes"]
        for a, b in zip(kept[key]["values"], answer["values"], strict=True):
            with np.errstate(over="ignore"):
                close(a, b.astype(np.float32), 1e-6, key)
