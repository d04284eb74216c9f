"""Calls of rows for tests: arrays in, arrays out, values and gradients under each namespace."""

import warnings

import numpy as np

from rushlight import _core, _dtypes
from rushlight._core import LEAF, OPS, wrap
from rushlight._define import promote
from rushlight.autograd import engine
from rushlight.compiler.record import record

from .expected import differentiated
from .oracle import converted, cotangent
from .samples import TABLE, samples_of

ROWS = [OPS[name] for name in sorted(OPS)]
# What an in-place comparison records is boolean: test_in_place.py looks at its gradient.
_WITH_FORMULAS = [
    row
    for row in ROWS
    if any(row.edge_for(n) for n in row.inputs) and getattr(row, "output_dtype", "") != "bool"
]
REFUSING = [row for row in _WITH_FORMULAS if row.name in TABLE and TABLE[row.name].refuses]
DIFFERENTIABLE = [row for row in _WITH_FORMULAS if row not in REFUSING]


def cases(rows, condition=lambda row, sample: True):
    """(row, number, sample) of all samples that fulfil the condition, for `parametrize`."""
    found = []
    for row in rows:
        if row.name in TABLE:
            for i, sample in enumerate(samples_of(row.name)):
                if condition(row, sample):
                    found.append((row, i, sample))
    return found


def name_of(value):
    """The id of a parameter: rows by name, samples by number."""
    return value.name if hasattr(value, "formulas") else str(value) if type(value) is int else ""


class Call:
    """One call of a row: its arguments as Tensors and the leaves among them.

    Args:
        row: the row.
        sample: the sample.
        key: names the cotangents.
        arrays: in place of the sample's float arrays, in order.
        grad: False for no leaves; a number for the leaf of that number only.
        dtype: convert floating arrays to this dtype first.
        prepare: applied to every array that becomes a Tensor.
    """

    def __init__(
        self, row, sample, key="", *, arrays=None, grad=True, dtype=None, prepare=np.array
    ):
        self.row, self.key = row, key
        grad = grad if row in DIFFERENTIABLE else False
        self.leaves, self.inputs, self.values = [], [], []
        wanted = differentiated(row)
        given = None if arrays is None else iter(arrays)

        def lift(value, leaf):
            if isinstance(value, list):
                return [lift(v, leaf) for v in value]
            if not isinstance(value, np.ndarray):
                return value
            leaf = leaf and value.dtype.kind == "f"
            if leaf and given is not None:
                value = next(given)
            array = prepare(converted(value, dtype))
            if dtype is not None and value.dtype.kind == "f":
                array = array.astype(_dtypes.NAMES[dtype].numpy)
            t = wrap(array)
            if leaf:
                number = len(self.leaves)
                self.leaves.append(t)
                if grad is True or (grad is not False and grad == number):
                    t._edge = LEAF
            self.inputs.append(t)
            return t

        for i, value in enumerate(sample.arguments):
            self.values.append(lift(value, i in wanted))

    def run(self):
        """The outputs, as a tuple of Tensors."""
        warning = TABLE[self.row.name].warns
        if warning:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", warning)
                result = promote.invoke(self.row, self.values)
        elif hasattr(self.row, "positional"):
            result = promote.invoke(self.row, self.values)
        else:
            result = self.row.call(*self.values)
        self.outputs = result if isinstance(result, tuple) else (result,)
        return self.outputs

    def arrays(self):
        return [o._data for o in self.run()]

    def live(self):
        """Outputs with a gradient, and their cotangents."""
        found = [(i, o) for i, o in enumerate(self.outputs) if o._edge is not None]
        starts = []
        for i, o in found:
            starts.append(wrap(cotangent(self.key, i, o._data.shape).astype(o._data.dtype)))
        return [o for _, o in found], starts

    def gradients(self, create_graph=False, starts=None):
        """One gradient for each leaf that requires grad, None where it is undefined."""
        outputs, own = self.live()
        leaves = [t for t in self.leaves if t._edge is LEAF]
        if not outputs or not leaves:
            return [None] * len(leaves)
        return engine.gradients_of(
            outputs, own if starts is None else starts, leaves, True, create_graph, True
        )


def gradients(row, sample, key, **options):
    """Gradients of all leaves as arrays."""
    call = Call(row, sample, key, **options)
    call.run()
    return [None if g is None else g._data for g in call.gradients()]


def leaf_arrays(row, sample):
    return [t._data for t in Call(row, sample).leaves]


def directions(arrays, seed):
    """One random direction for each array."""
    return [cotangent(f"direction {seed}", i, a.shape) for i, a in enumerate(arrays)]


def along(function, step=1e-3):
    """The derivative of `function` at 0, by central differences of fourth order."""
    near = function(step) - function(-step)
    far = function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


def inner(xs, ys):
    """The sum of all products; None counts as zero."""
    return sum(float(np.sum(x * y)) for x, y in zip(xs, ys, strict=True) if x is not None)


def namespaces():
    """How the formulas run other than over arrays: name -> function (row, sample, key) that gives
    the gradients as arrays, those of all leaves in order."""
    return {"TEN": _over_tensors, "REC": _over_recorder}


def _over_tensors(row, sample, key):
    call = Call(row, sample, key)
    call.run()
    return [None if g is None else g._data for g in call.gradients(create_graph=True)]


def _over_recorder(row, sample, key):
    """Recorded on other numbers and replayed on the sample's: what was baked in shows."""
    arrays = leaf_arrays(row, sample)
    other = arrays if sample.kink else [
        x + 1e-3 * u for x, u in zip(arrays, directions(arrays, "recorded"), strict=True)
    ]  # fmt: skip
    first = Call(row, sample, key, arrays=other)

    def step(*_):
        first.run()
        return first.gradients()

    _, program = record(step, *first.inputs)
    results = program.replay(*Call(row, sample, key).inputs)
    return [None if g is None else g._data for g in results]


def close(found, wanted, rtol, what):
    """Assert equality up to rounding, NaN and infinities included, with a line that says where."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == tuple(wanted.shape), f"{what}: {found.shape} instead of {wanted.shape}"
    if found.dtype.kind in "iub":
        assert np.array_equal(found, wanted.astype(found.dtype)), f"{what}: {found} != {wanted}"
        return
    found = found.astype(np.float64)
    wanted = wanted.astype(np.float64)
    good = np.isclose(found, wanted, rtol=rtol, atol=rtol, equal_nan=True)
    assert good.all(), f"{what}: {found[~good][:5]} instead of {wanted[~good][:5]}"


def raw(row, values):
    """The forward of the row on the arrays of Tensors, without residuals."""
    arrays = [_data(v) for v in values]
    if row.check is not None:
        at = [i for i, n in enumerate(row.order) if n not in row.inputs]
        for i, a in zip(at, row.check(*arrays), strict=True):
            arrays[i] = a
    with _core.quiet():
        result = row.forward(*arrays)
    if isinstance(result, list):
        return result
    return list(result)[: row.outputs] if isinstance(result, tuple) else [result]


def _data(value):
    if isinstance(value, list):
        return [_data(v) for v in value]
    return value._data if isinstance(value, _core.Tensor) else value


