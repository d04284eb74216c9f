"""Bessel and Airy functions, tails and quantiles of the normal distribution, incomplete gamma
functions, zeta and the orthogonal polynomials, against values of 40 digits (computed with mpmath).
"""

import math

import numpy as np
import pytest

from rushlight._kernels import bessel, incomplete, polynomials

#: function -> (x, value)
BESSEL = {
    "i0": [
        (0.1, 1.0025015629340956), (1.0, 1.2660658777520084), (2.5, 3.289839144050123),
        (7.9, 389.406283282158), (8.1, 469.5006067101215), (20.0, 43558282.559553534),
        (-3.3, 6.242630465183028),
    ],
    "i1": [
        (0.1, 0.050062526047092694), (1.0, 0.565159103992485), (2.5, 2.5167162452886984),
        (7.9, 363.8539440845084), (8.1, 439.48430891035844), (20.0, 42454973.38512777),
        (-3.3, -5.180958855355928),
    ],
    "i0e": [
        (0.1, 0.9071009257823011), (1.0, 0.46575960759364043), (2.5, 0.27004644161220276),
        (7.9, 0.14436986414104191), (8.1, 0.14251180948829528), (20.0, 0.08978031188482602),
        (-3.3, 0.23024798447142644), (800.0, 0.014106945005869185),
    ],
    "i1e": [
        (0.1, 0.045298446808809324), (1.0, 0.20791041534970844), (2.5, 0.20658464953126657),
        (7.9, 0.13489649943989376), (8.1, 0.13340068832583662), (20.0, 0.08750622218328867),
        (-3.3, -0.19109017276102952), (800.0, 0.014098125406526997),
    ],
    "j0": [
        (0.1, 0.99750156206604), (1.0, 0.7651976865579666), (2.5, -0.048383776468198),
        (7.9, 0.19436184484127825), (8.1, 0.14751745404437766), (20.0, 0.16702466434058316),
        (-3.3, -0.3442962603988846), (100.5, 0.054436573814413594),
    ],
    "j1": [
        (0.1, 0.049937526036242), (1.0, 0.4400505857449335), (2.5, 0.49709410246427405),
        (7.9, 0.2191793999217512), (8.1, 0.24760776698159287), (20.0, 0.06683312417585005),
        (-3.3, -0.22066345298524115), (100.5, -0.05779112399693202),
    ],
    "y0": [
        (0.1, -1.5342386513503667), (1.0, 0.08825696421567696), (1.9, 0.4968199712838202),
        (2.1, 0.5182937375137607), (7.9, 0.20652094814437577), (8.1, 0.23809132870223482),
        (20.0, 0.06264059680938383),
    ],
    "y1": [
        (0.1, -6.4589510947020266), (1.0, -0.7812128213002887), (1.9, -0.1644057723315953),
        (2.1, -0.05167861213042353), (7.9, -0.18172107728057313), (8.1, -0.13314879595249593),
        (20.0, -0.1655116143625213),
    ],
    "k0": [
        (0.1, 2.4270690247020164), (1.0, 0.42102443824070834), (1.9, 0.1288459792760475),
        (2.1, 0.10078374088996693), (7.9, 0.0001628676676876532), (8.1, 0.00013173427864935836),
        (20.0, 5.741237815336525e-10),
    ],
    "k1": [
        (0.1, 9.853844780870606), (1.0, 0.6019072301972346), (1.9, 0.15966015303266762),
        (2.1, 0.12274641153350789), (7.9, 0.00017288430649238984), (8.1, 0.00013964122894503082),
        (20.0, 5.883057969557038e-10),
    ],
    "scaled_k0": [
        (0.1, 2.6823261022628944), (1.0, 1.144463079806895), (1.9, 0.8614506167517558),
        (2.1, 0.8230171525316621), (7.9, 0.4393000819002152), (8.1, 0.4339943754308567),
        (20.0, 0.27854487665718225),
    ],
    "scaled_k1": [
        (0.1, 10.890182683049696), (1.0, 1.6361534862632583), (1.9, 1.0674709298145701),
        (2.1, 1.0023680527405792), (7.9, 0.4663177847368799), (8.1, 0.4600435707528057),
        (20.0, 0.28542549694072644),
    ],
    "airy_ai": [
        (-20.5, -0.04462568039701191), (-8.1, -0.14290814709358113), (-7.9, 0.041701883617386706),
        (-2.0, 0.22740742820168558), (0.0, 0.3550280538878172), (1.9, 0.0405944200315295),
        (2.1, 0.029952602115866523), (10.0, 1.1047532552898686e-10),
    ],
    "spherical_j0": [
        (0.5, 0.958851077208406), (3.0, 0.04704000268662241),
    ],
}
NORMAL = {
    "erfcx": [
        (-5.0, 144009798674.66104), (-0.5, 1.952360489182557), (0.3, 0.7345993345676551),
        (0.99, 0.4303312130641483), (1.01, 0.4248668143112), (6.0, 0.09277656780053835),
        (50.0, 0.011281536265323773), (10000000000.0, 5.641895835477563e-11),
    ],
    "log_ndtr": [
        (-40.0, -804.6084420137538), (-5.0, -15.064998393988725), (-0.9, -1.6924928065613383),
        (-1.1, -1.997558846986297), (0.5, -0.3689464152886564), (4.0, -3.167174337748927e-05),
    ],
    "ndtr": [
        (-5.0, 2.866515718791939e-07), (-0.5, 0.3085375387259869), (0.0, 0.5),
        (3.0, 0.9986501019683699),
    ],
    "ndtri": [
        (1e-300, -37.0470962993612), (1e-20, -9.262340089798407), (0.01, -2.326347874040841),
        (0.2, -0.8416212335729142), (0.6, 0.2533471031357997), (0.97, 1.8807936081512506),
    ],
}
#: function -> (x, y, value)
PAIRS = {
    "igamma": [
        (0.5, 0.1, 0.345279153981423), (0.01, 0.5, 0.9943732438060329),
        (3.0, 2.0, 0.32332358381693654), (3.0, 9.0, 0.9937678048936227),
        (50.0, 48.0, 0.40540439500476144), (200.0, 230.0, 0.9796688566711638),
        (2000.0, 1950.0, 0.1313526369567147), (0.0001, 3.0, 0.9999986949144203),
    ],
    "igammac": [
        (0.5, 0.1, 0.654720846018577), (0.01, 0.5, 0.0056267561939671844),
        (3.0, 2.0, 0.6766764161830635), (3.0, 9.0, 0.006232195106377317),
        (50.0, 48.0, 0.5945956049952386), (200.0, 230.0, 0.020331143328836235),
        (2000.0, 1950.0, 0.8686473630432853), (0.0001, 3.0, 1.3050855797554129e-06),
    ],
    "zeta": [
        (1.1, 0.5, 12.103813495683747), (2.0, 1.0, 1.6449340668482264),
        (3.5, 12.0, 0.0008894529418800161), (24.0, 13.0, 2.2294257425019796e-27),
        (90.0, 2.5, 1.532495540865997e-36), (2.0, -1.5, 9.379246644989124),
    ],
}
EDGES = {
    "i0e": [(math.inf, 0.0), (0.0, 1.0)],
    "i1e": [(-math.inf, 0.0), (0.0, 0.0)],
    "k0": [(0.0, math.inf), (-1.0, math.nan), (math.inf, 0.0)],
    "scaled_k1": [(0.0, math.inf), (-1.0, math.nan)],
    "j0": [(math.inf, 0.0), (0.0, 1.0)],
    "j1": [(math.inf, 0.0), (0.0, 0.0)],
    "y0": [(0.0, -math.inf), (-1.0, math.nan)],
    "y1": [(0.0, -math.inf), (math.inf, 0.0)],
    "airy_ai": [(math.inf, 0.0), (math.nan, math.nan)],
    "spherical_j0": [(0.0, 1.0), (math.inf, 0.0)],
}

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def check(function, triples, rtol, atol=0.0):
    *arguments, wanted = (np.array(column) for column in zip(*triples, strict=True))
    np.testing.assert_allclose(function(*arguments), wanted, rtol, atol)
    short = [a.astype(np.float32) for a in arguments]
    found = function(*short)
    assert found.dtype == np.float32
    again = function(*(a.astype(np.float64) for a in short)).astype(np.float32)
    assert np.array_equal(found, again, equal_nan=True)  # computed in double precision


@pytest.mark.parametrize("name", BESSEL)
def test_bessel(name):
    # Near a zero the error is small beside the function's size, not beside its value.
    check(getattr(bessel, name), BESSEL[name], 4e-15, 4e-15 if name[0] in "jya" else 0.0)


@pytest.mark.parametrize("name", EDGES)
def test_edges(name):
    check(getattr(bessel, name), EDGES[name], 2.3e-16)  # a unit in the last place of 1


@pytest.mark.parametrize("name", NORMAL)
def test_normal(name):
    # PyTorch's ndtr loses digits in the tail (1 - erf); ours does not.
    check(getattr(incomplete, name), NORMAL[name], 2e-14)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name):
    # Prefactors are exponentials of large numbers: a relative error of their rounding.
    check(getattr(incomplete, name), PAIRS[name], 2e-13)


def test_incomplete_gamma_at_the_edges():
    a = np.array([0.0, 1.0, -1.0, 2.0, math.inf, math.inf, 0.0])
    x = np.array([1.0, 0.0, 1.0, math.inf, 1.0, math.inf, 0.0])
    wanted = np.array([1.0, 0.0, math.nan, 1.0, 0.0, math.nan, math.nan])
    np.testing.assert_array_equal(incomplete.igamma(a, x), wanted)
    np.testing.assert_array_equal(incomplete.igammac(a, x), 1 - wanted)


def test_zeta_at_the_edges():
    s = np.array([1.0, 0.5, 2.0, 2.5, 2.0, math.nan])
    q = np.array([2.0, 1.0, 0.0, -1.5, -3.0, 1.0])
    wanted = [math.inf, math.nan, math.inf, math.nan, math.inf, math.nan]
    np.testing.assert_array_equal(incomplete.zeta(s, q), wanted)


@pytest.mark.parametrize("degree", range(6))
def test_polynomials(degree):
    x = np.linspace(-1.0, 1.0, 7)
    n = np.array(float(degree))
    angle = np.arccos(x)
    np.testing.assert_allclose(polynomials.chebyshev_t(x, n), np.cos(degree * angle), atol=1e-13)
    inside = x[1:-1]
    angle = np.arccos(inside)
    np.testing.assert_allclose(
        polynomials.chebyshev_u(inside, n), np.sin((degree + 1) * angle) / np.sin(angle), atol=1e-13
    )
    unit = [0.0] * degree + [1.0]
    for kernel, reference in (
        (polynomials.hermite_h, np.polynomial.hermite.hermval),
        (polynomials.hermite_he, np.polynomial.hermite_e.hermeval),
        (polynomials.laguerre_l, np.polynomial.laguerre.lagval),
        (polynomials.legendre_p, np.polynomial.legendre.legval),
    ):
        np.testing.assert_allclose(kernel(x, n), reference(x, unit), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(
        polynomials.shifted_chebyshev_t(x, n), polynomials.chebyshev_t(2 * x - 1, n)
    )


def test_degrees_are_cut_and_negative_ones_vanish():
    found = polynomials.chebyshev_t(np.array(0.3), np.array([-1.0, 0.0, 2.7, math.nan]))
    np.testing.assert_allclose(found, [0.0, 1.0, 2 * 0.09 - 1, 0.0])
