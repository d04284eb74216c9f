"""Random arrays that equal PyTorch's CPU results bit for bit.

One :class:`Engine` stands behind each ``torch.Generator``. Its methods fill arrays, or return
new ones, from the Mersenne Twister words that PyTorch uses for the same call.

Sources: the documentation of ``torch.Tensor.uniform_`` and its siblings; Matsumoto and
Nishimura (1998) for the generator; Box and Muller (1958) for normals.
"""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from rushlight._kernels import random_exact as exact
from rushlight._kernels import random_integers as integers
from rushlight._kernels import random_normal as normals
from rushlight._kernels import random_permutation as permutation
from rushlight._kernels import random_sampling as sampling
from rushlight._kernels.random_bits import DEFAULT_SEED, MersenneTwister, seed_to_unsigned
from rushlight._kernels.random_names import cpp_type_name, scalar_type_name

__all__ = ["DEFAULT_SEED", "Engine", "seed_to_unsigned"]

_F16 = np.dtype(np.float16)
_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)
_BF16 = np.dtype(ml_dtypes.bfloat16)
_PART: dict[np.dtype, np.dtype] = {np.dtype(np.complex64): _F32, np.dtype(np.complex128): _F64}
_FLOATING = frozenset((_F16, _F32, _F64, _BF16))
_LARGEST = {
    _F16: 65504.0,
    _F32: float(np.finfo(np.float32).max),
    _F64: float(np.finfo(np.float64).max),
    _BF16: float(ml_dtypes.finfo(ml_dtypes.bfloat16).max),
}
_CHUNK = 1 << 15
"""Numbers made at a time: the intermediate arrays stay in the cache."""
_BLOCKED = 16
"""Contiguous arrays of at least this many normals are made in blocks."""
_I32 = np.dtype(np.int32)
_MASK24 = np.array(0xFFFFFF, np.uint32)
_MASK53 = np.array((1 << 53) - 1, np.uint64)
_TO_UNIT = np.array(2.0**-24, np.float32)


def _in_memory_order(array: np.ndarray) -> np.ndarray:
    """Return a view whose C order is the order of ``array``'s elements in memory."""
    strides = array.strides
    return array.transpose(sorted(range(array.ndim), key=lambda axis: -abs(strides[axis])))


def _real_parts(array: np.ndarray) -> np.ndarray:
    """View a complex array as real, with a last dimension of real and imaginary part."""
    return array[..., np.newaxis].view(_PART[array.dtype])


def _fill(out: np.ndarray, produce: Any) -> None:
    """Call ``produce(flat)`` on the elements of ``out`` in memory order."""
    if out.size == 0:
        return
    if out.flags.c_contiguous:
        produce(out.reshape(-1))
        return
    view = _in_memory_order(out)
    if view.flags.c_contiguous:
        produce(view.reshape(-1))
        return
    dense = np.empty(view.shape, out.dtype)
    produce(dense.reshape(-1))
    view[...] = dense


def _store(target: np.ndarray, values: np.ndarray) -> None:
    """Cast float64 values as C++ does: to the 16-bit types by way of float32."""
    if target.dtype in (_F16, _BF16):
        values = values.astype(np.float32)
    np.copyto(target, values, casting="unsafe")


class Engine(MersenneTwister):
    """PyTorch's CPU random number functions on arrays.

    A target ``out`` may have any strides; its elements are filled in memory order. Arrays
    without elements draw nothing. Methods may be called from several threads.

    >>> engine = Engine(0)
    >>> engine.rand((2,)).tolist()
    [0.49625658988952637, 0.7682217955589294]
    """

    _work: normals.Workspace | None = None

    # Uniform

    def rand(self, shape: Any, dtype: Any = _F32) -> np.ndarray:
        """Return numbers uniform in [0, 1)."""
        out = np.empty(shape, dtype)
        if dtype is _F32 and 0 < out.size < _CHUNK:
            words = self.words(out.size)
            np.bitwise_and(words, _MASK24, out=words)
            flat = out.reshape(-1)
            np.copyto(flat, words.view(_I32), casting="unsafe")
            np.multiply(flat, _TO_UNIT, out=flat)
            return out
        self.uniform(out)
        return out

    def uniform(self, out: np.ndarray, low: float = 0.0, high: float = 1.0) -> None:
        """Fill with numbers uniform in [low, high): ``u * (high - low) + low``, fused."""
        if out.dtype in _PART:
            out = _real_parts(out)
        dtype = out.dtype
        if dtype not in _FLOATING:
            name = scalar_type_name(dtype)
            raise NotImplementedError(f"\"check_uniform_bounds\" not implemented for '{name}'")
        largest = _LARGEST[dtype]
        for bound, name in ((low, "from"), (high, "to")):
            if not -largest <= bound <= largest:
                raise RuntimeError(f"{name} is out of bounds for {cpp_type_name(dtype)}")
        if low > high:
            raise RuntimeError(
                "uniform_ expects to return a [from, to) range, "
                f"but found from={low:g} > to={high:g}"
            )
        if high - low > largest:
            raise RuntimeError(
                "uniform_ expects to-from <= std::numeric_limits"
                f"<{scalar_type_name(dtype)}>::max(), but found to={high:g} and from={low:g} "
                "which result in to-from to exceed the limit"
            )
        produce = self._uniform64 if dtype == _F64 else self._uniform32
        with self._lock:
            _fill(out, lambda flat: produce(flat, float(low), float(high)))

    def _uniform64(self, flat: np.ndarray, low: float, high: float) -> None:
        for start in range(0, flat.size, _CHUNK):
            part = flat[start : start + _CHUNK]
            uniform = normals.unit64(self.draws(part.size))
            if low == 0.0 and high == 1.0:
                part[...] = uniform
                continue
            np.copyto(part, exact.fused64(uniform, high - low, low))
            part[part == high] = low

    def _uniform32(self, flat: np.ndarray, low: float, high: float) -> None:
        low, high = float(np.float32(low)), float(np.float32(high))
        scale = float(np.float32(high - low))
        standard = low == 0.0 and high == 1.0
        single = flat.dtype == _F32
        if not single:
            top, bottom = flat.dtype.type(high), flat.dtype.type(low)
        for start in range(0, flat.size, _CHUNK):
            part = flat[start : start + _CHUNK]
            words = self.words(part.size)
            words &= _MASK24
            if standard:
                target = part if single else np.empty(part.size, np.float32)
                np.copyto(target, words.view(np.int32), casting="unsafe")
                target *= _TO_UNIT
            else:
                wide = words.view(np.int32).astype(np.float64)
                wide *= 2.0**-24
                target = part if single else np.empty(part.size, np.float32)
                exact.fused32(wide, scale, low, target, unit=True)
            if not single:
                np.copyto(part, target, casting="unsafe")
                part[part == top] = bottom
            elif not standard:
                part[part == high] = low

    # Normal

    def randn(self, shape: Any, dtype: Any = _F32) -> np.ndarray:
        """Return numbers from the standard normal distribution."""
        out = np.empty(shape, dtype)
        self.normal(out)
        return out

    def normal(self, out: np.ndarray, mean: float = 0.0, std: float = 1.0) -> None:
        """Fill with normal numbers ``z * std + mean``, fused.

        A complex array's parts are independent with standard deviation ``std / sqrt(2)``.
        """
        if not std >= 0.0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        if out.dtype in _PART:
            out = _real_parts(out)
            std = std / math.sqrt(2.0)
        dtype = out.dtype
        if dtype not in _FLOATING:
            name = scalar_type_name(dtype)
            raise NotImplementedError(f"\"normal_kernel_cpu\" not implemented for '{name}'")
        size = out.size
        if size == 0:
            return
        if size < _BLOCKED or not out.flags.c_contiguous:
            produce = self._normal_serial
        elif dtype == _F64:
            produce = self._normal64
        elif dtype == _F32:
            produce = self._normal32
        else:
            produce = self._normal16
        mean, std = float(mean), float(std)
        with self._lock:
            if abs(mean) + 9.0 * std <= 6e4:  # no overflow in any dtype
                _fill(out, lambda flat: produce(flat, mean, std))
            else:
                with np.errstate(all="ignore"):
                    _fill(out, lambda flat: produce(flat, mean, std))

    def _normal_serial(self, flat: np.ndarray, mean: float, std: float) -> None:
        _store(flat, self.serial_normals(flat.size, mean, std))

    def serial_normals(self, count: int, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
        """Return float64 normals made in pairs, of which the odd one out waits for later."""
        if count < _BLOCKED:
            values = self._few_normals(count)
        else:
            cached, self._cached_normal = self._cached_normal, None
            values = np.empty(count + 1)
            filled = 0
            if cached is not None:
                values[0] = cached
                filled = 1
            while filled < count:
                pairs = min((count - filled + 1) // 2, _CHUNK)
                values[filled : filled + 2 * pairs] = normals.serial_pairs(self.draws(2 * pairs))
                filled += 2 * pairs
            if filled > count:
                self._cached_normal = float(values[count])
            values = values[:count]
        if mean == 0.0 and std == 1.0:
            return values
        return exact.fused64(values, std, mean)

    def _few_normals(self, count: int) -> np.ndarray:
        values = []
        cached = self._cached_normal
        if cached is not None:
            values.append(cached)
            self._cached_normal = None
        missing = count - len(values)
        if missing > 0:
            words = iter(self._raw(4 * ((missing + 1) // 2)).tolist())
            for a, b, c, d in zip(words, words, words, words, strict=True):
                radius = math.sqrt(
                    -2.0 * math.log1p(-(((c & 0x1FFFFF) << 32 | d) * 1.1102230246251565e-16))
                )
                angle = normals.TWO_PI * (((a & 0x1FFFFF) << 32 | b) * 1.1102230246251565e-16)
                values.append(radius * math.cos(angle))
                values.append(radius * math.sin(angle))
            if missing & 1:
                self._cached_normal = values.pop()
        return np.array(values)

    def _normal32(self, flat: np.ndarray, mean: float, std: float) -> None:
        whole = flat.size // _BLOCKED * _BLOCKED
        rest = flat.size - whole
        step = 2 * normals.PAIRS
        if flat.size < step:
            # One call of the transform for blocks and tail: its cost is per call when small.
            words = self.words(flat.size + (_BLOCKED if rest else 0))
            if rest:
                words = np.concatenate((words[:whole], words[flat.size :]))
            values = np.empty(words.size, np.float32)
            normals.box_muller32(words, values, self._workspace(values.size >> 1))
            normals.scale32(values, mean, std)
            flat[:whole] = values[:whole]
            if rest:
                flat[-_BLOCKED:] = values[-_BLOCKED:]
            return
        work = self._workspace(normals.PAIRS)
        for start in range(0, whole, step):
            part = flat[start : min(start + step, whole)]
            normals.box_muller32(self.words(part.size), part, work)
            normals.scale32(part, mean, std)
        if rest:
            self.words(rest)
            part = flat[-_BLOCKED:]
            normals.box_muller32(self.words(_BLOCKED), part, work)
            normals.scale32(part, mean, std)

    def _normal16(self, flat: np.ndarray, mean: float, std: float) -> None:
        whole = flat.size // _BLOCKED * _BLOCKED
        tail = flat[-_BLOCKED:] if whole != flat.size else flat[:0]
        step = 2 * normals.PAIRS
        parts = [flat[start : min(start + step, whole)] for start in range(0, whole, step)]
        for part in (*parts, tail):
            if part.size:
                values = np.empty(part.size, np.float32)
                self._normal32(values, mean, std)
                np.copyto(part, values, casting="unsafe")

    def _normal64(self, flat: np.ndarray, mean: float, std: float) -> None:
        whole = flat.size // _BLOCKED * _BLOCKED
        for start in range(0, whole, _CHUNK):
            part = flat[start : min(start + _CHUNK, whole)]
            part[...] = normals.box_muller64(self.draws(part.size), mean, std)
        if whole != flat.size:
            self.draws(flat.size - whole)
            flat[-_BLOCKED:] = normals.box_muller64(self.draws(_BLOCKED), mean, std)

    def _workspace(self, pairs: int) -> normals.Workspace:
        if pairs < 512:
            return normals.Workspace(pairs)
        if self._work is None:
            self._work = normals.Workspace(normals.PAIRS)
        return self._work

    # Integers

    def random(self, out: np.ndarray, low: int, high: int) -> None:
        """Fill with integers ``low .. high - 1``, cast to the dtype of ``out``."""
        low, high = integers.bounds(out.dtype, low, high)
        with self._lock:
            _fill(out, lambda flat: integers.fill(self, flat, low, high - low))

    def random_from(self, out: np.ndarray, low: int) -> None:
        """Fill with integers from ``low`` up to and including the largest of the dtype."""
        low, span = integers.bounds_from(out.dtype, low)
        with self._lock:
            _fill(out, lambda flat: integers.fill(self, flat, low, span))

    def random_full(self, out: np.ndarray) -> None:
        """Fill with non-negative integers that the dtype represents exactly."""
        span = integers.full_span(out.dtype)
        with self._lock:
            _fill(out, lambda flat: integers.fill(self, flat, 0, span, wide=span > 1 << 32))

    def randint(self, low: int, high: int, shape: Any, dtype: Any = np.int64) -> np.ndarray:
        """Return integers ``low .. high - 1``."""
        out = np.empty(shape, dtype)
        self.random(out, low, high)
        return out

    def randperm(self, n: int) -> np.ndarray:
        """Return a random permutation of ``0 .. n - 1`` as int64."""
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
        if n <= 1:
            return np.zeros(n, np.int64)
        with self._lock:
            if n < ((1 << 32) - 1) // 20:
                return permutation.exchange(self.words(n - 1), n)
            return permutation.insert(self.draws, n)

    # Bernoulli

    def bernoulli(self, out: np.ndarray, p: float) -> None:
        """Fill with 1 with probability ``p``, else 0."""
        _check_probability(p)
        if out.dtype in _PART:
            name = scalar_type_name(out.dtype)
            raise NotImplementedError(f"\"bernoulli_scalar_cpu_\" not implemented for '{name}'")
        with self._lock:
            _fill(out, lambda flat: self._bernoulli(flat, p))

    def bernoulli_mask(self, shape: Any, p: float) -> np.ndarray:
        """Return a boolean array, True with probability ``p``; draws as :meth:`bernoulli`."""
        _check_probability(p)
        out = np.empty(shape, np.bool_)
        if 0 < out.size < _CHUNK:
            draws = self.draws(out.size)
            draws &= _MASK53
            np.less(draws, np.uint64(math.ceil(p * 2.0**53)), out=out.reshape(-1))
        else:
            self.bernoulli(out, p)
        return out

    def _bernoulli(self, flat: np.ndarray, p: float) -> None:
        threshold = np.uint64(math.ceil(p * 2.0**53))  # u < p  is  bits < ceil(p * 2**53)
        direct = flat.dtype == np.bool_
        for start in range(0, flat.size, _CHUNK):
            part = flat[start : start + _CHUNK]
            draws = self.draws(part.size)
            draws &= _MASK53
            if direct:
                np.less(draws, threshold, out=part)
            else:
                np.copyto(part, draws < threshold, casting="unsafe")

    def bernoulli_tensor(self, p: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return 1 with the probability given for each element, else 0.

        Args:
            p: probabilities, floating; broadcast to ``out``.
            out: the array to fill, of any dtype; a new contiguous one by default.
        """
        if p.dtype not in _FLOATING:
            name = scalar_type_name(p.dtype)
            raise NotImplementedError(f"\"bernoulli_tensor_cpu_p_\" not implemented for '{name}'")
        if out is None:
            out = np.empty(p.shape, p.dtype)
        if p.shape != out.shape:
            p = np.broadcast_to(p, out.shape)
        if not out.size:
            return out
        if not ((p >= 0) & (p <= 1)).all():
            raise RuntimeError(
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error "
                "message be improved?  If so, please report an enhancement request to PyTorch.)"
            )
        strides = out.strides
        order = sorted(range(out.ndim), key=lambda axis: -abs(strides[axis]))
        chances = np.ascontiguousarray(p.transpose(order)).reshape(-1)
        with self._lock:
            _fill(out, lambda flat: self._bernoulli_each(flat, chances))
        return out

    def _bernoulli_each(self, flat: np.ndarray, chances: np.ndarray) -> None:
        double = chances.dtype == _F64
        for start in range(0, flat.size, _CHUNK):
            part = flat[start : start + _CHUNK]
            chance = chances[start : start + _CHUNK]
            if double:
                uniform = normals.unit64(self.draws(part.size))
            else:
                words = self.words(part.size)
                words &= _MASK24
                uniform = words.view(np.int32).astype(np.float32)
                uniform *= _TO_UNIT
                chance = chance.astype(np.float32, copy=False)
            np.copyto(part, uniform < chance, casting="unsafe")

    # Other distributions

    def exponential(self, out: np.ndarray, lam: float = 1.0) -> None:
        """Fill with exponential numbers: ``-1/lam * log(1 - u)``."""
        sampling.exponential(self, out, lam)

    def geometric(self, out: np.ndarray, p: float) -> None:
        """Fill with the number of trials up to the first success of probability ``p``."""
        sampling.geometric(self, out, p)

    def cauchy(self, out: np.ndarray, median: float = 0.0, sigma: float = 1.0) -> None:
        """Fill with Cauchy numbers: ``median + sigma * tan(pi * (u - 1/2))``."""
        sampling.cauchy(self, out, median, sigma)

    def log_normal(self, out: np.ndarray, mean: float = 1.0, std: float = 2.0) -> None:
        """Fill with ``exp(z * std + mean)``, ``z`` standard normal."""
        sampling.log_normal(self, out, mean, std)

    def multinomial(self, p: np.ndarray, n: int, replacement: bool = False) -> np.ndarray:
        """Return ``n`` indices for each row of weights, as int64."""
        return sampling.multinomial(self, p, n, replacement)

    def poisson(self, lam: np.ndarray) -> np.ndarray:
        """Return Poisson counts of the given rates, contiguous and of the same dtype."""
        return sampling.poisson(self, lam)

    def fill_from_units(self, out: np.ndarray, function: Any) -> None:
        """Fill with ``function(u)`` of float64 ``u`` in [0, 1), one draw for each element."""

        def produce(flat: np.ndarray) -> None:
            for start in range(0, flat.size, _CHUNK):
                part = flat[start : start + _CHUNK]
                _store(part, function(normals.unit64(self.draws(part.size))))

        with self._lock, np.errstate(all="ignore"):
            _fill(out, produce)

    def fill_from_normals(self, out: np.ndarray, function: Any, mean: float, std: float) -> None:
        """Fill with ``function(z * std + mean)`` of float64 normals made one after another."""

        def produce(flat: np.ndarray) -> None:
            _store(flat, function(self.serial_normals(flat.size, mean, std)))

        with self._lock, np.errstate(all="ignore"):
            _fill(out, produce)


def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
