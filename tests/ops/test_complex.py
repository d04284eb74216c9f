"""The rows between real and complex numbers: real, imag, complex and conj."""

import numpy as np
import pytest

from rushlight._core import LEAF, OPS, wrap
from rushlight._ops import complexes  # noqa: F401 - registers the rows
from rushlight.autograd import engine

SHAPES = [(2, 3), (), (0, 2), (1, 3, 1)]


def drawn(seed, shape):
    return np.asarray(np.random.RandomState(seed).uniform(-2, 2, shape))


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_complex_of_two_parts(shape, create_graph):
    x, y = wrap(drawn(1, shape)), wrap(drawn(2, shape))
    x._edge = y._edge = LEAF
    z = OPS["complex"].call(x, y)
    assert z._data.dtype == np.complex128
    assert np.array_equal(z._data, x._data + 1j * y._data)
    start = drawn(3, shape) + 1j * drawn(4, shape)
    gx, gy = engine.gradients_of([z], [wrap(np.asarray(start))], [x, y], False, create_graph, False)
    assert np.array_equal(gx._data, start.real)
    assert np.array_equal(gy._data, start.imag)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["real", "imag"])
def test_parts_are_views(name, shape, create_graph):
    z = wrap(np.asarray(drawn(1, shape) + 1j * drawn(2, shape)))
    z._edge = LEAF
    part = OPS[name].call(z)
    assert np.array_equal(part._data, getattr(z._data, name))
    assert part._data.size == 0 or np.shares_memory(part._data, z._data)
    start = drawn(3, shape)
    (g,) = engine.gradients_of([part], [wrap(start)], [z], False, create_graph, False)
    assert np.array_equal(g._data, start * (1 if name == "real" else 1j))


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_conjugate(shape, create_graph):
    z = wrap(np.asarray(drawn(1, shape) + 1j * drawn(2, shape)))
    z._edge = LEAF
    out = OPS["conj"].call(z)
    assert np.array_equal(out._data, np.conj(z._data))
    start = np.asarray(drawn(3, shape) + 1j * drawn(4, shape))
    (g,) = engine.gradients_of([out], [wrap(start)], [z], False, create_graph, False)
    assert np.array_equal(g._data, np.conj(start))


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_pairs_as_complex_and_back(shape, create_graph):
    pairs = wrap(drawn(1, (*shape, 2)))
    pairs._edge = LEAF
    z = OPS["view_as_complex"].call(pairs)
    assert np.array_equal(z._data, pairs._data[..., 0] + 1j * pairs._data[..., 1])
    assert z._data.size == 0 or np.shares_memory(z._data, pairs._data)
    again = OPS["view_as_real"].call(z)
    assert np.array_equal(again._data, pairs._data)
    start = drawn(3, shape) + 1j * drawn(4, shape)
    (g,) = engine.gradients_of([z], [wrap(np.asarray(start))], [pairs], False, create_graph, False)
    assert np.array_equal(g._data, np.stack([start.real, start.imag], -1))
    start = drawn(5, (*shape, 2))
    (g,) = engine.gradients_of([again], [wrap(start)], [pairs], False, create_graph, False)
    assert np.array_equal(g._data, start)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((), ()), ((0, 2), (2,)), ((2, 1), (3,))])
def test_polar(shapes, create_graph):
    size, turn = wrap(np.abs(drawn(1, shapes[0])) + 0.1), wrap(drawn(2, shapes[1]))
    size._edge = turn._edge = LEAF
    z = OPS["polar"].call(size, turn)
    unit = np.exp(1j * turn._data)
    assert np.allclose(z._data, size._data * unit)
    start = np.asarray(drawn(3, z._data.shape) + 1j * drawn(4, z._data.shape))
    gs, gt = engine.gradients_of([z], [wrap(start)], [size, turn], False, create_graph, False)
    along = (np.conj(start) * unit).real
    across = (np.conj(start) * 1j * size._data * unit).real
    assert np.allclose(gs._data, OPS["sum_to"].forward(along, shapes[0]))
    assert np.allclose(gt._data, OPS["sum_to"].forward(across, shapes[1]))
