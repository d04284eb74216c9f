"""Comparing what tests got with what they expected, and saying how it differs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._core import Tensor

#: Relative and absolute tolerances by dtype; exact for the others.
_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
_NUMBERS = (int, float, complex, np.number)
_BOOLEANS = (bool, np.bool_)
_REPORT = (
    "resulted in the unexpected exception above. If you are a user and see this message during "
    "normal operation please file an issue at https://github.com/pytorch/pytorch/issues. If you "
    "are a developer and working on the comparison functions, please except the previous error "
    "and raise an expressive `ErrorMeta` instead."
)


class _Mismatch(Exception):
    """The first difference: a kind of error and a text."""

    def __init__(self, text: str, where: tuple[Any, ...], kind: Any = AssertionError) -> None:
        super().__init__(text)
        self.where = where
        self.kind = kind

    def error(self, message: Any) -> Exception:
        text = str(self)
        if self.where:
            text += "\n\nThe failure occurred for item " + _path(self.where)
        if callable(message):
            text = message(text)
        elif message:
            text = message
        found: Exception = self.kind(text)
        return found


def _path(where: tuple[Any, ...]) -> str:
    return "".join(f"[{key!r}]" for key in where)


class _Options:
    """How strictly to compare."""

    def __init__(
        self, rtol: float | None, atol: float | None, equal_nan: bool, **checks: bool
    ) -> None:
        if (rtol is None) != (atol is None):
            missing = "rtol" if rtol is None else "atol"
            raise ValueError(
                f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
            )
        self.rtol = rtol
        self.atol = atol
        self.equal_nan = equal_nan
        self.checks = checks

    def tolerances(self, *dtypes: str) -> tuple[float, float]:
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        found = [_TOLERANCES.get(name, (0.0, 0.0)) for name in dtypes]
        return max(r for r, _ in found), max(a for _, a in found)


def _compare(actual: Any, expected: Any, options: _Options, where: tuple[Any, ...]) -> None:
    if (
        isinstance(actual, Sequence) and not isinstance(actual, str)
        and isinstance(expected, Sequence) and not isinstance(expected, str)
    ):  # fmt: skip
        if len(actual) != len(expected):
            raise _Mismatch(
                f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", where
            )
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            _compare(a, e, options, (*where, i))
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        _compare_mappings(actual, expected, options, where)
    else:
        _compare_leaves(actual, expected, options, where)


def _in_order(keys: Any) -> list[Any]:
    try:
        return sorted(keys)
    except TypeError:
        return list(keys)


def _compare_mappings(
    actual: Any, expected: Any, options: _Options, where: tuple[Any, ...]
) -> None:
    missing, additional = set(expected) - set(actual), set(actual) - set(expected)
    if missing or additional:
        raise _Mismatch(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {_in_order(missing)}\n"
            f"Additional keys in the actual mapping: {_in_order(additional)}",
            where,
        )
    for key in _in_order(expected):
        _compare(actual[key], expected[key], options, (*where, key))


def _compare_leaves(actual: Any, expected: Any, options: _Options, where: tuple[Any, ...]) -> None:
    if actual is None or expected is None:
        if actual is not expected:
            raise _Mismatch(f"None mismatch: {actual} is not {expected}", where)
    elif isinstance(actual, _BOOLEANS) and isinstance(expected, _BOOLEANS):
        if bool(actual) is not bool(expected):
            raise _Mismatch(f"Booleans mismatch: {bool(actual)} is not {bool(expected)}", where)
    elif isinstance(actual, _NUMBERS) and isinstance(expected, _NUMBERS):
        _compare_numbers(actual, expected, options, where)
    elif (tensors := _as_tensors(actual, expected, options)) is not None:
        try:
            _compare_tensors(*tensors, options, where)
        except RuntimeError as error:
            shown = _shown(*tensors, options, where)
            raise RuntimeError(f"Comparing\n\n{shown}\n\n{_REPORT}") from error
    else:
        raise _Mismatch(
            f"No comparison pair was able to handle inputs of type {type(actual)} and "
            f"{type(expected)}.",
            where, TypeError,
        )  # fmt: skip


# ---- numbers ------------------------------------------------------------------------------------


def _compare_numbers(
    actual: Any, expected: Any, options: _Options, where: tuple[Any, ...]
) -> None:
    for value in (actual, expected):
        if isinstance(value, bool):
            raise RuntimeError(
                f"Originating a NumberPair() at item {_path(where)} with\n\n"
                f"{type(actual).__name__}(): {actual}\n\nand\n\n"
                f"{type(expected).__name__}(): {expected}\n\n{_REPORT}"
            )
    a = actual.item() if isinstance(actual, np.number) else actual
    e = expected.item() if isinstance(expected, np.number) else expected
    if options.checks["check_dtype"] and type(a) is not type(e):
        raise _Mismatch(f"The (d)types do not match: {type(a)} != {type(e)}.", where)
    names = {int: "int64", float: "float64", complex: "complex128"}
    rtol, atol = options.tolerances(names[type(a)], names[type(e)])
    if a == e or (options.equal_nan and a != a and e != e):
        return
    difference = abs(a - e)
    finite = not (isinstance(difference, float) and math.isinf(difference))
    if finite and difference <= atol + rtol * abs(e):
        return
    raise _Mismatch(_scalar_text(a, e, rtol, atol), where)


def _scalar_text(a: Any, e: Any, rtol: float, atol: float) -> str:
    exact = rtol == 0 and atol == 0
    absolute = abs(a - e)
    relative = math.inf if e == 0 else absolute / abs(e)
    bounds = ("", "") if exact else (f" (up to {atol} allowed)", f" (up to {rtol} allowed)")
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {e} but got {a}.\n"
        f"Absolute difference: {absolute}{bounds[0]}\n"
        f"Relative difference: {relative}{bounds[1]}"
    )


# ---- tensors ------------------------------------------------------------------------------------


def _as_tensors(actual: Any, expected: Any, options: _Options) -> tuple[Any, Any] | None:
    """Both as tensors, where they are of related types that can be."""
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    if not related or (
        not options.checks["allow_subclasses"] and type(actual) is not type(expected)
    ):
        return None
    if isinstance(actual, Tensor) and isinstance(expected, Tensor):
        return actual, expected
    if isinstance(actual, np.ndarray) and isinstance(expected, np.ndarray):
        import rushlight as torch

        try:
            return torch.as_tensor(actual), torch.as_tensor(expected)
        except TypeError:
            return None
    return None


def _shown(actual: Any, expected: Any, options: _Options, where: tuple[Any, ...]) -> str:
    rtol, atol = options.tolerances(actual.dtype.name, expected.dtype.name)
    checks = {n: v for n, v in options.checks.items() if n != "allow_subclasses"}
    fields = {"id": where, "actual": actual, "expected": expected, "rtol": rtol, "atol": atol,
              "equal_nan": options.equal_nan, **checks}  # fmt: skip
    body = "".join(f"    {name}={value!s},\n" for name, value in fields.items())
    return f"TensorLikePair(\n{body})"


def _compare_tensors(
    actual: Any, expected: Any, options: _Options, where: tuple[Any, ...]
) -> None:
    def differ(what: str, a: Any, e: Any) -> None:
        if a != e:
            raise _Mismatch(
                f"The values for attribute '{what}' do not match: {a} != {e}.", where
            )

    checks = options.checks
    differ("shape", actual.shape, expected.shape)
    if checks["check_layout"]:
        differ("layout", actual.layout, expected.layout)
    if checks["check_device"]:
        differ("device", actual.device, expected.device)
    if checks["check_dtype"]:
        differ("dtype", actual.dtype, expected.dtype)
    if checks["check_stride"]:
        differ("stride()", actual.stride(), expected.stride())
    rtol, atol = options.tolerances(actual.dtype.name, expected.dtype.name)
    actual, expected = actual.detach(), expected.detach()
    if actual.dtype != expected.dtype:
        import rushlight as torch

        common = torch.promote_types(actual.dtype, expected.dtype)
        actual, expected = actual.to(common), expected.to(common)
    matches = actual.isclose(expected, rtol=rtol, atol=atol, equal_nan=options.equal_nan)
    if bool(matches.all()):
        return
    if actual.ndim == 0:
        raise _Mismatch(_scalar_text(actual.item(), expected.item(), rtol, atol), where)
    raise _Mismatch(_tensor_text(actual, expected, matches, rtol, atol), where)


def _tensor_text(actual: Any, expected: Any, matches: Any, rtol: float, atol: float) -> str:
    import rushlight as torch

    shape = tuple(actual.shape)
    matches = matches.flatten()
    a, e = actual.flatten(), expected.flatten()
    if not (a.dtype.is_floating_point or a.dtype.is_complex):
        a, e = a.to(torch.int64), e.to(torch.int64)
    absolute = (a - e).abs()
    relative = absolute / e.abs()
    absolute[matches] = 0
    relative[matches] = 0
    wrong, count = int((~matches).sum()), matches.numel()
    exact = rtol == 0 and atol == 0

    def line(name: str, values: Any, bound: float) -> str:
        greatest, index = values.max(0)
        place = tuple(int(i) for i in np.unravel_index(int(index), shape))
        allowed = "" if exact else f" (up to {bound} allowed)"
        return f"Greatest {name} difference: {greatest.item()} at index {place}{allowed}"

    return (
        f"Tensor-likes are not {'equal' if exact else 'close'}!\n\n"
        f"Mismatched elements: {wrong} / {count} ({wrong / count:.1%})\n"
        + line("absolute", absolute, atol) + "\n" + line("relative", relative, rtol)
    )


# ---- public -------------------------------------------------------------------------------------


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None,
    atol: float | None = None, equal_nan: bool = False, check_device: bool = True,
    check_dtype: bool = True, check_layout: bool = True, check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:  # fmt: skip
    """Raise unless ``|actual - expected| <= atol + rtol |expected|`` everywhere.

    Args:
        actual, expected: tensors, numbers, arrays, None, or sequences and mappings of such.
        rtol, atol: both or none; by default they depend on the dtype.
        equal_nan: whether NaN equals NaN.
        msg: the error's text, or what makes it from the usual one.

    Raises:
        AssertionError: they differ.
        TypeError: they cannot be compared.
        ValueError: one tolerance without the other.

    Source: https://docs.pytorch.org/docs/stable/testing.html#torch.testing.assert_close

    >>> import rushlight as torch
    >>> torch.testing.assert_close(torch.tensor([1., 2.]), torch.tensor([1., 2. + 1e-7]))
    >>> torch.testing.assert_close([1, 2], [1, 3], msg="not these")
    Traceback (most recent call last):
    AssertionError: not these
    """
    __tracebackhide__ = True  # as pytest understands it
    options = _Options(
        rtol, atol, equal_nan, check_device=check_device, check_dtype=check_dtype,
        check_layout=check_layout, check_stride=check_stride, allow_subclasses=allow_subclasses,
    )  # fmt: skip
    try:
        _compare(actual, expected, options, ())
    except _Mismatch as mismatch:
        error = mismatch.error(msg)
    else:
        return
    raise error


_OLD_TOLERANCES = {"float16": (1e-3, 1e-3), "float32": (1e-4, 1e-5), "float64": (1e-5, 1e-8)}


def assert_allclose(
    actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None,
    equal_nan: bool = True, msg: str = "",
) -> None:  # fmt: skip
    """Deprecated: :func:`assert_close`."""
    import rushlight as torch

    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a "
        "future release. Please use `torch.testing.assert_close()` instead. You can find detailed "
        "upgrade instructions in https://github.com/pytorch/pytorch/issues/61844.",
        FutureWarning,
        stacklevel=2,
    )
    if not isinstance(actual, Tensor):
        actual = torch.tensor(actual)
    if not isinstance(expected, Tensor):
        expected = torch.tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        pairs = [_OLD_TOLERANCES.get(t.dtype.name, (0.0, 0.0)) for t in (actual, expected)]
        rtol, atol = max(r for r, _ in pairs), max(a for _, a in pairs)
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=True,
        check_dtype=False, check_stride=False, msg=msg or None,
    )  # fmt: skip


assert_close.__module__ = assert_allclose.__module__ = "torch.testing"
