"""Random arrays: values PyTorch gives for two seeds, generator states, and exactness."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from rushlight._kernels import random_exact as exact
from rushlight._kernels import random_normal as normals
from rushlight._kernels import random_permutation as permutation
from rushlight._kernels.random import DEFAULT_SEED, Engine

F16, F32, F64 = np.dtype("f2"), np.dtype("f4"), np.dtype("f8")

# Values of torch 2.13.0+cpu after manual_seed(0) and manual_seed(1337): shortest decimals.
GOLDEN = {
    0: {
        "words": [2357136044, 2546248239, 3071714933, 3626093760, 2588848963, 3684848379],
        "rand": "3efe1558 3f44aa2f 3db533a8 3e073300 3e9d6686",
        "rand64": [0.9700530018065531, 0.707819864399788, 0.45938294312745087],
        "randn5": "3fc53f5c be963c50 c00b7149 3f1184b6 bf8ad1a1",
        "randn20": "bf901b85 bf93808a be804bd6 bede255d 3f194d8b bfc70d5b beaec6ca 3fed2f4e "
        "3eefaa55 be217f5f 3fb8c9db 3e8837a1 3fb1d6c0 3fcb0d00 3f72409c bf57fb33 "
        "3f6e8c30 3fa12737 4000519a 3d5c1b3a",
        "randn16": [
            -1.1258398,
            -1.1523602,
            -0.25057858,
            -0.4338788,
            0.84871036,
            0.69200915,
            -0.31601277,
            -2.1152194,
            0.32227492,
            -1.2633348,
            0.3499832,
            0.30813393,
            0.11984151,
            1.2376579,
            1.1167772,
            -0.24727815,
        ],
        "randn16_f64": [
            -2.310411800234176,
            -0.3732508612577643,
            -1.0608166785462863,
            0.9995093547811761,
        ],
        "randn3_f64": [1.5409961082440433, -0.2934289057609464, -2.1787893820745574],
        "randn17_f16": [
            -1.126,
            -1.353,
            -1.696,
            0.567,
            0.7935,
            0.5986,
            -1.555,
            -0.3413,
            1.853,
            0.75,
            -0.5854,
            -0.1733,
            0.1835,
            1.39,
            1.586,
            0.9463,
            -0.8438,
        ],
        "uniform": "bb133267 3e24cba4 be7cd6e8 be62149a bdeca38c",
        "normal": [1.162248, 1.1542919, 1.4248264, 1.3698363, 1.7546132],
        "randint10": [4, 9, 3, 0, 3],
        "randint40": [741280623151, 506137267392, 291447657211],
        "random": [900450186894289455, 3969543146641149120],
        "randperm": [4, 1, 7, 5, 3, 9, 0, 8, 6, 2],
        "kept": [0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0],
        "kept9": [0, 1, 1, 0, 1],
        "bernoulli": [1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1],
        "weight": "bb8da3e8 3e9e9313 bef34b7e bed98bc9 be63b4b1 3e1e8953",
        "bias": "bc3b6b40 3eea617a",
        "embedding": [1.5409961, -0.2934289, -2.1787894, 0.56843126, -1.0845224, -1.3985955],
        "base_seed": 900450186894289455,
        "exponential": [3.5083263, 1.2303847, 0.6150441],
        "multinomial": [2, 1, 3, 0],
        "replaced": [3, 3, 2, 3, 3, 3, 1, 2],
        "poisson": [7.0, 3.0, 18.0, 20.0],
        "mixed": [
            [0.022325754, 0.16885895, 0.29388845],
            [0.8503774, -1.3526537, -1.6959312],
        ],
        "cached": [
            [1.5409961, -0.2934289, -2.1787894],
            [0.45562798, 0.6323063],
            [0.56843126, 0.16038126],
        ],
    },
    1337: {
        "words": [1125387415, 2407456957, 681542492, 913057000, 1194544295, 2332513753],
        "rand": "3da064b8 3efdc17a 3f1f835c 3ed849d0 3e4d329c",
        "rand64": [0.6265371134423031, 0.9847851813257451, 0.6031072345164673],
        "randn5": "c001a9db c004314c bf9a4954 bf698785 bfa00745",
        "randn20": "3e391c30 bd8f55eb beb82092 bf6a4ad7 c00260aa 3efc7c5b 3fbe55f8 3f174df0 "
        "bd42c63c bf8cbf6c bfe05013 bf8c6c70 3ee54265 bf4d3897 3fc305b3 40208cb0 "
        "3e2a2bad 3f9a4c3f 3e40d668 c00a3e06",
        "randn16": [
            0.18077159,
            -0.069988094,
            -0.3596235,
            -0.91520447,
            0.6257653,
            0.025509924,
            0.95451367,
            0.06434853,
            0.36115056,
            1.1678782,
            -1.3498932,
            -0.5101767,
            0.2359577,
            -0.23977837,
            -0.9211147,
            1.543297,
        ],
        "randn16_f64": [
            0.4688681530934622,
            2.5212020393370467,
            1.1416106285885055,
            0.7247325389077914,
        ],
        "randn3_f64": [-2.0259920698748135, -2.0655088862897606, -1.2053627551083954],
        "randn17_f16": [
            0.1808,
            1.349,
            -0.1396,
            0.286,
            0.9653,
            -2.037,
            0.4932,
            1.487,
            0.591,
            0.126,
            -1.5625,
            -1.16,
            -0.335,
            0.4478,
            -0.802,
            1.523,
            2.508,
        ],
        "uniform": "be818a7e bb2c5b67 3d974354 bd3e9db4 be3814d6",
        "normal": [1.5542315, 1.4790035, 1.392113, 1.2254386, 1.6877296],
        "randint10": [5, 7, 2, 0, 5],
        "randint40": [650947518653, 396050048232, 719592052185],
        "random": [4833502145162436797, 2927202714887398632],
        "randperm": [5, 0, 6, 1, 9, 8, 4, 2, 3, 7],
        "kept": [0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 0],
        "kept9": [1, 0, 1, 1, 1],
        "bernoulli": [1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1],
        "weight": "bef94d3f bba5d9c3 3e118d89 bdb76b9c beb121e4 bf0b54e0",
        "bias": "3dc94d62 3e688d5d",
        "embedding": [-2.0259922, -2.0655088, -1.2053628, -0.9122241, -1.2502218, 0.80323374],
        "base_seed": 4833502145162436797,
        "exponential": [0.98493665, 4.1854854, 0.92408913],
        "multinomial": [3, 2, 0, 1],
        "replaced": [3, 3, 3, 3, 2, 3, 2, 0],
        "poisson": [7.0, 2.0, 15.0, 17.0],
        "mixed": [
            [0.057388842, 0.76686895, 0.8778337],
            [0.7276898, 1.3488258, -0.13964167],
        ],
        "cached": [
            [-2.0259922, -2.0655088, -1.2053628],
            [0.176139, 0.25952637],
            [-0.9122241, -0.54323965],
        ],
    },
}


def filled(method, shape, dtype, *args):
    out = np.empty(shape, dtype)
    method(out, *args)
    return out


def bits(array):
    return " ".join(f"{word:08x}" for word in array.reshape(-1).view(np.uint32).tolist())


def single(values):
    return np.array(values, np.float32).tolist()


@pytest.fixture(params=[0, 1337])
def seed(request):
    return request.param


@pytest.fixture
def golden(seed):
    return GOLDEN[seed]


@pytest.fixture
def engine(seed):
    return Engine(seed)


# Published values


def test_words_and_draws(engine, golden):
    words = golden["words"]
    assert engine.words(6).tolist() == words
    engine.manual_seed(engine.initial_seed())
    assert engine.draws(3).tolist() == [words[i] << 32 | words[i + 1] for i in (0, 2, 4)]
    engine.manual_seed(engine.initial_seed())
    assert engine.random64() == words[0] << 32 | words[1]
    assert engine.unit() == ((words[2] & 0x1FFFFF) << 32 | words[3]) / 2**53


def test_uniform_values(engine, golden, seed):
    assert bits(engine.rand((5,), F32)) == golden["rand"]
    assert Engine(seed).rand((3,), F64).tolist() == golden["rand64"]
    assert bits(filled(Engine(seed).uniform, 5, F32, -0.3, 0.3)) == golden["uniform"]


def test_normal_values(engine, golden, seed):
    assert bits(engine.randn((5,), F32)) == golden["randn5"]
    assert bits(Engine(seed).randn((20,), F32)) == golden["randn20"]
    assert Engine(seed).randn((16,), F32).tolist() == single(golden["randn16"])
    assert Engine(seed).randn((16,), F64)[:4].tolist() == golden["randn16_f64"]
    assert Engine(seed).randn((3,), F64).tolist() == golden["randn3_f64"]
    expected = np.array(golden["randn17_f16"], F16)
    assert Engine(seed).randn((17,), F16).tolist() == expected.tolist()
    values = filled(Engine(seed).normal, 16, F32, 1.5, 0.3)
    assert values[:5].tolist() == single(golden["normal"])
    assert Engine(seed).randn((2, 3), F32).ravel().tolist() == single(golden["embedding"])


def test_integer_values(engine, golden, seed):
    assert engine.randint(0, 10, (5,)).tolist() == golden["randint10"]
    assert Engine(seed).randint(0, 2**40, (3,)).tolist() == golden["randint40"]
    assert filled(Engine(seed).random_full, 2, np.int64).tolist() == golden["random"]
    assert Engine(seed).randperm(10).tolist() == golden["randperm"]
    assert Engine(seed).random64() % 2**63 == golden["base_seed"]


def test_bernoulli_values(engine, golden, seed):
    assert engine.bernoulli_mask((20,), 1 - 0.5).tolist() == golden["kept"]
    assert Engine(seed).bernoulli_mask((5,), 1 - 0.1).tolist() == golden["kept9"]
    assert filled(Engine(seed).bernoulli, 20, F32, 0.5).tolist() == golden["kept"]
    chances = np.full(20, 0.5, np.float32)
    assert Engine(seed).bernoulli_tensor(chances).tolist() == golden["bernoulli"]


def test_linear_initial_weights(engine, golden):
    bound = math.sqrt(3.0) * (math.sqrt(2.0 / (1 + math.sqrt(5) ** 2)) / math.sqrt(3))
    assert bits(filled(engine.uniform, (2, 3), F32, -bound, bound)) == golden["weight"]
    bound = 1 / math.sqrt(3)
    assert bits(filled(engine.uniform, 2, F32, -bound, bound)) == golden["bias"]


def test_other_distributions(golden, seed):
    weights = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    rates = np.array([4, 4, 20, 20], np.float32)
    assert filled(Engine(seed).exponential, 3, F32).tolist() == single(golden["exponential"])
    assert Engine(seed).multinomial(weights, 4).tolist() == golden["multinomial"]
    assert Engine(seed).multinomial(weights, 8, True).tolist() == golden["replaced"]
    assert Engine(seed).poisson(rates).tolist() == golden["poisson"]


def test_calls_in_turn_share_the_stream_and_the_cached_normal(engine, golden, seed):
    engine.randn((5,), F32)
    assert engine.rand((3,), F32).tolist() == single(golden["mixed"][0])
    assert engine.randn((20,), F32)[:3].tolist() == single(golden["mixed"][1])
    engine = Engine(seed)
    values = [engine.randn((3,), F32), engine.rand((2,), F32), engine.randn((2,), F32)]
    assert [value.tolist() for value in values] == list(map(single, golden["cached"]))


# Seeds and state


def test_seeds():
    assert Engine().initial_seed() == DEFAULT_SEED == 67280421310721
    engine = Engine(-1)
    assert engine.initial_seed() == 2**64 - 1
    assert np.array_equal(engine.words(3), Engine(2**32 - 1).words(3))
    engine.manual_seed(np.int64(5))
    assert engine.initial_seed() == 5
    chosen = engine.seed()
    assert engine.initial_seed() == chosen
    assert np.array_equal(engine.words(3), Engine(chosen).words(3))
    assert Engine(None).initial_seed() != Engine(None).initial_seed()
    for outside in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="^Overflow when unpacking long long$"):
            engine.manual_seed(outside)
    for wrong in (1.5, "a", True):
        kind = type(wrong).__name__
        with pytest.raises(RuntimeError, match=f"^manual_seed expected a long, but got {kind}$"):
            engine.manual_seed(wrong)


def test_state_bytes_of_a_fresh_generator(seed):
    state = Engine(seed).get_state()
    assert (state.dtype, state.shape) == (np.uint8, (5056,))
    assert state[:24].tobytes() == seed.to_bytes(8, "little") + bytes([1, 0, 0, 0] * 2 + [0] * 8)
    assert state[24:32].tobytes() == seed.to_bytes(8, "little")
    assert not state[5016:].any()


@pytest.mark.parametrize("words", [0, 1, 5, 623, 624, 625, 1248, 5000])
def test_state_round_trip(engine, words):
    engine.words(words)
    state = engine.get_state()
    left = int(state[8:12].view(np.int32)[0])
    following = int(state[16:24].view(np.int64)[0])
    assert (left, following) == ((1, 0) if not words else (624 - (words - 1) % 624, 625 - left))
    expected = engine.words(700)
    other = Engine(99)
    other.set_state(state)
    assert np.array_equal(other.get_state(), state)
    assert np.array_equal(other.words(700), expected)
    assert other.initial_seed() == engine.initial_seed()


def test_state_keeps_the_cached_normal(engine):
    engine.randn((3,), F32)
    state = engine.get_state()
    assert state[5040] == 1
    copy = engine.clone_state()
    assert np.array_equal(copy.get_state(), state)
    assert copy.randn((4,), F64).tolist() == engine.randn((4,), F64).tolist()
    engine.manual_seed(3)
    assert not engine.get_state()[5016:].any()


def test_state_errors(engine):
    before = engine.get_state()
    size = "of size 5056 but found the input RNG state size to be 5"
    with pytest.raises(RuntimeError, match=f"^Expected a CPUGeneratorImplState {size}$"):
        engine.set_state(np.zeros(5, np.uint8))
    with pytest.raises(TypeError, match=r"^RNG state must be a torch\.ByteTensor$"):
        engine.set_state(np.zeros(5056, np.float32))
    bad_seeded, bad_left, bad_next = before.copy(), before.copy(), before.copy()
    bad_seeded[12] = 0
    bad_left[8] = 0
    bad_next[16:18] = 113, 2
    for bad in (bad_seeded, bad_left, bad_next, np.zeros(5056, np.uint8)):
        with pytest.raises(RuntimeError, match="^Invalid mt19937 state$"):
            engine.set_state(bad)
    assert np.array_equal(engine.get_state(), before)


# Properties


def test_empty_arrays_draw_nothing(engine):
    before = engine.get_state()
    empty, whole = np.empty((0, 3), F32), np.empty(0, np.int64)
    for fill in (
        engine.uniform,
        engine.normal,
        engine.exponential,
        engine.cauchy,
        engine.log_normal,
        engine.random_full,
    ):
        fill(empty)
    engine.random(whole, 0, 9)
    engine.random_from(whole, 0)
    engine.bernoulli(empty, 0.5)
    engine.geometric(empty, 0.5)
    engine.bernoulli_tensor(empty)
    engine.poisson(empty)
    engine.randperm(0)
    engine.randperm(1)
    assert engine.rand((0,)).size == engine.randn((3, 0)).size == 0
    assert engine.bernoulli_mask((0,), 0.5).size == 0
    assert engine.multinomial(np.empty((0, 2), F32), 1).shape == (0, 1)
    assert np.array_equal(engine.get_state(), before)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 100, 1000, 40000])
def test_mask_draws_as_bernoulli(engine, size):
    other = engine.clone_state()
    mask = engine.bernoulli_mask((size,), 0.3)
    assert np.array_equal(mask, filled(other.bernoulli, size, np.bool_, 0.3))
    assert np.array_equal(engine.get_state(), other.get_state())


@pytest.mark.parametrize("n", [2, 3, 10, 1000, 5000, 20011])
def test_permutation_forms_agree(n):
    words = Engine(n).words(n - 1)
    expected = list(range(n))
    for i, word in enumerate(words.tolist()):
        k = i + word % (n - i)
        expected[i], expected[k] = expected[k], expected[i]
    assert permutation._by_loop(words.copy(), n).tolist() == expected
    assert permutation._by_arrays(words.copy(), n).tolist() == expected


def test_permutation_of_very_many():
    draws = Engine(4).draws(100)
    stream = iter(draws.tolist())
    result = permutation.insert(
        lambda count: np.array([next(stream) for _ in range(count)], np.uint64), 100
    )
    expected = []
    for i, draw in enumerate(draws.tolist()):
        expected.append(i)
        k = draw % (i + 1)
        expected[i], expected[k] = expected[k], i
    assert result.tolist() == expected


def test_fused64_rounds_once():
    engine = Engine(8)
    x = engine.randn((2000,), F64)
    for scale, offset in ((0.3, 1.5), (1e-3, 7.0), (3.7, -1e-9), (1.0, 0.1), (0.1, 0.0)):
        result = exact.fused64(x.copy(), scale, offset)
        for value, got in zip(x.tolist(), result.tolist(), strict=True):
            a, b = value.as_integer_ratio()
            c, d = scale.as_integer_ratio()
            e, f = offset.as_integer_ratio()
            assert got == (a * c * f + e * b * d) / (b * d * f)


def test_fused32_rounds_once_where_the_double_sum_is_a_tie():
    x = np.array([2.0**-24, -(2.0**-24), 3 * 2.0**-24])
    scale = float(np.float32(1 + 2.0**-23))
    out = np.empty(3, F32)
    exact.fused32(x.copy(), scale, 1.0, out)
    low = x * scale - x  # the part of the sum below the tie decides
    assert (low != 0).all()
    assert out.tolist() == [1 + 2.0**-23, 1 - 2.0**-24, 1 + 2.0**-22]
    exact.fused32(x.copy(), 1.0, 1.0, out)
    assert out.tolist() == [1.0, 1 - 2.0**-24, 1 + 2.0**-22]


@pytest.mark.parametrize("name", ["log", "log1p", "cos", "sin", "tan", "exp"])
def test_library_functions_equal_the_standard_module(name):
    function = getattr(exact, name)
    low, high = function._range
    x = low + (high - low) * (Engine(1).rand((50000,), F64) * 0.999 + 0.0005)
    for size in (1, 7, 50000):
        expected = list(map(getattr(math, name), x[:size].tolist()))
        assert function(x[:size]).tolist() == expected


def test_normals_reach_all_octants_and_never_minus_zero():
    words = np.arange(1 << 16, dtype=np.uint32).reshape(-1, 16)
    words[:, 8:] = (words[:, 8:] << 8) & 0xFFFFFF
    words[:, :8] = (words[:, :8] * 40503) & 0xFFFFFF
    flat = words.reshape(-1)
    out = np.empty(flat.size, F32)
    work = normals.Workspace(normals.PAIRS)
    for start in range(0, flat.size, 2 * normals.PAIRS):
        part = slice(start, start + 2 * normals.PAIRS)
        normals.box_muller32(flat[part], out[part], work)
    normals.scale32(out, 0.0, 1.0)
    first, second = words[:, :8] / 2.0**24, words[:, 8:] / 2.0**24
    radius = np.sqrt(-2 * np.log1p(-first))
    result = out.reshape(-1, 16)
    # Single-precision polynomials and a single-precision angle: a few units in the last place.
    assert np.abs(result[:, :8] - radius * np.cos(2 * np.pi * second)).max() < 4e-6
    assert np.abs(result[:, 8:] - radius * np.sin(2 * np.pi * second)).max() < 4e-6
    assert not np.signbit(out[out == 0]).any()


def test_threads_share_one_stream(engine):
    other = engine.clone_state()
    parts = []
    threads = [
        threading.Thread(target=lambda: parts.append(engine.randn((40000,), F32))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = sorted(other.randn((40000,), F32).tobytes() for _ in range(4))
    assert sorted(part.tobytes() for part in parts) == expected
    assert np.array_equal(engine.get_state(), other.get_state())


def test_import_leaves_numpy_random_alone():
    code = (
        "import sys, numpy; before = 'numpy.random' in sys.modules; "
        "import rushlight._kernels.random; "
        "assert ('numpy.random' in sys.modules) == before"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(exact.__file__)))
    environment = {**os.environ, "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
