"""These tests are of NumPy's kernels; tests/native compares native ones with them."""

import pytest

from rushlight._kernels import native


@pytest.fixture(autouse=True)
def by_numpy():
    native.turn(False)
    yield
    native.reset()
