"""Samples of `_ops/solve.py`, `factor.py`, `spectral.py`, `distances.py` and `ldl.py`.

Where only one triangle of an input is read, PyTorch's gradient is that of a symmetric input: such
samples are kinks here, and tests/ops/test_linear_algebra.py differentiates through a symmetric one.
"""

import math

import numpy as np

from .table import Sample, samples


def _regular(draw, *shape):
    """Matrices far from singular."""
    return draw.normal(*shape) + 4 * np.eye(*shape[-2:])


def _definite(draw, *shape):
    a = draw.normal(*shape)
    return a @ a.swapaxes(-1, -2) + 2 * np.eye(shape[-1])


@samples("linear_systems", torch="torch.linalg.solve", without=("0-d",))
def linear_systems(draw):
    return [
        Sample(_regular(draw, 3, 3), draw.normal(3, 2)),
        Sample(_regular(draw, 2, 1, 3, 3), draw.normal(2, 3, 1)),
        Sample(_regular(draw, 2, 2), draw.normal(3, 2, 2)),
        Sample(draw.normal(0, 0), draw.normal(0, 2)),
    ]


@samples("solve_ex", torch="lambda A, B, left: torch.linalg.solve_ex(A, B, left=left)",
         without=("0-d",))  # fmt: skip
def solve_ex(draw):
    return [
        Sample(_regular(draw, 3, 3), draw.normal(3, 2), True),
        Sample(_regular(draw, 3, 3), draw.normal(3), True),
        Sample(_regular(draw, 2, 3, 3), draw.normal(2, 3), True),
        Sample(_regular(draw, 2, 1, 2, 2), draw.normal(3, 3, 2), False),
        Sample(draw.normal(2, 0, 0), draw.normal(0), True),
    ]


@samples("inv_ex", torch="torch.linalg.inv_ex", without=("0-d",))
def inv_ex(draw):
    return [
        Sample(_regular(draw, 3, 3)), Sample(_regular(draw, 2, 2, 2)), Sample(draw.normal(0, 2, 2)),
    ]  # fmt: skip


def _square(draw):
    singular = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 1.0, 3.0]])
    return _regular(draw, 3, 3), _regular(draw, 2, 2, 2), draw.normal(0, 0), singular


@samples("linalg_det", torch="lambda A: torch.linalg.det(A + 0 * torch.linalg.det(A)[..., None, "
         "None])", without=("0-d",))  # fmt: skip
def linalg_det(draw):
    return [Sample(a) for a in _square(draw)[:3]]


_COFACTORS = "torch.linalg.det(A)[..., None, None] * torch.linalg.inv(A).mT"


@samples("cofactors", torch=f"lambda A: {_COFACTORS}", without=("0-d",))
def cofactors(draw):
    return [Sample(a) for a in _square(draw)[:3]]


@samples("cofactor_slope", without=("0-d",),
         torch="lambda A, H: (lambda C, d: ((H * C).sum((-2, -1), keepdim=True) * C - C @ H.mT @ C)"
         f" / d)({_COFACTORS}, torch.linalg.det(A)[..., None, None])")  # fmt: skip
def cofactor_slope(draw):
    return [Sample(a, draw.normal(*a.shape)) for a in _square(draw)[:2]] + [
        Sample(draw.normal(0, 2, 2), draw.normal(0, 2, 2))
    ]


@samples("linalg_slogdet", torch="torch.linalg.slogdet", without=("0-d",))
def linalg_slogdet(draw):
    return [Sample(a) for a in _square(draw)[:3]]


@samples(
    "triangular_systems", without=("0-d",),
    torch="lambda A, B, upper, left, unit: torch.linalg.solve_triangular(A, B, upper=upper, "
    "left=left, unitriangular=unit)",
)  # fmt: skip
def triangular_systems(draw):
    return [
        Sample(_regular(draw, 3, 3), draw.normal(3, 2), False, True, False),
        Sample(_regular(draw, 3, 3), draw.normal(2, 3, 2), True, True, True),
        Sample(_regular(draw, 2, 3, 3), draw.normal(1, 2, 3), True, False, False),
        Sample(_regular(draw, 3, 3), draw.normal(2, 3), False, False, True),
        Sample(draw.normal(0, 0), draw.normal(0, 2), True, True, False),
    ]


@samples("cholesky_solve", torch="torch.cholesky_solve", without=("0-d",))
def cholesky_solve(draw):
    return [
        Sample(draw.normal(3, 2), np.tril(_regular(draw, 3, 3)), False, kink=True),
        Sample(draw.normal(2, 2, 1), np.triu(_regular(draw, 2, 2)), True, kink=True),
        Sample(draw.normal(0, 2), draw.normal(0, 0), False),
    ]


@samples("cholesky_inverse", torch="torch.cholesky_inverse", without=("0-d",))
def cholesky_inverse(draw):
    return [
        Sample(np.tril(_regular(draw, 3, 3)), False, kink=True),
        Sample(np.triu(_regular(draw, 2, 2, 2)), True, kink=True),
        Sample(draw.normal(0, 0), False),
    ]


@samples(
    "linalg_pinv", without=("0-d",),
    torch="lambda A, atol, rtol, hermitian: torch.linalg.pinv(A, atol=atol, rtol=rtol, "
    "hermitian=hermitian)",
)  # fmt: skip
def linalg_pinv(draw):
    none, little = np.array(0.0), np.array(1e-9)
    return [
        Sample(draw.normal(3, 2), none, little, False),
        Sample(draw.normal(2, 2, 4), none, little, False),
        Sample(_definite(draw, 3, 3), none, little, True, kink=True),
        Sample(draw.normal(0, 2), none, little, False),
    ]


@samples("linalg_lstsq", without=("0-d",), torch="lambda A, B, rcond, driver: torch.linalg.lstsq("
         "A, B, rcond=rcond.item(), driver=driver)")  # fmt: skip
def linalg_lstsq(draw):
    little = np.array(1e-9)
    return [
        Sample(draw.normal(3, 2), draw.normal(3, 2), little, "gelsy"),
        Sample(draw.normal(2, 4), draw.normal(2, 3), little, "gelsd"),
        Sample(draw.normal(2, 4, 2), draw.normal(2, 4, 2), little, "gels"),
        Sample(draw.normal(2, 3, 2), draw.normal(2, 3), little, "gelsy"),
        Sample(draw.normal(0, 2), draw.normal(0, 1), little, "gelsy", kink=True),
    ]


@samples("cholesky_ex", torch="lambda A, upper: torch.linalg.cholesky_ex(A, upper=upper)",
         without=("0-d",))  # fmt: skip
def cholesky_ex(draw):
    return [
        Sample(_definite(draw, 3, 3), False, kink=True),
        Sample(_definite(draw, 2, 2, 2), True, kink=True),
        Sample(draw.normal(0, 0), False),
        Sample(np.array([[4.0, 2.0], [2.0, 0.5]]), False, kink=True, once=True),
    ]


def _rectangles(draw):
    return [draw.normal(*s) for s in ((3, 3), (2, 4, 2), (2, 4), (0, 2))]


@samples("linalg_lu", torch="torch.linalg.lu", without=("0-d",))
def linalg_lu(draw):
    return [Sample(a) for a in _rectangles(draw)]


@samples("lu_factor_ex", torch="torch.linalg.lu_factor_ex", without=("0-d",))
def lu_factor_ex(draw):
    return [Sample(a) for a in _rectangles(draw)]


@samples("lu_unpack", torch="torch.lu_unpack", without=("0-d",))
def lu_unpack(draw):
    pivots = (np.array([2, 3, 3]), np.array([[2, 3], [1, 4]]), np.array([2, 2]), np.zeros(0))
    shapes = ((3, 3), (2, 4, 2), (2, 4), (0, 2))
    return [
        Sample(draw.normal(*s), p.astype(np.int32)) for s, p in zip(shapes, pivots, strict=True)
    ]


@samples("lu_solve", without=("0-d",), torch="lambda LU, pivots, B, left, adjoint: "
         "torch.linalg.lu_solve(LU, pivots, B, left=left, adjoint=adjoint)")  # fmt: skip
def lu_solve(draw):
    pivots = np.array([2, 3, 3], np.int32)
    return [
        Sample(_regular(draw, 3, 3), pivots, draw.normal(3, 2), True, False),
        Sample(_regular(draw, 3, 3), pivots, draw.normal(2, 3, 2), True, True),
        Sample(_regular(draw, 3, 3), pivots, draw.normal(2, 3), False, False),
        Sample(_regular(draw, 2, 3, 3), np.stack([pivots, pivots]), draw.normal(2, 3), False, True),
        Sample(draw.normal(0, 0), np.zeros(0, np.int32), draw.normal(0, 2), True, False),
    ]


@samples("linalg_qr", torch="torch.linalg.qr", without=("0-d",))
def linalg_qr(draw):
    return [
        *(Sample(a, "reduced") for a in _rectangles(draw)),
        Sample(draw.normal(2, 3), "complete"),
    ]


@samples("geqrf", torch="torch.geqrf", without=("0-d",), refuses=True)
def geqrf(draw):
    return [Sample(a) for a in _rectangles(draw)]


@samples(
    "reflected", without=("0-d",),
    torch="lambda a, tau, c, backward, left: torch.ormqr(a[..., :tau.shape[-1]], tau, c, left, "
    "transpose=left != backward)",
)  # fmt: skip
def reflected(draw):
    return [
        Sample(draw.normal(4, 3), draw.normal(3), draw.normal(4, 2), True, True),
        Sample(draw.normal(2, 4, 3), draw.normal(2, 2), draw.normal(2, 4, 1), False, True),
        Sample(draw.normal(4, 3), draw.normal(3), draw.normal(2, 4), True, False),
        Sample(draw.normal(3, 1), draw.normal(1), draw.normal(3, 0), True, True),
    ]


def _spread(draw, m, n):
    """A matrix whose singular values are apart, so that differences of vectors are smooth."""
    a = draw.normal(m, n)
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return (u * (1.0 + np.arange(min(m, n)))) @ vh


@samples("linalg_svdvals", torch="torch.linalg.svdvals", without=("0-d",))
def linalg_svdvals(draw):
    return [Sample(_spread(draw, *s)) for s in ((3, 3), (4, 2), (2, 4))] + [
        Sample(draw.normal(0, 2)), Sample(draw.normal(2, 3, 2)),
    ]  # fmt: skip


@samples("linalg_svd", torch="torch.linalg.svd", without=("0-d", "empty"))
def linalg_svd(draw):
    return [Sample(draw.normal(3, 3), False)]


def _symmetric(draw, n):
    a = draw.normal(n, n)
    return a + a.T + np.diag(3.0 * np.arange(n))


@samples("linalg_eigh", torch="torch.linalg.eigh", without=("0-d",))
def linalg_eigh(draw):
    return [
        Sample(_symmetric(draw, 3), "L", kink=True),
        Sample(_symmetric(draw, 2), "U", kink=True),
        Sample(draw.normal(0, 0), "L"),
    ]


@samples("linalg_eigvalsh", torch="torch.linalg.eigvalsh", without=("0-d",))
def linalg_eigvalsh(draw):
    return [
        Sample(_symmetric(draw, 3), "L", kink=True),
        Sample(np.stack([_symmetric(draw, 2), _symmetric(draw, 2)]), "U", kink=True),
        Sample(draw.normal(0, 0), "L"),
    ]


# In half precision PyTorch gives infinities.
@samples("linalg_matrix_exp", without=("0-d",), torch="lambda A: torch.linalg.matrix_exp("
         "A if A.dtype == torch.float64 else A.float()).to(A.dtype)")  # fmt: skip
def linalg_matrix_exp(draw):
    return [
        Sample(draw.normal(3, 3)), Sample(5 * draw.normal(2, 2, 2)), Sample(draw.normal(0, 0)),
        Sample(draw.normal(0, 2, 2)), Sample(draw.normal(1, 1)),
    ]  # fmt: skip


@samples(
    "cdist", without=("0-d",),
    torch="lambda x, y, p, mode: torch.cdist(x, y, p, ('use_mm_for_euclid_dist_if_"
    "necessary', 'use_mm_for_euclid_dist', 'donot_use_mm_for_euclid_dist')[mode])",
)  # fmt: skip
def cdist(draw):
    orders = (2.0, 1.0, 3.0, 1.5, 0.5, math.inf, 0.0)
    return [
        *(Sample(draw.normal(3, 2), draw.normal(2, 2) + 5, p, 0) for p in orders),
        Sample(draw.normal(2, 1, 3, 2), draw.apart(2, 2, 2), 2.0, 2),
        Sample(draw.normal(3, 2), draw.apart(2, 2), 2.0, 1),
        Sample(draw.normal(27, 2), draw.apart(2, 2), 2.0, 0),
        Sample(draw.normal(0, 2), draw.normal(3, 2), 2.0, 0),
        Sample(np.array([[1.0, 2.0]]), np.array([[1.0, 2.0], [1.0, 3.0]]), 2.0, 0, kink=True),
        Sample(np.array([[1.0, 2.0]]), np.array([[1.0, 2.0], [1.0, 3.0]]), 3.0, 0, kink=True),
    ]


@samples("linalg_cross", torch="lambda x, y, dim: torch.linalg.cross(x, y, dim=dim)",
         without=("0-d",))  # fmt: skip
def linalg_cross(draw):
    return [
        Sample(draw.normal(2, 3), draw.normal(2, 3), -1),
        Sample(draw.normal(3, 2), draw.normal(3, 1), 0),
        Sample(draw.normal(3), draw.normal(3), 0),
        Sample(draw.normal(0, 3), draw.normal(1, 3), 1),
    ]


@samples("ldl_factor_ex", torch="lambda A, hermitian: torch.linalg.ldl_factor_ex(A)",
         without=("0-d",), refuses=True)  # fmt: skip
def ldl_factor_ex(draw):
    return [
        Sample(_symmetric(draw, 4), False),
        Sample(np.array([[0.0, 1.0], [1.0, 0.0]]), True),
        Sample(draw.normal(0, 0), False),
    ]


@samples("ldl_solve", without=("0-d",), refuses=True, torch="lambda LD, pivots, B, hermitian: "
         "torch.linalg.ldl_solve(LD, pivots, B)")  # fmt: skip
def ldl_solve(draw):
    block = np.array([[0.5, 0.0, 0.0], [2.0, 0.3, 0.0], [0.4, 0.7, 2.0]])
    return [
        Sample(np.tril(_regular(draw, 3, 3)), np.array([2, 2, 3], np.int32), draw.normal(3, 2),
               False),
        Sample(block, np.array([-3, -3, 3], np.int32), draw.normal(3, 1), True),
        Sample(draw.normal(0, 0), np.zeros(0, np.int32), draw.normal(0, 2), False),
    ]  # fmt: skip


@samples("phase_checked", torch="lambda x, text: x.clone()")
def phase_checked(draw):
    return [Sample(draw.normal(*s), "wrong") for s in ((2,), (), (0,))]
