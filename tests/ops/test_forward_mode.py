"""Forward mode of every row: tangents against differences of the forward and against reverse mode,
and derivatives of tangents and tangents of derivatives against differences of either."""

import os
import pickle
import subprocess

import numpy as np
import pytest

from rushlight._core import LEAF, OPS, wrap
from rushlight.autograd import engine
from rushlight.autograd.forward_level import jvp_level

from . import expected, oracle
from .checks import (
    DIFFERENTIABLE,
    Call,
    along,
    cases,
    close,
    directions,
    inner,
    leaf_arrays,
    name_of,
)  # fmt: skip
from .samples import TABLE, samples_of

pytestmark = pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter")

parametrize = pytest.mark.parametrize
twice = parametrize(
    ("row", "number", "sample"),
    cases(DIFFERENTIABLE, lambda r, s: not s.kink and not s.once),
    ids=name_of,
)


def key_of(row, number):
    return f"{row.name}/{number}"


def dual(level, call, us):
    """Give the leaves of a call their tangents."""
    for t, u in zip(call.leaves, us, strict=True):
        level.attach(t, wrap(np.array(u)))


def tangents(row, sample, us, **options):
    """The tangents of the outputs as arrays, None where there is none."""
    call = Call(row, sample, **{"grad": False, **options})
    with jvp_level() as level:
        dual(level, call, us)
        found = [level.tangent(o) for o in call.run()]
    for o, t in zip(call.outputs, found, strict=True):
        assert t is None or t._data.shape == o._data.shape
    return [None if t is None else t._data for t in found]


#: Rows whose derivative PyTorch cannot differentiate and which have no forward mode there.
WITHOUT = {
    "ctc_loss", "grid_sampler_backward", "multi_margin_loss", "multilabel_margin_loss",
}  # fmt: skip
smooth = parametrize(
    ("row", "number", "sample"),
    cases(DIFFERENTIABLE, lambda r, s: not s.kink and r.name not in WITHOUT),
    ids=name_of,
)
derived = parametrize(
    ("row", "number", "sample"), cases(DIFFERENTIABLE, lambda r, s: r.name not in WITHOUT),
    ids=name_of,
)  # fmt: skip


@parametrize("name", sorted(WITHOUT))
def test_missing_rules_are_refused(name):
    row, sample = OPS[name], samples_of(name)[0]
    with pytest.raises(NotImplementedError, match=f"Trying to use forward AD with {name} that"):
        tangents(row, sample, directions(leaf_arrays(row, sample), name))


@smooth
def test_tangent_is_the_derivative(row, number, sample):
    xs = leaf_arrays(row, sample)
    us = directions(xs, key_of(row, number))
    found = tangents(row, sample, us)

    def moved(t):
        return Call(
            row, sample, arrays=[x + t * u for x, u in zip(xs, us, strict=True)], grad=False
        ).arrays()

    for i, t in enumerate(found):
        if t is not None:
            wanted = along(lambda s, i=i: moved(s)[i].astype(np.float64))
            close(t, wanted, 1e-6, f"tangent {i} of {row.name} {sample}")


# Where the gradient is not that of the value, in PyTorch too; forward mode follows the value.
UNLIKE = {
    "embedding": "the gradient leaves out the padding",
    "index_put1": "of an index that occurs twice the last value stays; each gets the gradient",
    "index_put2": "as index_put1",
    "mean": "of nothing: NaN has no derivative",
    "mean_all": "of nothing: NaN has no derivative",
    "median_all": "of nothing: NaN has no derivative",
    "nanmedian_all": "of nothing: NaN has no derivative",
    "cast": "to float32: the two are rounded differently",
    "to_copy": "to float32: the two are rounded differently",
}


@derived
def test_tangent_is_dual_to_the_gradient(row, number, sample):
    """<v, J u> = <J' v, u>, at kinks too: the same choice of a derivative."""
    key = key_of(row, number)
    if sample.kink and row.name in UNLIKE:
        return
    us = directions(leaf_arrays(row, sample), key)
    call = Call(row, sample, key)
    call.run()
    outputs, starts = call.live()
    slots = [i for i, o in enumerate(call.outputs) if any(o is live for live in outputs)]
    found = tangents(row, sample, us)
    assert [i for i, t in enumerate(found) if t is not None] == (slots if us else [])
    with np.errstate(invalid="ignore"):
        ahead = inner([found[i] for i in slots], [v._data for v in starts])
        back = inner([None if g is None else g._data for g in call.gradients()], us)
    if np.isfinite(ahead) or np.isfinite(back):
        assert ahead == pytest.approx(back, rel=1e-9, abs=1e-9)


@twice
def test_tangent_is_differentiable(row, number, sample):
    """Reverse over forward: the gradient of <J u, w> by the inputs and by u."""
    key = key_of(row, number)
    xs = leaf_arrays(row, sample)
    us = directions(xs, key)
    call = Call(row, sample, key)
    with jvp_level() as level:
        dual(level, call, us)
        moving = [level.tangent(t) for t in call.leaves]
        for t in moving:
            t._edge = LEAF
        call.run()
        found = [level.tangent(o) for o in call.outputs]
    moved = [i for i, t in enumerate(found) if t is not None and t._edge is not None]
    found = [found[i] for i in moved]
    if not found:
        return
    ws = directions([t._data for t in found], key + "w")
    leaves = [*call.leaves, *moving]
    seconds = engine.gradients_of(found, [wrap(w) for w in ws], leaves, True, False, True)
    moves = directions([t._data for t in leaves], key + "second")

    def projected(s):
        near = [x + s * a for x, a in zip(xs, moves, strict=False)]
        others = [u + s * b for u, b in zip(us, moves[len(xs) :], strict=True)]
        there = tangents(row, sample, others, arrays=near)
        return inner([there[i] for i in moved], ws)

    got = inner([None if g is None else g._data for g in seconds], moves)
    assert got == pytest.approx(along(projected), rel=1e-6, abs=1e-6)


@twice
def test_tangent_of_the_gradient(row, number, sample):
    """Forward over reverse: the tangent of J' v as x moves."""
    key = key_of(row, number)
    xs = leaf_arrays(row, sample)
    us = directions(xs, key)
    call = Call(row, sample, key)
    with jvp_level() as level:
        dual(level, call, us)
        call.run()
        found = [None if g is None else level.tangent(g) for g in call.gradients()]
    ws = directions(xs, key + "w")

    def projected(s):
        near = [x + s * u for x, u in zip(xs, us, strict=True)]
        other = Call(row, sample, key, arrays=near)
        other.run()
        return inner([None if g is None else g._data for g in other.gradients()], ws)

    got = inner([None if t is None else t._data for t in found], ws)
    assert got == pytest.approx(along(projected), rel=1e-6, abs=1e-6)


#: Where PyTorch's tangents are not compared.
INEXACT = {
    "logcumsumexp": "PyTorch goes through exp and loses what is small beside the largest",
    "scatter_reduce": "PyTorch has no tangents of some reductions and does not say so",
}


@pytest.mark.skipif(not expected.PYTHON, reason="RUSHLIGHT_TORCH_PYTHON names no PyTorch")
def test_tangents_are_pytorchs():
    """At kinks the choice of a derivative is our own: the gradient's."""
    chosen = cases(DIFFERENTIABLE, lambda r, s: not s.kink and r.name not in INEXACT)
    requests = [
        {**expected._request(row, key_of(row, i), sample, None), "tangents": True}
        for row, i, sample in chosen
    ]
    done = subprocess.run(
        [expected.PYTHON, oracle.__file__], input=pickle.dumps(requests), capture_output=True,
        check=True, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    answers = pickle.loads(done.stdout)
    for row, i, sample in chosen:
        key = key_of(row, i)
        wanted = answers[key].get("tangents")
        if wanted is None:
            continue
        found = tangents(row, sample, directions(leaf_arrays(row, sample), key))
        for a, b in zip(found, wanted, strict=True):
            # PyTorch leaves out tangents that are zero where it can, as we do elsewhere.
            if a is None or b is None:
                assert not np.any(b if a is None else a), f"tangent of {row.name} {sample}"
            else:
                close(a, b, max(1e-9, TABLE[row.name].rtol), f"tangent of {row.name} {sample}")
