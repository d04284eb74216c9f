"""Compares what two runs of a case recorded, within tolerances that each have their reason."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from differential_describe import Description

#: Units in the last place that one float operation may differ by. Both sides compute elementary
#: functions within a few units but not the same ones (NumPy's SIMD exp, SLEEF's, libm's).
POINTWISE_UNITS = 4
#: Units, at the largest magnitude in the tensor, where sums are involved: the order of additions
#: differs (pairwise, blocked, by lanes), so rounding does; with n terms it grows by sqrt(n).
SUM_UNITS = 16
#: Gradients and second gradients are sums of products of such values.
GRADIENT_UNITS = 32
SECOND_UNITS = 128
#: In half precision PyTorch rounds after every operation of a formula, so each may add half a unit.
HALF_UNITS = {"forward": 1, "first": 8, "second": 32}
#: Kind "coarse": PyTorch's own float64 derivatives are good to single precision only (the series of
#: its trigamma, the 1/6 of hardsigmoid that it keeps in float32).
COARSE_UNITS = 2.0**29
#: Twenty optimizer steps or whole programs feed rounding back into the next step.
TRAINING_UNITS = 4096

#: The errors by which rushlight names what it does not have.
ABSENT = ("MissingFromRushlight", "MissingModuleError")

EPS = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52,
       "complex64": 2.0**-23, "complex128": 2.0**-52}  # fmt: skip


class Comparison:
    """Walks over two descriptions of the same result; counts and yields what differs."""

    def __init__(self) -> None:
        self.count = 0

    def case(self, kind: str, real: list, ours: list) -> Iterator[str]:
        """Differences between two recorded runs of one case.

        What rushlight says it does not have is neither compared nor counted: that a function
        vanished shows in the number of comparisons.
        """
        if any(d[0] == "error" and d[1] in ABSENT for _, d in ours):
            return
        mine = dict(ours)
        for label, expected in real:
            if label not in mine:
                # PyTorch's fused backward nodes hang in the graph even where the derivative is
                # constant; ours do not. Zero and nothing are the same second derivative.
                if not label.endswith(" warnings") and not (
                    "second" in label and nothing(expected)
                ):
                    yield f"{label}: PyTorch has {short(expected)}, rushlight has no such result"
                continue
            yield from (f"{label}: {d}" for d in self.value(kind, label, expected, mine[label]))
        theirs = dict(real)
        for label, found in ours:
            if label not in theirs and not label.endswith(" warnings"):
                yield f"{label}: rushlight has {short(found)}, PyTorch has no such result"

    def value(
        self, kind: str, label: str, expected: Description, found: Description
    ) -> Iterator[str]:
        self.count += 1
        if "second" in label and nothing(expected) and nothing(found):
            return
        if expected[0] != found[0]:
            yield f"expected {short(expected)}, found {short(found)}"
            return
        what = expected[0]
        if what == "tensor":
            for (fact, e), (_, f) in zip(expected[1], found[1], strict=True):
                # A gradient's own strides are PyTorch's business (some are expanded); `.grad`'s
                # are compared by the autograd cases.
                if e != f and not ("gradient" in label and fact == "strides"):
                    yield f"{fact}: expected {e}, found {f}"
            dtype = dict(expected[1])["dtype"].removeprefix("torch.")
            yield from self.arrays(kind, label, dtype, expected[2].array, found[2].array)
        elif what in ("array", "number"):
            if expected[1] != found[1]:
                yield f"expected a {expected[1]}, found a {found[1]}"
            dtype = str(expected[2].array.dtype)
            if label.startswith("line"):
                dtype = "float32"
            yield from self.arrays(kind, label, dtype, expected[2].array, found[2].array)
        elif what in ("list", "dict"):
            if expected[1] != found[1]:
                yield f"expected a {expected[1]}, found a {found[1]}"
            if len(expected[2]) != len(found[2]):
                yield f"expected {len(expected[2])} parts, found {len(found[2])}"
            for number, (e, f) in enumerate(zip(expected[2], found[2], strict=False)):
                if what == "dict":
                    if e[0] != f[0]:
                        yield f"expected key {e[0]}, found {f[0]}"
                    e, f, number = e[1], f[1], e[0]
                yield from (f"[{number}] {d}" for d in self.value(kind, label, e, f))
        elif expected != found:
            yield f"expected {short(expected)}, found {short(found)}"

    def arrays(
        self, kind: str, label: str, dtype: str, expected: np.ndarray, found: np.ndarray
    ) -> Iterator[str]:
        if expected.shape != found.shape:
            yield f"values: expected shape {expected.shape}, found {found.shape}"
            return
        if dtype not in EPS or kind == "exact":
            if expected.tobytes() != found.tobytes() and not same(expected, found):
                yield f"values: expected {show(expected)}, found {show(found)}"
            return
        with np.errstate(all="ignore"):
            if (wrong := self.outside(kind, label, dtype, expected, found)).any():
                where = tuple(int(n) for n in np.argwhere(wrong)[0])
                yield (f"values: at {where} expected {expected[where]!r}, found {found[where]!r}"
                       f" ({int(wrong.sum())} of {wrong.size} differ)")

    def outside(
        self, kind: str, label: str, dtype: str, expected: np.ndarray, found: np.ndarray
    ) -> np.ndarray:
        wide = np.complex128 if expected.dtype.kind == "c" else np.float64
        e, f = expected.astype(wide), found.astype(wide)
        finite = np.isfinite(e) & np.isfinite(f)
        scale = np.abs(e)
        units: float = POINTWISE_UNITS
        if "second" in label or kind == "second":
            units = SECOND_UNITS
        elif "first" in label or kind == "first":
            units = GRADIENT_UNITS
        elif kind in ("sum", "coarse", "training", "program"):
            units = SUM_UNITS
        if kind in ("training", "program"):
            units = TRAINING_UNITS
        if units != POINTWISE_UNITS and finite.any():
            scale = np.maximum(scale, np.abs(e[finite]).max())
        if dtype in ("float16", "bfloat16"):
            units = HALF_UNITS[next((w for w in ("first", "second") if w in label), "forward")]
        if kind == "coarse" and dtype == "float64" and "gradient" in label:
            units = COARSE_UNITS
        tiny = 2.0**-149 if dtype == "float32" else 0.0
        bad = np.abs(np.where(finite, e - f, 0)) > units * EPS[dtype] * scale + tiny
        return bad | (~finite & ~((e == f) | (np.isnan(e) & np.isnan(f))))


def nothing(description: Description) -> bool:
    """Whether this is None, zero, or a list of such."""
    if description[0] == "list":
        return all(nothing(part) for part in description[2])
    if description[0] == "tensor":
        return not description[2].array.any()
    return bool(description == ("text", "None"))


def same(expected: np.ndarray, found: np.ndarray) -> bool:
    """Bitwise but for the sign and payload of NaN."""
    if expected.dtype.kind not in "fc":
        return bool(np.array_equal(expected, found))
    return bool(np.array_equal(expected, found, equal_nan=True))


def show(array: np.ndarray) -> str:
    return np.array2string(array, threshold=12).replace("\n", " ")


def short(description: Description) -> str:
    what = description[0]
    if what == "error":
        return f"{description[1]}: {description[2]}"
    if what == "tensor":
        facts = dict(description[1])
        text = f"{facts['dtype']} {facts['shape']} {show(description[2].array)}"
    elif what in ("list", "dict"):
        text = f"{description[1]} of {len(description[2])}"
    else:
        text = repr(description[1:])
    return text if len(text) < 160 else text[:160] + "..."
