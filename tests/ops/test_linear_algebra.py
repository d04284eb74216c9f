"""Linear algebra: factors make up the matrix again, derivatives for complex numbers and through
one triangle are right to the second order, and wrong calls raise PyTorch's errors."""

import math

import numpy as np
import pytest

import rushlight as torch
from rushlight._ops import deprecation

L = torch.linalg
SHAPES = [(3, 3), (2, 4, 3), (3, 5), (40, 40), (2, 35, 50), (0, 3), (3, 0), (1, 1)]
parametrize = pytest.mark.parametrize
numbers = parametrize("complex_", [False, True], ids=["real", "complex"])


def drawn(seed, *shape, complex_=False):
    random = np.random.RandomState(seed)
    a = np.asarray(random.standard_normal(shape))
    return np.asarray(a + 1j * random.standard_normal(shape) if complex_ else a)


def tensors(*shapes, complex_=False):
    return [torch.from_numpy(drawn(i, *s, complex_=complex_)) for i, s in enumerate(shapes)]


def adjoint(a):
    return a.swapaxes(-1, -2).conj()


# ---- factors ------------------------------------------------------------------------------------


@numbers
@parametrize("shape", SHAPES, ids=str)
def test_lu(shape, complex_):
    (a,) = tensors(shape, complex_=complex_)
    P, lower, upper = (t.numpy() for t in L.lu(a))
    assert np.allclose(P @ lower @ upper, a.numpy())
    assert np.array_equal(np.tril(lower), lower) and np.array_equal(np.triu(upper), upper)
    assert np.all(np.abs(lower) <= math.sqrt(2) + 1e-12)  # LAPACK's size is |re| + |im|
    for x, y in zip(torch.lu_unpack(*L.lu_factor_ex(a)[:2]), (P, lower, upper), strict=True):
        assert np.array_equal(x.numpy(), y)


@numbers
@parametrize("mode", ["reduced", "complete"])
@parametrize("shape", SHAPES, ids=str)
def test_qr(shape, mode, complex_):
    (a,) = tensors(shape, complex_=complex_)
    Q, R = (t.numpy() for t in L.qr(a, mode))
    assert np.allclose(Q @ R, a.numpy()) and np.array_equal(np.triu(R), R)
    assert np.allclose(adjoint(Q) @ Q, np.eye(Q.shape[-1]))
    assert L.qr(a, "r").Q.shape == (0,) and L.qr(a, "r").R.shape[-1] == shape[-1]


@numbers
@parametrize("shape", [s for s in SHAPES if s[-2] >= s[-1]], ids=str)
def test_reflections(shape, complex_):
    a, c = tensors(shape, (*shape[:-1], 2), complex_=complex_)
    Q = L.qr(a, "complete").Q
    packed, tau = torch.geqrf(a)
    assert np.allclose(L.householder_product(packed, tau).numpy(), Q.numpy()[..., : shape[-1]])
    assert np.allclose(torch.ormqr(packed, tau, c).numpy(), (Q @ c).numpy())
    assert np.allclose(torch.ormqr(packed, tau, c, transpose=True).numpy(), (Q.mH @ c).numpy())
    assert np.allclose(torch.ormqr(packed, tau, c.mH, left=False).numpy(), (c.mH @ Q).numpy())


@numbers
@parametrize("full", [True, False])
@parametrize("shape", SHAPES, ids=str)
def test_svd(shape, full, complex_):
    (a,) = tensors(shape, complex_=complex_)
    U, S, Vh = (t.numpy() for t in L.svd(a, full_matrices=full))
    n = S.shape[-1]
    assert np.allclose((U[..., :n] * S[..., None, :]) @ Vh[..., :n, :], a.numpy())
    assert np.allclose(adjoint(U) @ U, np.eye(U.shape[-1]))
    assert np.allclose(Vh @ adjoint(Vh), np.eye(Vh.shape[-2]))
    assert np.allclose(S, L.svdvals(a).numpy()) and S.dtype == np.float64
    V = torch.svd(a, some=not full).V.numpy()
    assert np.allclose(adjoint(V), Vh)


@numbers
def test_eigenvalues(complex_):
    (a,) = tensors((2, 4, 4), complex_=complex_)
    values, vectors = (t.numpy() for t in L.eig(a))
    assert values.dtype == vectors.dtype == np.complex128
    assert np.allclose(a.numpy() @ vectors, vectors * values[..., None, :])
    symmetric = a + a.mH
    values, vectors = (t.numpy() for t in L.eigh(symmetric))
    assert np.allclose((vectors * values[..., None, :]) @ adjoint(vectors), symmetric.numpy())
    lower = torch.tril(symmetric)
    assert np.allclose(L.eigvalsh(lower).numpy(), values)
    assert np.allclose(L.eigvalsh(lower.mH, UPLO="U").numpy(), values)


@numbers
@parametrize("hermitian", [False, True])
@parametrize("n", [1, 2, 3, 8])
def test_ldl(n, hermitian, complex_):
    a, b = tensors((3, n, n), (3, n, 2), complex_=complex_)
    a[:, 0, 0] *= 0.01  # so that blocks of two appear
    a = a + (a.mH if hermitian else a.mT)
    factors = L.ldl_factor(a, hermitian=hermitian)
    assert np.allclose((a @ L.ldl_solve(*factors, b, hermitian=hermitian)).numpy(), b.numpy())


@numbers
def test_exponential_of_large_and_small_matrices(complex_):
    (a,) = tensors((3, 4, 4), complex_=complex_)
    for scale in (1e-9, 1.0, 9.0):
        values, vectors = np.linalg.eig(a.numpy() * scale)
        wanted = (vectors * np.exp(values)[..., None, :]) @ np.linalg.inv(vectors)
        found = L.matrix_exp(a * scale).numpy()
        assert np.allclose(found, wanted, rtol=1e-8, atol=1e-8 * np.abs(wanted).max())


# ---- derivatives --------------------------------------------------------------------------------

T = torch.Tensor
DIFFERENTIATED = {
    "solve": (L.solve, (2, 1, 3, 3), (3, 2)),
    "solve right": (lambda a, b: L.solve(a, b, left=False), (3, 3), (2, 2, 3)),
    "solve vectors": (L.solve, (2, 3, 3), (2, 3)),
    "inv": (L.inv, (2, 3, 3)),
    "det": (L.det, (2, 3, 3)),
    "slogdet": (lambda a: L.slogdet(a)[0] * L.slogdet(a)[1], (3, 3)),
    "logdet": (lambda a: torch.logdet(a @ a.mH), (3, 3)),
    "cholesky": (lambda a: L.cholesky(a @ a.mH + torch.eye(3)), (2, 3, 3)),
    "cholesky upper": (lambda a: L.cholesky(a + a.mH + 9 * torch.eye(3), upper=True), (3, 3)),
    "cholesky_solve": (lambda b, a: torch.cholesky_solve(b, a.tril() + _real(a)), (3, 2), (3, 3)),
    "cholesky_inverse": (lambda a: torch.cholesky_inverse(a.tril() + _real(a)), (3, 3)),
    "qr": (lambda a: L.qr(a)[0].cos() @ L.qr(a)[1], (4, 3)),
    "qr wide": (lambda a: L.qr(a)[0].cos() @ L.qr(a)[1], (2, 4)),
    "lu": (lambda a: L.lu(a)[1].sum() + (L.lu(a)[2] ** 2).sum(), (4, 3)),
    "lu wide": (lambda a: L.lu(a)[1].sum() * (L.lu(a)[2] ** 2).sum(), (2, 4)),
    "lu_factor": (lambda a: L.lu_factor(a)[0], (2, 3, 3)),
    "lu_unpack": (lambda a: torch.lu_unpack(a, _PIVOTS)[2] ** 2, (3, 3)),
    "lu_solve": (lambda a, b: L.lu_solve(a, _PIVOTS, b, adjoint=True), (3, 3), (3, 2)),
    "lu_solve right": (lambda a, b: L.lu_solve(a, _PIVOTS, b, left=False), (3, 3), (2, 3)),
    "triangular": (lambda a, b: L.solve_triangular(a, b, upper=True), (3, 3), (2, 3, 2)),
    "triangular right": (
        lambda a, b: L.solve_triangular(a, b, upper=False, left=False, unitriangular=True),
        (3, 3), (2, 3)),
    "svd": (lambda a: _of_spectrum(*L.svd(a, full_matrices=False)), (4, 3)),
    "svd wide": (lambda a: _of_spectrum(*torch.linalg.svd(a, full_matrices=False)), (2, 2, 3)),
    "svd full": (lambda a: _of_spectrum(*_first(L.svd(a), 2)), (4, 2)),
    "svdvals": (L.svdvals, (2, 3, 4)),
    "eigh": (lambda a: _of_spectrum(*_values_first(L.eigh(a + a.mH))), (2, 3, 3)),
    "eigvalsh": (lambda a: L.eigvalsh(a + a.mH), (3, 3)),
    "eig": (lambda a: (L.eig(a)[1].abs() ** 2 * torch.arange(1.0, 4)[:, None]).sum(), (3, 3)),
    "eigvals": (lambda a: (L.eigvals(a) ** 3).sum().abs(), (3, 3)),
    "pinv": (L.pinv, (4, 2)),
    "pinv hermitian": (lambda a: L.pinv(a + a.mH, hermitian=True), (3, 3)),
    "lstsq": (lambda a, b: L.lstsq(a, b)[0], (2, 4, 2), (2, 4, 3)),
    "lstsq wide": (lambda a, b: L.lstsq(a, b)[0], (2, 4), (2,)),
    "lstsq residuals": (lambda a, b: L.lstsq(a, b, driver="gels")[1], (4, 2), (4, 3)),
    "matrix_exp": (L.matrix_exp, (2, 3, 3)),
    "matrix_power": (lambda a: L.matrix_power(a, -3), (3, 3)),
    "cond": (L.cond, (3, 3)),
    "cond 1": (lambda a: L.cond(a, 1), (3, 3)),
    "nuclear": (lambda a: L.matrix_norm(a, "nuc"), (2, 3, 2)),
    "householder": (L.householder_product, (4, 3), (2,)),
    "ormqr": (lambda a, t, c: torch.ormqr(a, t, c, transpose=True), (4, 2), (2,), (4, 2)),
    "ormqr right": (lambda a, t, c: torch.ormqr(a, t, c, left=False), (4, 2), (2,), (1, 4)),
    "cross": (L.cross, (2, 3), (1, 3)),
    "vecdot": (L.vecdot, (2, 3), (3,)),
    "cov": (torch.cov, (3, 5)),
    "corrcoef": (torch.corrcoef, (3, 5)),
    "tensorinv": (lambda a: L.tensorinv(a, ind=1), (4, 2, 2)),
    "tensorsolve": (L.tensorsolve, (2, 2, 4), (2, 2)),
    "vander": (lambda a: L.vander(a, N=4), (3,)),
    "multi_dot": (lambda a, b, c: L.multi_dot([a, b, c]), (2, 3), (3, 2), (2,)),
}  # fmt: skip
_PIVOTS = torch.tensor([2, 3, 3], dtype=torch.int32)


def _real(a):
    """What makes the diagonal of a factor real and positive."""
    diagonal = a.diagonal()
    return torch.diag(diagonal.abs() + 1 - diagonal)


def _of_spectrum(U, S, Vh):
    """A function of the values that does not depend on the phases of the vectors."""
    return (U * S.tanh().unsqueeze(-2)) @ Vh


def _values_first(found):
    return found[1], found[0], found[1].mH


def _first(found, n):
    return found[0][..., :n], found[1], found[2][..., :n, :]


def _loss(out):
    w = torch.from_numpy(drawn(7, *out.shape, complex_=out.is_complex()))
    product = out * w
    return (product.real if out.is_complex() else product).sum()


def _slope(function, xs, us, step=1e-4):
    def at(t):
        moved = [(x + t * u).requires_grad_() for x, u in zip(xs, us, strict=True)]
        return function(*moved).item()

    near, far = at(step) - at(-step), at(2 * step) - at(-2 * step)
    return (8 * near - far) / (12 * step)


def _along(gs, us):
    return sum((g.conj() * u).real.sum().item() for g, u in zip(gs, us, strict=True)
               if g is not None)  # fmt: skip


@numbers
@parametrize("name", DIFFERENTIATED)
def test_both_derivatives(name, complex_):
    """Along a random direction, against differences: the gradient, and that of its square."""
    function, *shapes = DIFFERENTIATED[name]
    xs = [x.requires_grad_() for x in tensors(*shapes, complex_=complex_)]
    us = [torch.from_numpy(drawn(50 + i, *s, complex_=complex_)) for i, s in enumerate(shapes)]

    def value(*inputs):
        return _loss(function(*inputs))

    def square(*inputs):
        gs = torch.autograd.grad(value(*inputs), inputs, create_graph=True)
        return sum(((g * g.conj()).real if g.is_complex() else g * g).sum() for g in gs)

    detached = [x.detach() for x in xs]
    first = torch.autograd.grad(value(*xs), xs)
    assert _along(first, us) == pytest.approx(_slope(value, detached, us), rel=1e-6, abs=1e-6)
    top = square(*xs)
    second = torch.autograd.grad(top, xs, allow_unused=True)
    # Differences of fourth order lose some digits where the square is large.
    assert _along(second, us) == pytest.approx(_slope(square, detached, us), rel=1e-5, abs=1e-5)


def test_determinant_of_singular_matrices():
    """The gradient is the matrix of cofactors, which singular matrices have as well."""
    for diagonal, wanted in (([1.0, 2.0, 0.0], [0.0, 0.0, 2.0]), ([3.0, 0.0, 0.0], [0.0] * 3)):
        a = torch.diag(torch.tensor(diagonal, dtype=torch.float64)).requires_grad_()
        (g,) = torch.autograd.grad(L.det(a), a, create_graph=True)
        assert torch.allclose(g, torch.diag(torch.tensor(wanted, dtype=torch.float64)))
        (second,) = torch.autograd.grad(g.diagonal().sum(), a)
        others = np.array([sum(diagonal) - d for d in diagonal])
        assert np.allclose(second.diagonal().numpy(), others)


def test_third_derivative_of_the_determinant():
    a = torch.from_numpy(drawn(1, 3, 3)).requires_grad_()
    u = torch.from_numpy(drawn(2, 3, 3))
    found = L.det(a)
    for _ in range(3):
        (g,) = torch.autograd.grad(found, a, create_graph=True)
        found = (g * u).sum()
    assert found.item() == pytest.approx(6 * np.linalg.det(u.numpy()))


@parametrize(
    ("call", "text"),
    [
        (lambda a: L.qr(a, "complete")[0], "The QR decomposition is not differentiable when mode="),
        (lambda a: L.qr(a, "r")[1], "The derivative of linalg.qr depends on Q, which is not"),
        (lambda a: torch.geqrf(a)[0], "the derivative for 'geqrf' is not implemented."),
        (lambda a: L.ldl_factor(a[:2] + a[:2].mT)[0],
         "derivative for aten::linalg_ldl_factor_ex is not implemented"),
    ],
    ids=["qr complete", "qr r", "geqrf", "ldl_factor"],
)  # fmt: skip
def test_derivatives_that_do_not_exist(call, text):
    a = torch.from_numpy(drawn(1, 3, 2)).requires_grad_()
    with pytest.raises(RuntimeError, match=text.split("'")[0].replace("(", r"\(")):
        call(a).sum().backward()


@parametrize(
    ("call", "name"),
    [
        (lambda a: L.svd(a, full_matrices=False)[0], "svd_backward: The singular vectors"),
        (lambda a: L.eigh(a + a.mH)[1], "linalg_eigh_backward: The eigenvectors"),
        (lambda a: L.eig(a)[1], "linalg_eig_backward: The eigenvectors"),
    ],
    ids=["svd", "eigh", "eig"],
)
def test_losses_that_depend_on_a_phase_are_refused(call, name):
    a = torch.from_numpy(drawn(1, 3, 3, complex_=True)).requires_grad_()
    with pytest.raises(RuntimeError, match=name):
        call(a).sum().abs().backward()


# ---- errors -------------------------------------------------------------------------------------

SINGULAR = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
PAIR = torch.stack([torch.eye(2), SINGULAR])
ERRORS = [
    (lambda: L.solve(SINGULAR, torch.ones(2)),
     "torch.linalg.solve: The solver failed because the input matrix is singular."),
    (lambda: L.solve(PAIR, torch.ones(2)), "torch.linalg.solve: (Batch element 1): The solver "
     "failed because the input matrix is singular."),
    (lambda: L.inv(SINGULAR), "linalg.inv: The diagonal element 2 is zero, the inversion could not "
     "be completed because the input matrix is singular."),
    (lambda: L.inv_ex(PAIR, check_errors=True), "linalg.inv_ex: (Batch element 1): The diagonal "
     "element 2 is zero, the inversion could not be completed because the input matrix is "
     "singular."),
    (lambda: L.cholesky(-PAIR), "linalg.cholesky: (Batch element 0): The factorization could not "
     "be completed because the input is not positive-definite (the leading minor of order 1 is "
     "not positive-definite)."),
    (lambda: torch.cholesky_inverse(torch.zeros(2, 2)), "cholesky_inverse: The diagonal element 1 "
     "is zero, the inversion could not be completed because the input matrix is singular."),
    (lambda: L.svdvals(torch.full((2, 2), math.nan)), "linalg.svd: The algorithm failed to converge"
     " because the input matrix contained non-finite values."),
]  # fmt: skip


@parametrize(("call", "text"), ERRORS, ids=[text.partition(":")[0] for _, text in ERRORS])
def test_matrices_that_an_algorithm_cannot_deal_with(call, text):
    with pytest.raises(L.LinAlgError) as found:
        call()
    assert str(found.value) == text
    assert f"{type(found.value).__module__}.{type(found.value).__name__}" == "torch._C._LinAlgError"


def test_results_in_place_of_errors():
    found = L.solve_ex(PAIR, torch.ones(2))
    assert found.info.tolist() == [0, 2] and found.result[0].tolist() == [1.0, 1.0]
    assert not found.result[1].isfinite().any()
    assert L.inv_ex(PAIR).inverse[1].isinf().all()
    assert L.cholesky_ex(torch.tensor([[4.0, 2.0], [2.0, 0.5]])).L.tolist() == [[2, 0], [1, -0.5]]
    assert L.lu_factor_ex(SINGULAR).info.item() == 2
    assert L.cond(PAIR, 1).tolist() == [1.0, math.inf]


def test_out():
    a = torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    out = torch.empty(2, 2)
    assert L.inv(a, out=out) is out and out.tolist() == [[0.5, 0.0], [0.0, 0.25]]
    Q, R = torch.empty(0), torch.empty(0)
    found = L.qr(a, out=(Q, R))
    assert found[0] is Q and found[1] is R and np.allclose((Q @ R).numpy(), a.numpy())
    rank = torch.empty((), dtype=torch.int64)
    assert L.matrix_rank(a, hermitian=True, out=rank) is rank and rank.item() == 2


@parametrize(
    ("call", "name"),
    [
        (lambda a: torch.qr(a), "qr"),
        (lambda a: a.cholesky(), "cholesky"),
        (lambda a: torch.cross(a, a), "cross"),
        (lambda a: torch.chain_matmul(a, a), "chain_matmul"),
        (lambda a: torch.triangular_solve(a, a), "triangular_solve"),
        (lambda a: torch.lu(a), "lu"),
        (lambda a: torch.lu_solve(a, *L.lu_factor(a)), "lu_solve"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_deprecated_says_so_once(call, name):
    deprecation._told.discard(name)
    with pytest.warns(UserWarning, match=f"torch.{name}"):
        call(torch.eye(3))
    call(torch.eye(3))  # a warning would be an error here


def test_old_functions():
    a, b = tensors((3, 3), (3, 2))
    spd = a @ a.mT + torch.eye(3)
    deprecation._told.update(("cholesky", "lu", "lu_solve", "qr", "triangular_solve"))
    assert np.array_equal(torch.cholesky(spd, True).numpy(), L.cholesky(spd).mT.numpy())
    factors = torch.lu(a)
    assert np.allclose((a @ torch.lu_solve(b, *factors)).numpy(), b.numpy())
    assert np.allclose((a.triu().mT @ b.triangular_solve(a, transpose=True)[0]).numpy(), b.numpy())
    Q, R = torch.qr(a)
    assert np.allclose((Q @ R).numpy(), a.numpy()) and np.array_equal(a.orgqr(a[0]).numpy(),
        L.householder_product(a, a[0]).numpy())  # fmt: skip
