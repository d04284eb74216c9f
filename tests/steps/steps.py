"""Runs a step eagerly and compiled through the same calls and compares all that can be seen."""

from __future__ import annotations

import warnings

import numpy as np

import rushlight as torch
from rushlight.compiler import check
from rushlight.compiler.entry import CompiledFunction


def ramp(start, size=3):
    return torch.arange(size, dtype=torch.float32) + start


def shown(value):
    """What can be seen of a result."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.detach().tolist(), value.requires_grad
    if isinstance(value, list | tuple):
        return [shown(v) for v in value]
    if isinstance(value, dict):
        return {k: shown(v) for k, v in value.items()}
    return value


def attempt(function, *args, **kwargs):
    """What a call returns, or what it raises."""
    try:
        return shown(function(*args, **kwargs))
    except Exception as error:
        return "raised", type(error).__name__, str(error).split("\n")[0][:80]


def each(f, n=7, mk=ramp):
    return [attempt(f, mk(i)) for i in range(n)]


def close(a, b):
    """Equal, numbers to rounding, dictionaries in order."""
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(close(a[k], b[k]) for k in a)
    if isinstance(a, float) and isinstance(b, float):
        if a == b or (a != a and b != b):
            return True
        return abs(a - b) <= 1e-4 * (abs(a) + abs(b)) + 1e-6
    return type(a) is type(b) and a == b


class Scenarios(dict):
    """Makers by name. A maker returns a step and a function that calls it and shows what happens.

    A maker is added with what must become of its step: "plan" (it is compiled and stays so),
    "eager" (it is refused) or None (either, as long as nothing is wrong).
    """

    def add(self, kind=None):
        def register(maker):
            self[maker.__name__] = maker, kind
            return maker

        return register

    def run(self, name):
        maker, kind = self[name]
        enabled, check.enabled = check.enabled, False  # it would run a step's side effects twice
        try:
            wanted, _, _ = self._drive(maker, None)
            found, compiled, said = self._drive(maker, CompiledFunction)
        finally:
            check.enabled = enabled
        assert close(wanted, found), (wanted, found)
        assert torch._core.ctx.handler is None
        assert len(said) <= 1, said
        refused = compiled.compiled.eager
        if refused is not None:
            assert ".py:" in refused
        if kind == "plan":
            assert compiled.compiled.plans and refused is None, refused
        if kind == "eager":
            assert refused is not None and not compiled.compiled.plans

    @staticmethod
    def _drive(maker, compiler):
        np.random.seed(0)
        torch.manual_seed(0)
        step, drive = maker()
        compiled = None if compiler is None else compiler(step, False)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = drive(step if compiled is None else compiled)
        said = [str(w.message) for w in caught if "rushlight.compile" in str(w.message)]
        return found, compiled, said
