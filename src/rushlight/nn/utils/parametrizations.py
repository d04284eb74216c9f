"""Ready parametrizations: orthogonal matrices, weight norm, spectral norm."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

import numpy as np

from ..._core import Tensor, wrap
from ...autograd.grad_mode import no_grad
from ..functional import normalize
from ..modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..modules.module import Module
from . import _norms, parametrize

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

# ---- orthogonal matrices ------------------------------------------------------------------------


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


def _linalg(name: str) -> Any:
    """A function of `torch.linalg`; behind a property, an AttributeError would name the property.

    Raises:
        NotImplementedError: rushlight lacks it.
    """
    from rushlight import linalg

    try:
        return getattr(linalg, name)
    except AttributeError as error:
        raise NotImplementedError(str(error)) from None


def _reflections(value: Any) -> tuple[Any, Any]:
    """LAPACK's reflections whose product is the Q of a QR decomposition, and their factors."""
    packed, factors = np.linalg.qr(value.detach()._data, mode="raw")
    return wrap(np.swapaxes(packed, -1, -2)), wrap(factors)


def _product(a: Any, factors: Any) -> Any:
    """The first columns of the product of ``I - factor v v^H``, v below the diagonal of `a`."""
    import rushlight as torch

    q: Any = torch.eye(a.size(-2), a.size(-1), dtype=a.dtype).expand_as(a)
    unit: Any = torch.eye(a.size(-2), a.size(-1), dtype=a.dtype)
    vectors = a.tril(-1) + unit
    for i in range(a.size(-1) - 1, -1, -1):
        v = vectors[..., i : i + 1]
        q = q - factors[..., i : i + 1, None] * (v @ (v.mH @ q))
    return q.mT.contiguous().mT  # the layout that LAPACK gives


def _orthogonalized(value: Any) -> Any:
    """The orthogonal factor, with the signs that a positive R would give."""
    a, factors = _reflections(value)
    return _product(a, factors) * a.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _Orthogonal(Module):
    """``base @ map(lower triangle)``, after a transposition where the matrix is wide."""

    base: Any

    def __init__(
        self, weight: Any, orthogonal_map: _OrthMaps, *, use_trivialization: bool = True
    ) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Any) -> Tensor:
        import rushlight as torch

        n, k = x.size(-2), x.size(-1)
        wide = n < k
        if wide:
            x = x.mT
            n, k = k, n
        if self.orthogonal_map == _OrthMaps.householder:
            a = x.tril(diagonal=-1)
            factors = 2.0 / (1.0 + (a * a).sum(dim=-2))
            signs = x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
            q = _product(a, factors) * signs
        else:
            a = x.tril()
            if n != k:
                a = torch.cat([a, a.new_zeros((*a.shape[:-2], n, n - k))], -1)
            a = a - a.mH
            if self.orthogonal_map == _OrthMaps.matrix_exp:
                q = _linalg("matrix_exp")(a)
            else:
                identity: Any = torch.eye(n, dtype=a.dtype)
                q = _linalg("solve")(
                    torch.add(identity, a, alpha=-0.5), torch.add(identity, a, alpha=0.5)
                )
            if n != k:
                q = q[..., :k]
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, value: Any) -> Tensor:
        with no_grad():
            return self._inverse(value)

    def _inverse(self, value: Any) -> Any:
        import rushlight as torch

        if value.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of "
                f"shape {value.shape}."
            )
        n, k = value.size(-2), value.size(-1)
        wide = n < k
        q = value.mT if wide else value
        if wide:
            n, k = k, n
        if not hasattr(self, "base"):
            if self.orthogonal_map != _OrthMaps.householder:
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley "
                    "parametrizations when use_trivialization=False."
                )
            a, factors = _reflections(q)
            signs = a.diagonal(dim1=-2, dim2=-1)
            # A reflection that is none changes no sign.
            signs.copy_(torch.where(factors == 0.0, -signs.sign(), signs.sign()))
            return a.mT if wide else a
        if n != k:
            beside = torch.randn((*q.shape[:-2], n, n - k), dtype=q.dtype)
            base = _orthogonalized(torch.cat([q, beside], -1))
        else:
            base = _orthogonalized(q)
        self.base = base
        start = torch.zeros_like(q)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start.mT if wide else start


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *,
    use_trivialization: bool = True,
) -> Module:  # fmt: skip
    """Keep a matrix, or a batch of them, orthogonal (its columns, or its rows if it is wide).

    Args:
        orthogonal_map: "matrix_exp", "cayley" or "householder", which is the default of matrices
            that are not square.
        use_trivialization: start from the present weight, by a fixed factor.

    Raises:
        ValueError: no such tensor, no matrix, an unknown map.

    Source: torch.nn.utils.parametrizations.orthogonal; Lezcano-Casado 2019, arXiv:1909.09501.

    >>> import rushlight as torch
    >>> layer = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(2, 3))
    >>> bool((layer.weight.T @ layer.weight - torch.eye(2)).abs().max() < 1e-5)
    True
    """
    weight: Any = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    held: Any = weight
    if held.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {held.ndim} dimensions."
        )
    if orthogonal_map is None:
        square = held.size(-2) == held.size(-1)
        orthogonal_map = "matrix_exp" if square or held.is_complex() else "householder"
    kind = getattr(_OrthMaps, orthogonal_map, None)
    if kind is None:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    made = _Orthogonal(held, kind, use_trivialization=use_trivialization)
    parametrize.register_parametrization(module, name, made, unsafe=True)
    return module


# ---- weight norm --------------------------------------------------------------------------------


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Any, weight_v: Any) -> Tensor:
        return _norms.weight_norm(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        return _norms.norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int = 0) -> Module:
    """A weight as its length ``g`` times its direction ``v / |v|``.

    Args:
        dim: the lengths are those of the slices along it; of everything for None.

    Raises:
        ValueError: no such tensor.

    Source: torch.nn.utils.parametrizations.weight_norm; Salimans and Kingma 2016,
    arXiv:1602.07868.

    >>> import rushlight as torch
    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 3))
    >>> layer.parametrizations.weight.original0.shape
    torch.Size([3, 1])
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def read_legacy(state: Any, prefix: str, *_: Any) -> None:
        """Names of checkpoints of ``torch.nn.utils.weight_norm``."""
        length, direction = f"{prefix}{name}_g", f"{prefix}{name}_v"
        if length in state and direction in state:
            state[f"{prefix}parametrizations.{name}.original0"] = state.pop(length)
            state[f"{prefix}parametrizations.{name}.original1"] = state.pop(direction)

    module._register_load_state_dict_pre_hook(read_legacy)
    return module


# ---- spectral norm ------------------------------------------------------------------------------


class _SpectralNorm(Module):
    _u: Any
    _v: Any

    def __init__(
        self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        ndim = weight.ndim
        if dim >= ndim or dim < -ndim:
            raise IndexError(
                "Dimension out of range (expected to be in range of "
                f"[-{ndim}, {ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight)
            height, width = matrix.size()
            u = matrix.new_empty(height).normal_(0, 1)
            v = matrix.new_empty(width).normal_(0, 1)
            self.register_buffer("_u", normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _matrix(self, weight: Any) -> Any:
        return _norms.as_matrix(weight, self.dim)

    def _power_method(self, matrix: Any, n_power_iterations: int) -> None:
        _norms.power_iteration(matrix.detach(), self._u, self._v, n_power_iterations, self.eps)

    def forward(self, weight: Any) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # Copies: backward may come after the next step of the iteration.
        u, v = self._u.clone(), self._v.clone()
        found: Tensor = weight / u.dot(matrix.mv(v))
        return found

    def right_inverse(self, value: Any) -> Any:
        return value


_TRANSPOSED = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> Module:  # fmt: skip
    """A weight divided by an estimate of its largest singular value.

    Args:
        n_power_iterations: steps of the power method at each forward in training.
        eps: the least norm that is divided by.
        dim: the dimension of the outputs; by default 1 for transposed convolutions, else 0.

    Raises:
        ValueError: no such tensor.

    Source: torch.nn.utils.parametrizations.spectral_norm; Miyato et al. 2018, arXiv:1802.05957.

    >>> import rushlight as torch
    >>> layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(2, 2))
    >>> list(layer.parametrizations.weight[0].state_dict())
    ['_u', '_v']
    """
    weight: Any = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = 1 if isinstance(module, _TRANSPOSED) else 0
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    parametrize.register_parametrization(module, name, made)
    return module


for _class in (_Orthogonal, _WeightNorm, _SpectralNorm):
    _class.__module__ = "torch.nn.utils.parametrizations"
