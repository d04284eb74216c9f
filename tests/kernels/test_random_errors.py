"""Arguments PyTorch's random functions refuse, with PyTorch's words."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rushlight._kernels.random import Engine

F16, F32 = np.dtype("f2"), np.dtype("f4")
E32, EI64, EB = np.empty(3, F32), np.empty(3, np.int64), np.empty(3, np.bool_)
ERRORS = [
    (
        "uniform",
        (E32, 2, 1),
        RuntimeError,
        "uniform_ expects to return a [from, to) range, but found from=2 > to=1",
    ),
    (
        "uniform",
        (E32, -3e38, 3e38),
        RuntimeError,
        "uniform_ expects to-from <= std::numeric_limits<Float>::max(), but found to=3e+38 and "
        "from=-3e+38 which result in to-from to exceed the limit",
    ),
    ("uniform", (E32, math.nan, 1), RuntimeError, "from is out of bounds for float"),
    ("uniform", (np.empty(3, F16), 0, 1e5), RuntimeError, "to is out of bounds for c10::Half"),
    (
        "uniform",
        (EI64,),
        NotImplementedError,
        "\"check_uniform_bounds\" not implemented for 'Long'",
    ),
    ("normal", (E32, 0, -1), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    ("normal", (E32, 0, math.nan), RuntimeError, "normal expects std >= 0.0, but found std nan"),
    ("normal", (EB,), NotImplementedError, "\"normal_kernel_cpu\" not implemented for 'Bool'"),
    (
        "random",
        (E32, 5, 5),
        RuntimeError,
        "random_ expects 'from' to be less than 'to', but got from=5 >= to=5",
    ),
    (
        "random",
        (np.empty(3, np.uint8), 0, 300),
        RuntimeError,
        "to - 1 is out of bounds for unsigned char",
    ),
    (
        "random",
        (np.empty(3, np.int8), -129, 5),
        RuntimeError,
        "from is out of bounds for signed char",
    ),
    ("random", (EB, 0, 3), RuntimeError, "to - 1 is out of bounds for bool"),
    ("random", (np.empty(3, F16), 0, 70000), RuntimeError, "to - 1 is out of bounds for c10::Half"),
    (
        "random_from",
        (np.empty(3, np.int8), 200),
        RuntimeError,
        "from is out of bounds for signed char",
    ),
    (
        "random_full",
        (np.empty(3, np.uint16),),
        NotImplementedError,
        "\"random_kernel_cpu\" not implemented for 'UInt16'",
    ),
    ("randperm", (-1,), RuntimeError, "Trying to create tensor with negative dimension -1: [-1]"),
    ("bernoulli", (E32, 1.5), RuntimeError, "bernoulli_ expects p to be in [0, 1], but got p=1.5"),
    (
        "bernoulli_mask",
        ((3,), math.nan),
        RuntimeError,
        "bernoulli_ expects p to be in [0, 1], but got p=nan",
    ),
    (
        "bernoulli_tensor",
        (np.array([1.5]),),
        RuntimeError,
        "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be "
        "improved?  If so, please report an enhancement request to PyTorch.)",
    ),
    (
        "bernoulli_tensor",
        (np.array([1]),),
        NotImplementedError,
        "\"bernoulli_tensor_cpu_p_\" not implemented for 'Long'",
    ),
    (
        "exponential",
        (E32, 0),
        RuntimeError,
        "exponential_ expects lambda > 0.0, but found lambda=0",
    ),
    (
        "exponential",
        (np.empty(3, np.int32),),
        RuntimeError,
        "Exponential distribution is a continuous probability distribution. dtype must be a "
        "floating point but you specified Int",
    ),
    ("geometric", (E32, 1), RuntimeError, "geometric_ expects p to be in (0, 1), but got p=1"),
    (
        "cauchy",
        (np.empty(3, np.int32),),
        RuntimeError,
        "Cauchy distribution is a continuous probability distribution. dtype must be a floating "
        "point but you specified int",
    ),
    ("cauchy", (E32, 0, -1), RuntimeError, "cauchy_ expects sigma > 0.0, but found sigma=-1"),
    ("log_normal", (E32, 0, 0), RuntimeError, "log_normal_ expects std > 0.0, but found std=0"),
    (
        "multinomial",
        (np.array([1.0, 2.0]), 3),
        RuntimeError,
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
    ),
    (
        "multinomial",
        (np.array([1.0, -2.0]), 1),
        RuntimeError,
        "probability tensor contains either `inf`, `nan` or element < 0",
    ),
    (
        "multinomial",
        (np.array([0.0, 0.0]), 1),
        RuntimeError,
        "invalid multinomial distribution (sum of probabilities <= 0)",
    ),
    (
        "multinomial",
        (np.array([0.0, 0.0]), 2, True),
        RuntimeError,
        "invalid multinomial distribution (sum of probabilities <= 0)",
    ),
    ("multinomial", (np.array([0.0, 1.0]), 0), RuntimeError, "cannot sample n_sample <= 0 samples"),
    ("multinomial", (np.zeros((2, 2, 2)), 1), RuntimeError, "prob_dist must be 1 or 2 dim"),
    (
        "multinomial",
        (np.array([1, 2]), 1),
        RuntimeError,
        "multinomial only supports floating-point dtypes for input, got: Long",
    ),
    (
        "poisson",
        (np.array([-1.0]),),
        RuntimeError,
        "invalid Poisson rate, expected rate to be non-negative",
    ),
]


@pytest.mark.parametrize(("method", "args", "kind", "text"), ERRORS)
def test_errors_say_what_pytorch_says_and_draw_nothing(method, args, kind, text):
    engine = Engine(0)
    before = engine.get_state()
    with pytest.raises(kind) as caught:
        getattr(engine, method)(*args)
    assert str(caught.value) == text
    assert np.array_equal(engine.get_state(), before)
