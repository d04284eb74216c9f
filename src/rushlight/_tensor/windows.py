"""Window functions: the weights with which a piece of a signal is faded in and out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _dtypes
from .._core import Tensor
from .._kernels import bessel
from .options import OPTIONS, finish
from .registry import overloaded


def _window(name: str, shape: Any) -> Any:
    """``make(length, periodic, *parameters, *options)`` for weights ``shape(places, n, ...)``."""

    def make(length: int, periodic: bool, parameters: tuple[Any, ...], *options: Any) -> Tensor:
        dtype, *rest = options
        if length < 0:
            raise RuntimeError(
                f"{name} requires non-negative window_length, got window_length={length}"
            )
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise RuntimeError(
                f"{name} expects floating point dtypes, got: TensorOptions(dtype="
                f"{_CPP.get(dtype.name, dtype.name)}, device=cpu, layout=Strided (default), "
                "requires_grad=false (default), pinned_memory=false, memory_format=(nullopt))"
            )
        numpy = _dtypes.default.numpy if dtype is None else dtype.numpy
        if length <= 1:
            return finish(np.ones(length, numpy), *rest)
        n = length if periodic else length - 1
        work = np.float64 if numpy == _dtypes.FLOAT64 else np.float32
        # Each step in the precision of the result, in PyTorch's order: it shows where terms cancel.
        places = np.arange(length, dtype=work)
        return finish(shape(places, n, *parameters).astype(work).astype(numpy), *rest)

    return make


_CPP = {"int32": "int", "int64": "long int", "bool": "bool", "uint8": "unsigned char",
        "int8": "signed char", "int16": "short int"}  # fmt: skip


def _cosine(places: Any, n: int, alpha: float, beta: float) -> Any:
    """``alpha - beta cos(2 pi i / n)``"""
    return np.cos(places * (2 * math.pi / n)) * -beta + alpha


def _two_cosines(places: Any, n: int) -> Any:
    """``0.42 - 0.5 cos(2 pi i / n) + 0.08 cos(4 pi i / n)``"""
    turns = places * (math.pi / n)
    return np.cos(turns * 4) * 0.08 - np.cos(turns * 2) * 0.5 + 0.42


def _kaiser(places: Any, n: int, beta: float) -> Any:
    ratio = places * (2 / n) - 1
    return bessel.i0(beta * np.sqrt(np.maximum(1 - ratio * ratio, 0))) / bessel.i0(
        np.array([beta], places.dtype)
    )


_hann = _window("hann_window", lambda places, n: _cosine(places, n, 0.5, 0.5))
_hamming = _window("hamming_window", _cosine)
_blackman = _window("blackman_window", _two_cosines)
_bartlett = _window("bartlett_window", lambda places, n: 1 - np.abs(places * (2 / n) - 1))
_kaiser_window = _window("kaiser_window", _kaiser)


def _simple(name: str, make: Any) -> None:
    overloaded(
        name,
        (f"{name}(int window_length, *, {OPTIONS}) -> Tensor",
         lambda n, *options: make(n, True, (), *options)),
        (f"{name}.periodic(int window_length, bool periodic, *, {OPTIONS}) -> Tensor",
         lambda n, periodic, *options: make(n, periodic, (), *options)),
        method=False,
    )  # fmt: skip


_simple("hann_window", _hann)
_simple("blackman_window", _blackman)
_simple("bartlett_window", _bartlett)
_START = "int window_length, bool periodic"
overloaded(
    "hamming_window",
    (f"hamming_window(int window_length, *, {OPTIONS}) -> Tensor",
     lambda n, *options: _hamming(n, True, (0.54, 0.46), *options)),
    (f"hamming_window.periodic({_START}, *, {OPTIONS}) -> Tensor",
     lambda n, periodic, *options: _hamming(n, periodic, (0.54, 0.46), *options)),
    (f"hamming_window.periodic_alpha({_START}, float alpha, *, {OPTIONS}) -> Tensor",
     lambda n, periodic, a, *options: _hamming(n, periodic, (a, 0.46), *options)),
    (f"hamming_window.periodic_alpha_beta({_START}, float alpha, float beta, *, {OPTIONS})"
     " -> Tensor", lambda n, periodic, a, b, *options: _hamming(n, periodic, (a, b), *options)),
    method=False,
)  # fmt: skip
overloaded(
    "kaiser_window",
    (f"kaiser_window(int window_length, *, {OPTIONS}) -> Tensor",
     lambda n, *options: _kaiser_window(n, True, (12.0,), *options)),
    (f"kaiser_window.periodic({_START}, *, {OPTIONS}) -> Tensor",
     lambda n, periodic, *options: _kaiser_window(n, periodic, (12.0,), *options)),
    (f"kaiser_window.beta({_START}, float beta, *, {OPTIONS}) -> Tensor",
     lambda n, periodic, beta, *options: _kaiser_window(n, periodic, (beta,), *options)),
    method=False,
)  # fmt: skip
