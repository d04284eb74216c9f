"""Complex numbers from parts, and the parts of complex numbers.

The gradient of a real loss L towards a complex z = a + ib is dL/da + i dL/db.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor
from .._define.kinds import linear
from .._tensor.registry import METHODS, public
from ..autograd import inplace


def _join(x: Any, y: Any) -> Any:
    shape = np.broadcast_shapes(x.shape, y.shape)
    _core.ctx.complex = True
    out = np.empty(shape, np.complex128 if x.dtype == _dtypes.FLOAT64 else np.complex64)
    out.real, out.imag = x, y
    return out


real_row = linear(
    "real", lambda x: x.real, "_real(Tensor(a) self) -> Tensor(a)", view=True, public=False,
    x=lambda k, g: k.complex(g, k.zeros_like_(g)), node="SelectBackward0",
)  # fmt: skip
imag_row = linear(
    "imag", lambda x: x.imag, "_imag(Tensor(a) self) -> Tensor(a)", view=True, public=False,
    x=lambda k, g: k.complex(k.zeros_like_(g), g), node="SelectBackward0",
)  # fmt: skip
complex_row = linear(
    "complex", _join, "complex(Tensor real, Tensor imag) -> Tensor", inputs=("x", "y"),
    x=lambda k, g: k.real(g), y=lambda k, g: k.imag(g), broadcasts=(0, 1), public=False,
    own_complex=True,
)  # fmt: skip
conj_row = linear(
    "conj", lambda x: np.conjugate(x) if x.dtype.kind == "c" else x.copy(),
    "conj_physical(Tensor self) -> Tensor", x=lambda k, g: k.conj(g),
    own_complex=True, public=False,
)  # fmt: skip


def conj(input: Any) -> Any:
    """The complex conjugate; a real tensor itself."""
    return conj_row.call(input) if input._data.dtype.kind == "c" else input


def conj_physical(input: Any) -> Any:
    """The complex conjugate, as `conj`: rushlight knows no other kind."""
    return conj(input)


def complex(real: Tensor, imag: Tensor, *, out: Any = None) -> Tensor:
    """Complex numbers from their real and imaginary parts.

    Raises:
        RuntimeError: the parts are not floating point or of different dtypes.

    Source: https://pytorch.org/docs/stable/generated/torch.complex.html

    >>> import rushlight as torch
    >>> torch.complex(torch.tensor([1.]), torch.tensor([2.]))
    tensor([1.+2.j])
    """
    for position, (name, value) in enumerate((("real", real), ("imag", imag))):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"complex(): argument '{name}' (position {position + 1}) must be Tensor, not "
                f"{type(value).__name__}"
            )
    first, second = _core.dtype_of(real), _core.dtype_of(imag)
    known = (_dtypes.float16, _dtypes.float32, _dtypes.float64)
    if first not in known or second not in known:
        raise RuntimeError(
            "Expected both inputs to be Half, Float or Double tensors but got "
            f"{first.type_name} and {second.type_name}"
        )
    if first is not second:
        raise RuntimeError(
            f"Expected object of scalar type {first.type_name} but got scalar type "
            f"{second.type_name} for second argument"
        )
    if first is _dtypes.float16:
        raise NotImplementedError("torch.complex of float16: rushlight has no complex32")
    result = complex_row.call(real, imag)
    if out is None:
        return result
    from ..autograd.inplace import write_out

    return write_out(complex_row, result, out)


def real(input: Any) -> Any:
    """The real part as a view; a real tensor itself."""
    return real_row.call(input) if input._data.dtype.kind == "c" else input


def imag(input: Any) -> Any:
    """The imaginary part as a view.

    Raises:
        RuntimeError: the tensor is real.
    """
    if input._data.dtype.kind != "c":
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return imag_row.call(input)


def _set_part(part: Any) -> Any:
    def setter(self: Any, value: Any) -> None:
        part(self).copy_(value)

    return setter


for _function in (complex, real, imag, conj, conj_physical):
    _function.__module__ = "torch"
    public(_function.__name__, _function, method=_function in (conj, conj_physical))
METHODS["real"] = property(real, _set_part(real))
METHODS["imag"] = property(imag, _set_part(imag))


# ---- pairs of numbers seen as complex ones, and the reverse -------------------------------------


def _complex_check(x: Any) -> tuple[()]:
    if x.dtype not in (_dtypes.FLOAT32, _dtypes.FLOAT64):
        if x.dtype == np.float16:
            raise NotImplementedError(
                "torch.view_as_complex of float16: rushlight has no complex32"
            )
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            f"tensor of scalar type: {_dtypes.from_numpy(x.dtype).type_name}"
        )
    if not x.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if x.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if not x.size:
        return ()
    if x.strides[-1] != x.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(s % (2 * x.itemsize) for s in x.strides[:-1]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    return ()


def _as_complex(x: Any) -> Any:
    _core.ctx.complex = True
    kind = np.dtype(np.complex128 if x.dtype == _dtypes.FLOAT64 else np.complex64)
    return x.view(kind)[..., 0]


def _as_real(x: Any) -> Any:
    if x.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return x[..., None].view(x.real.dtype)


view_as_complex = linear(
    "view_as_complex", _as_complex, "view_as_complex(Tensor(a) self) -> Tensor(a)", view=True,
    check=_complex_check, x=lambda k, g: k.view_as_real(k.contiguous(g)), own_complex=True,
)  # fmt: skip
view_as_real = linear(
    "view_as_real", _as_real, "view_as_real(Tensor(a) self) -> Tensor(a)", view=True,
    x=lambda k, g: k.view_as_complex(k.contiguous(g)), own_complex=True,
)  # fmt: skip
public("view_as_complex", view_as_complex, method=False)
public("view_as_real", view_as_real, method=False)


def resolve_conj(input: Any) -> Any:
    """`input` itself: conjugates are never kept as a mark here."""
    return input


def is_conj(input: Any) -> bool:
    """False: rushlight conjugates at once."""
    return False


def is_neg(input: Any) -> bool:
    """False: rushlight negates at once."""
    return False


public("resolve_conj", resolve_conj)
public("resolve_neg", lambda input: input)
public("is_conj", is_conj)
public("is_neg", is_neg)
public("conj_physical_", inplace.twin(conj_row, "conj_physical_"))
