"""Tensor text: what `repr`, `str` and `format` of a tensor say, byte for byte as PyTorch prints it.

Works on NumPy arrays and plain facts (a dtype's name, a node's name), so that it imports nothing
of the tensor machinery. The printed elements are formatted once each, as Python floats: half,
bfloat16 and float32 values convert to double without loss, and PyTorch chooses between fixed and
scientific notation in double too.
"""

from __future__ import annotations

from contextlib import contextmanager
from math import floor, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["format_tensor", "format_value", "get_printoptions", "printoptions", "set_printoptions"]


class _Options:
    """The process-wide print options."""

    __slots__ = ("edgeitems", "linewidth", "precision", "sci_mode", "threshold")

    def __init__(self) -> None:
        self.precision = 4
        self.threshold: float = 1000
        self.edgeitems = 3
        self.linewidth = 80
        self.sci_mode: bool | None = None


_OPTIONS = _Options()

# profile -> (precision, threshold, edgeitems, linewidth)
_PROFILES = {
    "default": (4, 1000, 3, 80),
    "short": (2, 1000, 2, 80),
    "full": (4, float("inf"), 3, 80),
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed; what is None stays, except `sci_mode`, which None resets.

    Args:
        precision: digits after the point (default 4).
        threshold: number of elements above which a tensor is summarised (default 1000).
        edgeitems: elements shown at each end of a summarised dimension (default 3).
        linewidth: columns after which a line is broken (default 80).
        profile: "default", "short" or "full", in any case; sets the four options above first.
        sci_mode: True or False forces scientific notation on or off, None chooses by the values.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.set_printoptions.html

    >>> with printoptions():
    ...     set_printoptions(precision=2)
    ...     format_tensor(np.array([1.125, 2.0], np.float32), dtype_name="float32")
    'tensor([1.12, 2.00])'
    """
    options = _OPTIONS
    if profile is not None:
        if not isinstance(profile, str):
            profile = ""
        chosen = _PROFILES.get(profile.lower())
        if chosen is not None:
            options.precision, options.threshold, options.edgeitems, options.linewidth = chosen
    if precision is not None:
        options.precision = precision
    if threshold is not None:
        options.threshold = threshold
    if edgeitems is not None:
        options.edgeitems = edgeitems
    if linewidth is not None:
        options.linewidth = linewidth
    options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """Return the current print options as a dictionary of `set_printoptions`' arguments.

    Source: `torch._tensor_str.get_printoptions`

    >>> get_printoptions()["precision"]
    4
    """
    return {
        "precision": _OPTIONS.precision,
        "threshold": _OPTIONS.threshold,
        "edgeitems": _OPTIONS.edgeitems,
        "linewidth": _OPTIONS.linewidth,
        "sci_mode": _OPTIONS.sci_mode,
    }


@contextmanager
def printoptions(**kwargs: Any) -> Iterator[None]:
    """Set print options for the length of a `with` block and restore the old ones after it.

    Args:
        kwargs: as for `set_printoptions`.

    Source: `torch._tensor_str.printoptions`

    >>> with printoptions(sci_mode=True):
    ...     format_tensor(np.array(1.5, np.float32), dtype_name="float32")
    'tensor(1.5000e+00)'
    """
    old = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        set_printoptions(**old)


def format_tensor(
    data: np.ndarray[Any, Any],
    *,
    dtype_name: str,
    default_dtype_name: str = "float32",
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    prefix: str = "tensor(",
    indent: int = 0,
    tangent: object = None,
    is_parameter: bool = False,
    device: str | None = None,
    contents: str | None = None,
) -> str:
    """Return a tensor's `repr` as PyTorch writes it, under the current print options.

    Shape: `data` of any shape; a "meta" tensor needs only the shape of its array.

    Args:
        data: the elements; conjugation and negation already resolved.
        dtype_name: the dtype without module, such as "bfloat16".
        default_dtype_name: the default floating dtype, which is not named in the text.
        requires_grad: shown only where there is no `grad_fn_name`.
        grad_fn_name: what stands between the angle brackets, such as "AddBackward0" or "Invalid".
        prefix: opening text; a subclass writes its own name, such as "Mine(".
        indent: columns already taken to the left of the prefix.
        tangent: the forward-mode tangent, put into the text by `format`.
        is_parameter: whether the line "Parameter containing:" goes before.
        device: None for the CPU, else the text for `device=`; "meta" shows no elements.
        contents: text to show instead of the elements.

    Source: https://docs.pytorch.org/docs/stable/tensors.html

    >>> format_tensor(np.eye(2), dtype_name="float64", requires_grad=True)
    'tensor([[1., 0.],\\n        [0., 1.]], dtype=torch.float64, requires_grad=True)'
    """
    options = _OPTIONS
    ndim = data.ndim
    size = data.size
    left = indent + len(prefix)
    is_meta = device == "meta"

    suffixes: list[str] = []
    if device is not None:
        suffixes.append(f"device='{device}'")
    if is_meta or (ndim != 1 if size == 0 else not options.edgeitems):
        suffixes.append(f"size={tuple(data.shape)}")
    if dtype_name != default_dtype_name and (
        is_meta or size == 0 or not _is_default(dtype_name, default_dtype_name)
    ):
        suffixes.append(f"dtype=torch.{dtype_name}")
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    if tangent is not None:
        suffixes.append(f"tangent={tangent}")

    if contents is None:
        if is_meta:
            contents = "..."
        elif size == 0:
            contents = "[]"
        else:
            contents = _format_elements(data, left)

    text = prefix + contents
    if suffixes:
        text = _add_suffixes(text, suffixes, indent, left)
    text += ")"
    if is_parameter:
        if prefix != "tensor(":
            text = f"Parameter({text})"
        return "Parameter containing:\n" + text
    return text


def format_value(data: np.ndarray[Any, Any], spec: str, tensor: object) -> str:
    """Return `format(tensor, spec)`: a 0-d tensor formats its number, any other as an object does.

    For exact `Tensor` instances; PyTorch formats subclasses, Parameter included, and meta tensors
    by `object.__format__` even where they are 0-d.

    Args:
        data: the elements.
        spec: the format specification.
        tensor: the tensor itself.

    Raises:
        TypeError: a specification for a tensor that has dimensions.
        ValueError: a specification that does not fit the number.

    >>> format_value(np.array(2.5, np.float32), ".2f", None)
    '2.50'
    """
    if data.ndim == 0:
        value = data.item()
        # `item` of an extension dtype (bfloat16) may stay a NumPy scalar
        return format(float(value) if data.dtype.kind == "V" else value, spec)
    return object.__format__(tensor, spec)


def _is_default(dtype_name: str, default_dtype_name: str) -> bool:
    """Whether a tensor that has elements leaves this dtype, not the default one, unnamed."""
    if dtype_name == "int64" or dtype_name == "bool":
        return True
    return dtype_name == ("complex128" if default_dtype_name == "float64" else "complex64")


def _add_suffixes(text: str, suffixes: list[str], indent: int, left: int) -> str:
    """Append the keyword-like suffixes, each on a new line where it would pass the line width."""
    linewidth = _OPTIONS.linewidth
    newline = text.rfind("\n")
    # the last line's length and two columns more, as PyTorch reckons it
    column = len(text) - newline + 1 + (indent if newline < 0 else 0)
    parts = [text]
    for suffix in suffixes:
        if column + len(suffix) + 2 > linewidth:
            parts.append(",\n" + " " * left + suffix)
            column = left + len(suffix)
        else:
            parts.append(", " + suffix)
            column += len(suffix) + 2
    return "".join(parts)


def _format_elements(data: np.ndarray[Any, Any], left: int) -> str:
    """Return the bracketed elements of a non-empty array, the first bracket at column `left`."""
    options = _OPTIONS
    edge = options.edgeitems
    shape = data.shape
    cut = [False] * data.ndim
    if shape and data.size > options.threshold:
        if not edge:
            return "[...]"
        cut = [length > 2 * edge for length in shape]
        if True in cut:
            kept = [
                [*range(length)[:edge], *range(length)[-edge:]] if short else range(length)
                for length, short in zip(shape, cut, strict=True)
            ]
            data = data[np.ix_(*kept)]
            shape = data.shape

    kind = data.dtype.kind
    if kind in "biu":
        cells = list(map(str, data.reshape(-1).tolist()))
        width = max(map(len, cells))
    elif kind == "c":
        flat = data.reshape(-1)
        real, real_width = _format_floats(flat.real.tolist())
        imag, imag_width = _format_floats(flat.imag.tolist())
        real = [cell.rjust(real_width) for cell in real]
        cells = [
            f"{re}{im}j" if im[0] == "-" else f"{re}+{im}j"
            for re, im in zip(real, imag, strict=True)
        ]
        # one column short of the cell, as PyTorch reckons: long complex lines pass the line width
        width = real_width + imag_width + 1
    else:
        values = data.reshape(-1).tolist()
        if kind == "V":
            # bfloat16 scalars; not `astype`, which warns of signalling NaNs
            values = list(map(float, values))
        cells, width = _format_floats(values)
    if not shape:
        return cells[0].rjust(width)
    if kind != "c":
        cells = [cell.rjust(width) for cell in cells]

    per_line = max(1, floor((options.linewidth - left - len(shape) + 1) / (width + 2)))
    return _nest(cells, shape, cut, left, per_line)


def _format_floats(values: list[float]) -> tuple[list[str], int]:
    """Return the unpadded texts of floats that are printed together, and their common width.

    The notation is decided, and the width taken, over the finite values other than zero; with no
    such value the width is 1, so that rows of zeros and infinities do not line up.
    """
    options = _OPTIONS
    precision = options.precision
    deciding = [value for value in values if value and isfinite(value)]
    if not deciding:
        return [_format_whole(value) for value in values], 1

    magnitudes = list(map(abs, deciding))
    low = min(magnitudes)
    high = max(magnitudes)
    whole = all(map(float.is_integer, deciding))
    scientific = options.sci_mode
    if scientific is None:
        scientific = high / low > 1000.0 or high > 1.0e8 or (not whole and low < 1.0e-4)

    if scientific:
        cells = list(map(f"{{:.{precision}e}}".format, values))
    elif whole:
        cells = list(map("{:.0f}.".format, values))
    else:
        cells = list(map(f"{{:.{precision}f}}".format, values))
    if len(deciding) == len(values):
        return cells, max(map(len, cells))
    width = max(
        len(cell) for cell, value in zip(cells, values, strict=True) if value and isfinite(value)
    )
    if whole and not scientific:
        cells = [
            cell if isfinite(value) else cell[:-1]
            for cell, value in zip(cells, values, strict=True)
        ]
    return cells, width


def _format_whole(value: float) -> str:
    return f"{value:.0f}." if isfinite(value) else f"{value:.0f}"


def _nest(
    cells: list[str], shape: tuple[int, ...], cut: list[bool], left: int, per_line: int
) -> str:
    """Bracket a flat list of cells into nested rows, innermost dimension first."""
    depth = len(shape) - 1
    length = shape[depth]
    separator = ",\n" + " " * (left + depth + 1)
    blocks = []
    for start in range(0, len(cells), length):
        row = cells[start : start + length]
        if cut[depth]:
            row.insert(length // 2, " ...")
        if len(row) <= per_line:
            blocks.append("[" + ", ".join(row) + "]")
        else:
            lines = [", ".join(row[i : i + per_line]) for i in range(0, len(row), per_line)]
            blocks.append("[" + separator.join(lines) + "]")
    for depth in range(len(shape) - 2, -1, -1):
        length = shape[depth]
        separator = "," + "\n" * (len(shape) - 1 - depth) + " " * (left + depth + 1)
        outer = []
        for start in range(0, len(blocks), length):
            group = blocks[start : start + length]
            if cut[depth]:
                group.insert(length // 2, "...")
            outer.append("[" + separator.join(group) + "]")
        blocks = outer
    return blocks[0]
