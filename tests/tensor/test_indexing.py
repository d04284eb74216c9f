"""Indexing, reading and writing: against what PyTorch gave, against NumPy, and by gradients."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as torch
from rushlight._tensor.registry import NN_FUNCTIONS, load_late

sys.path.insert(0, str(Path(__file__).parent))
from indexing_cases import outcome

load_late()
GOLDENS = json.loads(Path(__file__).with_name("indexing_goldens.json").read_text())
FUNCTIONAL = SimpleNamespace(
    one_hot=NN_FUNCTIONS["one_hot"], embedding=NN_FUNCTIONS["embedding"]
)


def _close(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_close(f, w) for f, w in zip(found, wanted, strict=True))
        )
    if isinstance(wanted, float) and isinstance(found, float):
        return abs(found - wanted) <= 1e-6 * max(1.0, abs(wanted))
    return bool(found == wanted)


@pytest.mark.parametrize(
    ("family", "case"), [(family, case) for family in GOLDENS for case in GOLDENS[family]]
)
def test_as_pytorch(family: str, case: str) -> None:
    wanted = GOLDENS[family][case]
    found = json.loads(json.dumps(outcome(torch, FUNCTIONAL, case, family == "writes")))
    assert _close([found.get(k) for k in sorted(wanted)], [wanted[k] for k in sorted(wanted)]), (
        f"found {found}, wanted {wanted}"
    )


# ---- random keys ---------------------------------------------------------------------------------

SHAPE = (3, 4, 2)


def _part(size: int) -> Any:
    bound = st.none() | st.integers(-size - 1, size + 1)
    whole = st.integers(-size, size - 1)
    return st.one_of(
        whole,
        st.builds(slice, bound, bound, st.none() | st.integers(1, 3)),
        st.lists(whole, min_size=2, max_size=2).map(np.array),
        st.lists(st.lists(whole, min_size=2, max_size=2), min_size=3, max_size=3).map(np.array),
    )


@st.composite
def keys(draw: Any) -> tuple[Any, ...]:
    """Keys with which NumPy and PyTorch agree: index arrays, but no ints beside them, whose
    place in the result differs."""
    count = draw(st.integers(0, 3))
    parts = [draw(_part(SHAPE[d])) for d in range(count)]
    if any(isinstance(p, np.ndarray) for p in parts):
        parts = [slice(p, p + 1 or None) if isinstance(p, int) else p for p in parts]
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, count)), None)
        if any(isinstance(p, np.ndarray) for p in parts):
            parts = [p for p in parts if p is not None]
    if draw(st.booleans()):
        parts.append(Ellipsis)
    return tuple(parts)


def _tensors(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(torch.tensor(p) if isinstance(p, np.ndarray) else p for p in key)


@given(key=keys(), seed=st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_reads_and_their_gradients_match_numpy(key: tuple[Any, ...], seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal(SHAPE)
    x = torch.tensor(values, requires_grad=True)
    found = x[_tensors(key)]
    wanted = values[key]
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(found.detach().numpy(), wanted)
    basic = not any(isinstance(p, np.ndarray) for p in key)
    assert (found._base is x) == basic
    weights = np.random.default_rng(seed + 1).standard_normal(wanted.shape)
    (found * torch.tensor(weights)).sum().backward()
    expected = np.zeros(SHAPE)
    np.add.at(expected, key, weights)
    np.testing.assert_allclose(x.grad.numpy(), expected, atol=1e-12)


@given(key=keys(), seed=st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_writes_and_their_gradients_match_numpy(key: tuple[Any, ...], seed: int) -> None:
    start = np.random.default_rng(seed).standard_normal(SHAPE)
    wanted = start.copy()
    leaf = torch.tensor(start, requires_grad=True)
    x = leaf * 1
    value = torch.tensor(2.5, dtype=torch.float64, requires_grad=True)
    x[_tensors(key)] = value * 2
    wanted[key] = 5.0
    np.testing.assert_array_equal(x.detach().numpy(), wanted)
    x.sum().backward()
    untouched = np.ones(SHAPE)
    untouched[key] = 0
    np.testing.assert_array_equal(leaf.grad.numpy(), untouched)
    # PyTorch counts a position once for every time that the index names it.
    assert (value.grad.item() if value.grad is not None else 0) == 2 * start[key].size
    plain = torch.tensor(start)
    plain[_tensors(key)] = 5.0
    np.testing.assert_array_equal(plain.numpy(), wanted)
    assert plain._version == 1


def test_index_tensors_are_inputs_that_a_handler_sees() -> None:
    from rushlight._core import ctx

    seen: list[Any] = []

    def handler(op: Any, args: Any, kwargs: Any = None) -> Any:
        seen.append((op.name, args))
        return NotImplemented

    x, i = torch.ones(3, 2), torch.tensor([0, 2])
    ctx.handler = handler
    try:
        x[i]
        x[1]
        x[:, 1:] = 0.0
    finally:
        ctx.handler = None
    called = [name for name, _ in seen]
    assert called[:2] == ["index1", "select"]
    assert "slice" in called
    assert "fill_scalar" in called
    assert seen[0][1][1] is i


def test_iteration_and_membership() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert [row.tolist() for row in x] == [[1.0, 2.0], [3.0, 4.0]]
    assert 3.0 in x
    assert 7 not in x
