"""What the rows of linear algebra share: checks with PyTorch's errors, and pieces of formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtypes
from .._define.kinds import general

# PyTorch's class is torch._C._LinAlgError, and shows that name.
_LinAlgError = type(
    "_LinAlgError", (RuntimeError,),
    {"__module__": "torch._C", "__doc__": "A matrix that an algorithm cannot deal with."},
)  # fmt: skip
LinAlgError: type[RuntimeError] = _LinAlgError


def type_name(x: Any) -> str:
    """The dtype of an array as PyTorch's errors spell it."""
    return _dtypes.from_numpy(x.dtype).type_name


def two_dims(x: Any, name: str, argument: str = "A") -> None:
    if x.ndim < 2:
        raise RuntimeError(
            f"{name}: The input tensor {argument} must have at least 2 dimensions."
        )


def square(x: Any, name: str, argument: str = "A") -> None:
    two_dims(x, name, argument)
    m, n = x.shape[-2:]
    if m != n:
        prefix = f"{name}: " if name else ""
        raise RuntimeError(
            f"{prefix}{argument} must be batches of square matrices, but they are {m} by {n} "
            "matrices"
        )


def floating(x: Any, name: str, kernel: str = "") -> None:
    """Floating point or complex; half precision only where no kernel refuses it."""
    low = x.dtype in _dtypes.LOW_PRECISION
    if x.dtype.kind not in "fc" and not low:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {type_name(x)}"
        )
    if low and kernel:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(x)}'")


def supported(x: Any, kernel: str) -> tuple[()]:
    """The dtypes that LAPACK has; returns no attributes, as a check does."""
    if x.dtype.kind not in "fc" or x.dtype in _dtypes.LOW_PRECISION:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(x)}'")
    return ()


def batch_error(a: tuple[int, ...], b: tuple[int, ...]) -> Exception:
    """Batch dims that differ."""
    from .._define.promote import broadcast_error

    return broadcast_error(a, b)


def batch_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The batch dims of two matrices together."""
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise batch_error(a, b) from None


def is_vector(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether a right side of shape `b` is a batch of vectors for matrices of shape `a`."""
    return len(b) == 1 or (len(a) - 1 == len(b) and tuple(b) == tuple(a[:-1]))


def first_failure(info: Any) -> tuple[str, int] | None:
    """The first number that is not zero, and how errors name its place in the batch."""
    if not info.any():
        return None
    flat = info.reshape(-1)
    at = int(np.flatnonzero(flat)[0])
    return f"(Batch element {at}): " if info.ndim else "", int(flat[at])


# ---- pieces of formulas --------------------------------------------------------------------------


def adjoint(k: Any, x: Any) -> Any:
    """The conjugate transpose."""
    if k.dtype_of(x).kind == "c":
        return k.conj(k.mT(x))
    return k.mT(x)


def fitted(k: Any, g: Any, shape: Any) -> Any:
    """A gradient with the batch dims of its input."""
    if tuple(g.shape) == tuple(shape):
        return g
    return k.sum_to(g, tuple(shape))


def column(k: Any, x: Any) -> Any:
    """Values as columns: (*, n) -> (*, n, 1)."""
    return k.reshape(x, (*x.shape, 1))


def row(k: Any, x: Any) -> Any:
    """Values as rows: (*, n) -> (*, 1, n)."""
    return k.reshape(x, (*x.shape[:-1], 1, x.shape[-1]))


def diagonal_of(k: Any, x: Any) -> Any:
    return k.diagonal(x, 0, len(x.shape) - 2, len(x.shape) - 1)


def diagonal_matrix(k: Any, x: Any) -> Any:
    return k.diag_embed(x, 0, len(x.shape) - 1, len(x.shape))


def columns(k: Any, x: Any, start: int, end: int) -> Any:
    return k.slice(x, len(x.shape) - 1, start, end, 1)


def rows(k: Any, x: Any, start: int, end: int) -> Any:
    return k.slice(x, len(x.shape) - 2, start, end, 1)


def unit(n: int, dtype: Any) -> Any:
    return np.eye(n, dtype=dtype)


def over_gaps(k: Any, x: Any, values: Any) -> Any:
    """``x_ij / (values_j - values_i)``, 0 on the diagonal."""
    n = values.shape[-1]
    eye = k.constant(unit(n, k.dtype_of(values)), values)
    gaps = row(k, values) - column(k, values) + eye
    return (x - x * eye) / gaps


def real_like(k: Any, x: Any, dtype: Any) -> Any:
    """The gradient of a real input: the real part."""
    if dtype.kind != "c" and k.dtype_of(x).kind == "c":
        return k.real(x)
    return x


def _phase_checked(x: Any, text: str) -> Any:
    if np.abs(x.imag).max(initial=0.0) > 1e-2:
        raise RuntimeError(text)
    return x.copy()


phase_checked = general(
    "phase_checked", _phase_checked, "_phase_checked(Tensor self, str text) -> Tensor",
    x=lambda k, g: k.clone(g), public=False,
)  # fmt: skip
