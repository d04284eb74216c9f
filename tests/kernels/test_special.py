"""Special functions against PyTorch's values, against their own identities, and in every dtype."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

from rushlight._kernels import softmax, special

NAN, INF = float("nan"), float("inf")
BRAIN = np.dtype(ml_dtypes.bfloat16)


@pytest.fixture(autouse=True)
def quiet():
    """The engine silences NumPy's floating-point warnings for a whole pass; so do these tests."""
    with np.errstate(all="ignore"):
        yield


# PyTorch 2.13 in float64, at these points rounded to float32.
POINTS = [-30, -5., -2.5, -1.25, -0.75, -0.001, 0.3, 0.75, 1., 1.5, 2., 3.25, 7.5, 12., 40.]
PYTORCH = {
    "erf": [
        -1.0, -0.9999999999984626, -0.999593047982555, -0.9229001282564583, -0.7111556336535151,
        -0.0011283788445643173, 0.32862677175271543, 0.7111556336535151, 0.8427007929497149,
        0.9661051464753108, 0.9953222650189527, 0.9999956972205363, 1.0, 1.0, 1.0,
    ],
    "erfc": [
        2.0, 1.9999999999984626, 1.999593047982555, 1.9229001282564582, 1.7111556336535152,
        1.0011283788445642, 0.6713732282472846, 0.28884436634648486, 0.15729920705028513,
        0.033894853524689274, 0.004677734981047266, 4.302779463675122e-06, 2.776649386030569e-26,
        1.3562611692059042e-64, 0.0,
    ],
    "lgamma": [
        INF, INF, -0.05624371649767405, 1.3664317612369763, 1.5757045971498584, 6.908333270045072,
        1.095797953064734, 0.20328095143129538, 0.0, -0.12078223763524522, 0.0, 0.9358019311087253,
        7.534364236758733, 17.502307845873887, 106.63176026064346,
    ],
    "digamma": [
        NAN, NAN, 1.1031566406452433, 3.714139120213528, -2.8941202000429316, 999.4210907003641,
        -3.5025240762240166, -1.085860879786472, -0.5772156649015328, 0.036489973978576194,
        0.422784335098467, 1.016990911068179, 1.9467574842460869, 2.4426616799758123,
        3.6763273740348428,
    ],
    "trigamma": [
        8.494017819538807e+28, 2.6323160589283783e+31, 9.53924664493752, 19.18187964748933,
        18.97510693196625, 1000001.5523465353, 12.245363647621858, 2.541879648764158,
        1.6449340676383375, 0.9348022009716718, 0.6449340670881899, 0.35979829037509636,
        0.14261589669891445, 0.08690187287193527, 0.025315103841291063,
    ],
    "polygamma3": [
        7.786003664736127e-05, 0.02142782819275508, 0.2239058488172521, 2.782144009188397,
        19.763312534850606, 5999998860067.771, 743.1416468349348, 19.763312534850606,
        6.493939402266829, 1.4090910340024367, 0.4939394022668293, 0.09043335532465575,
        0.005772436656578693, 0.001310093231070826, 3.24414001515635e-05,
    ],
    "sigmoid": [
        9.357622968839299e-14, 0.0066928509242848554, 0.07585818002124355, 0.22270013882530884,
        0.320821300824607, 0.4997500000089589, 0.574442519725829, 0.679178699175393,
        0.7310585786300049, 0.8175744761936437, 0.8807970779778823, 0.9626731126558706,
        0.9994472213630764, 0.9999938558253978, 1.0,
    ],
    "silu": [
        -2.8072868906517896e-12, -0.03346425462142428, -0.18964545005310887, -0.27837517353163604,
        -0.24061597561845527, -0.0004997500237458102, 0.1723327627656372, 0.5093840243815447,
        0.7310585786300049, 1.2263617142904655, 1.7615941559557646, 3.1286876161315793,
        7.4958541602230735, 11.999926269904773, 40.0,
    ],
    "log_sigmoid": [
        -30.000000000000092, -5.006715348489118, -2.5788897342925496, -1.501929081345373,
        -1.1368710061148999, -0.6936473055837007, -0.5543552393954866, -0.38687100611489994,
        -0.31326168751822286, -0.2014132779827524, -0.1269280110429725, -0.038041371687783126,
        -0.0005529314753607964, -6.144193477732806e-06, -4.248354255291589e-18,
    ],
    "softplus": [
        9.357622968839737e-14, 0.006715348489118068, 0.07888973429254963, 0.2519290813453729,
        0.38687100611489994, 0.6926473055362032, 0.8543552513164155, 1.1368710061148999,
        1.3132616875182228, 1.7014132779827524, 2.1269280110429727, 3.288041371687783,
        7.500552931475361, 12.000006144193478, 40.0,
    ],
    "gelu": [
        -0.0, -1.4332578593401202e-06, -0.015524163314440398, -0.13206221708356905,
        -0.16997051428265111, -0.0004996010814969171, 0.18537343538671314, 0.5800294857173489,
        0.841344746068543, 1.399789198096713, 1.9544997361036416, 3.24812466861223,
        7.49999999999976, 12.0, 40.0,
    ],
    "gelu_tanh": [
        -0.0, -2.2917961972623857e-07, -0.015084266089998577, -0.13228579703028542,
        -0.17003944483437966, -0.0004996010814972463, 0.18537093227240134, 0.5799605551656203,
        0.8411919906082768, 1.3995715769802328, 1.954597694087775, 3.2484313728552525, 7.5, 12.0,
        40.0,
    ],
}
FUNCTIONS = {
    "erf": special.erf,
    "erfc": special.erfc,
    "lgamma": special.lgamma,
    "digamma": special.digamma,
    "trigamma": lambda x: special.polygamma(1, x),
    "polygamma3": lambda x: special.polygamma(3, np.abs(x)),
    "sigmoid": special.sigmoid,
    "silu": special.silu,
    "log_sigmoid": special.log_sigmoid,
    "softplus": special.softplus,
    "gelu": special.gelu,
    "gelu_tanh": lambda x: special.gelu(x, "tanh"),
}
# digamma loses digits where it crosses zero. PyTorch's trigamma breaks off its series early: at 1
# it gives 1.64493406764 for pi^2 / 6 = 1.64493406685.
LOOSE = {"digamma": 1e-13, "polygamma3": 1e-13, "trigamma": 1e-9}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_pytorch_values(name):
    x, expected = np.array(POINTS, np.float32).astype(float), np.array(PYTORCH[name])
    if name == "trigamma":
        # The poles -30 and -5: PyTorch's sin(pi x) is not zero there, ours is.
        x, expected = x[2:], expected[2:]
    result = FUNCTIONS[name](x)
    np.testing.assert_allclose(result, expected, rtol=LOOSE.get(name, 1e-14), atol=3e-16)
    # Long arrays take other branches, and are cut into pieces.
    many = np.tile(x, 5000)
    np.testing.assert_allclose(
        FUNCTIONS[name](many), np.tile(expected, 5000), rtol=LOOSE.get(name, 1e-14), atol=3e-16
    )


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, BRAIN], ids=str)
def test_short_floats_round_once(name, dtype):
    x = np.tile(np.array([v for v in POINTS if v not in (-30, -5)]), 20).astype(dtype)
    result = FUNCTIONS[name](x)
    assert result.dtype == dtype
    exact = FUNCTIONS[name](x.astype(np.float64))
    # Half a unit of rounding, and as much for the arithmetic in float32; gelu's negative tail
    # is 1 + erf(x), so its error is absolute.
    unit = float(ml_dtypes.finfo(dtype).eps)
    work = 4e-7 if name in ("sigmoid", "silu", "log_sigmoid", "softplus") else 1.2e-7
    fits = np.abs(exact) <= float(ml_dtypes.finfo(dtype).max)
    assert np.isinf(result[~fits].astype(np.float64)).all()
    absolute = 5e-7 if "gelu" in name else float(ml_dtypes.finfo(dtype).smallest_subnormal)
    np.testing.assert_allclose(
        result[fits].astype(np.float64), exact[fits], rtol=0.5 * unit + work, atol=absolute
    )


@pytest.mark.parametrize("dtype, ulps", [(np.float64, 2), (np.float32, 0.75)])
def test_erf_against_the_c_library(dtype, ulps):
    draw = np.random.default_rng(0)
    x = np.concatenate([
        np.linspace(-7, 7, 20001), draw.normal(size=5000), 10.0 ** draw.uniform(-30, 0, 2000),
    ]).astype(dtype)
    for function, scalar in ((special.erf, math.erf), (special.erfc, math.erfc)):
        exact = np.array([scalar(v) for v in x.tolist()])
        spacing = np.spacing(np.abs(exact).astype(dtype)).astype(np.float64)
        error = np.abs(function(x).astype(np.float64) - exact) / spacing
        limit = 6 if function is special.erfc and dtype is np.float64 else ulps
        assert error.max() <= limit


def test_erfc_keeps_its_digits_far_out():
    x = np.linspace(1, 26, 1001)
    exact = np.array([math.erfc(v) for v in x.tolist()])
    np.testing.assert_allclose(special.erfc(x), exact, rtol=2e-15)


def test_lgamma_against_the_c_library():
    draw = np.random.default_rng(0)
    x = np.concatenate([draw.uniform(0, 20, 3000), 10.0 ** draw.uniform(-12, 12, 1000),
                        1 + draw.normal(size=500) * 1e-5, 2 + draw.normal(size=500) * 1e-5])
    exact = np.array([math.lgamma(v) for v in x.tolist()])
    # Python's own lgamma loses digits next to its zeros at 1 and 2.
    np.testing.assert_allclose(special.lgamma(x), exact, rtol=1e-13, atol=3e-15)
    near = 1e-9
    np.testing.assert_allclose(
        special.lgamma(np.array([1 + near, 2 + near])) / ((1 + near) - 1),
        [-np.euler_gamma, 1 - np.euler_gamma], rtol=1e-8,
    )


def test_trigamma_of_one_and_a_half():
    exact = [math.pi**2 / 6, math.pi**2 / 2, math.pi**2 / 2 + 4]
    result = special.polygamma(1, np.array([1.0, 0.5, -0.5]))
    np.testing.assert_allclose(result, exact, rtol=1e-14)


def test_gamma_functions_are_derivatives_of_each_other():
    x = np.concatenate([np.linspace(0.3, 30, 200), np.linspace(-4.9, -0.1, 31)])
    h = 1e-5
    chain = [special.lgamma, special.digamma, lambda v: special.polygamma(1, v),
             lambda v: special.polygamma(2, v)]
    for function, derivative in zip(chain, chain[1:], strict=False):
        slope = (function(x + h) - function(x - h)) / (2 * h)
        # Central differences: h^2 truncation, magnified near the poles.
        np.testing.assert_allclose(slope, derivative(x), rtol=2e-5, atol=1e-5)


def test_erfinv():
    """PyTorch 2.13, and the round trip."""
    x = np.array([-1, -0.9999, -0.5, 0, 0.001, 0.3, 0.75, 0.999999999, 1, 1.5, NAN])
    expected = [-INF, -2.75106390571208, -0.4769362762044699, 0.0, 0.0008862271574665521,
                0.2724627147267543, 0.8134198475976185, 4.320005388105362, INF, NAN, NAN]
    np.testing.assert_allclose(special.erfinv(x), expected, rtol=1e-15)
    y = np.linspace(-0.999, 0.999, 999)
    np.testing.assert_allclose(special.erf(special.erfinv(y)), y, rtol=1e-14)


@pytest.mark.parametrize("name, x, expected", [
    ("erf", [INF, -INF, NAN, -0.0], [1, -1, NAN, -0.0]),
    ("erfc", [INF, -INF, NAN, 0.0], [0, 2, NAN, 1]),
    ("lgamma", [0.0, -0.0, -1, INF, -INF, NAN, 1, 2], [INF, INF, INF, INF, INF, NAN, 0, 0]),
    ("digamma", [0.0, -0.0, -1, INF, -INF, NAN], [-INF, INF, NAN, INF, NAN, NAN]),
    ("trigamma", [0.0, INF, -INF, NAN], [INF, 0, NAN, NAN]),
    ("sigmoid", [INF, -INF, NAN, -100], [1, 0, NAN, 3.720075976020836e-44]),
    ("silu", [INF, -INF, NAN], [INF, NAN, NAN]),
    ("log_sigmoid", [INF, -INF, NAN, -1000], [0, -INF, NAN, -1000]),
    ("softplus", [INF, -INF, NAN, 20, 20.5], [INF, 0, NAN, 20 + math.log1p(math.exp(-20)), 20.5]),
])
@pytest.mark.parametrize("repeat", [1, 40])
def test_special_values(name, x, expected, repeat):
    result = FUNCTIONS[name](np.array(x * repeat))
    np.testing.assert_allclose(result, expected * repeat, rtol=1e-13)
    zeros = np.array(expected * repeat) == 0
    np.testing.assert_array_equal(np.signbit(result[zeros]),
                                  np.signbit(np.array(expected * repeat)[zeros]))


def test_softplus_parameters():
    x = np.linspace(-3, 3, 13)
    expected = [v if 2 * v > 4 else math.log1p(math.exp(2 * v)) / 2 for v in x.tolist()]
    np.testing.assert_allclose(special.softplus(x, 2.0, 4.0), expected)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gelu_slope(approximate, dtype):
    x = np.linspace(-6, 6, 101)
    h = 1e-5
    slope = (special.gelu(x + h, approximate) - special.gelu(x - h, approximate)) / (2 * h)
    result = special.gelu_slope(x.astype(dtype), approximate)
    assert result.dtype == dtype
    # 1 - tanh^2 cancels in float32, in PyTorch as well: ten units of 1.2e-7, times x.
    np.testing.assert_allclose(result, slope, atol=1e-9 if dtype is np.float64 else 6e-6)


@pytest.mark.parametrize("name", ["erf", "erfinv", "lgamma", "sigmoid", "gelu"])
def test_shapes_and_strides(name):
    function = getattr(special, name)
    x = np.linspace(0.1, 0.9, 24).reshape(2, 3, 4)
    np.testing.assert_array_equal(function(x.T), function(x).T)
    assert function(np.empty((0, 3))).shape == (0, 3)
    scalar = function(np.array(0.5))
    assert isinstance(scalar, np.ndarray) and scalar.shape == ()
    kept = x.copy()
    function(x)
    np.testing.assert_array_equal(x, kept)


def test_bfloat16_values_of_pytorch():
    x = np.array([0.1, 0.7, -3.3, 2.2]).astype(BRAIN)
    for result, expected in [
        (softmax.softmax(x, 0), [0.09033203125, 0.1650390625, 0.0030364990234375, 0.7421875]),
        (special.gelu(x), [0.053955078125, 0.53125, -0.00160980224609375, 2.171875]),
        (special.sigmoid(x), [0.5234375, 0.66796875, 0.03564453125, 0.90234375]),
    ]:
        assert result.dtype == BRAIN
        assert result.astype(float).tolist() == expected
