"""torch.linalg: factorisations, solvers, norms and products of matrices.

Each function is loaded when it is first asked for. A call that fails is looked at by the parser of
PyTorch's schema, which also gives every function its ``out=``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._ops.matrix_checks import LinAlgError
    from ._factoring import (
        cholesky,
        cholesky_ex,
        householder_product,
        ldl_factor,
        ldl_factor_ex,
        ldl_solve,
        lu,
        lu_factor,
        lu_factor_ex,
        qr,
    )
    from ._norms import (
        cond,
        matrix_norm,
        norm,
        vector_norm,
    )
    from ._products import (
        cross,
        diagonal,
        matmul,
        multi_dot,
        vander,
        vecdot,
    )
    from ._solving import (
        det,
        inv,
        inv_ex,
        lstsq,
        lu_solve,
        matrix_power,
        matrix_rank,
        pinv,
        slogdet,
        solve,
        solve_ex,
        solve_triangular,
        tensorinv,
        tensorsolve,
    )
    from ._spectra import (
        eig,
        eigh,
        eigvals,
        eigvalsh,
        matrix_exp,
        svd,
        svdvals,
    )

_FILES = {
    "_factoring": (
        "cholesky cholesky_ex householder_product ldl_factor ldl_factor_ex ldl_solve lu lu_factor "
        "lu_factor_ex qr"
    ),
    "_norms": "cond matrix_norm norm vector_norm",
    "_products": "cross diagonal matmul multi_dot vander vecdot",
    "_solving": (
        "det inv inv_ex lstsq lu_solve matrix_power matrix_rank pinv slogdet solve solve_ex "
        "solve_triangular tensorinv tensorsolve"
    ),
    "_spectra": "eig eigh eigvals eigvalsh matrix_exp svd svdvals",
}
_PLACES = {name: file for file, names in _FILES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    file = _PLACES.get(name)
    if file is not None:
        from importlib import import_module

        from .._define.calls import guard

        module = import_module(f"{__name__}.{file}")
        found = guard(f"linalg_{name}", getattr(module, name), False)
    elif name == "LinAlgError":
        from .._ops import matrix_checks

        found = matrix_checks.LinAlgError
    else:
        from .._missing import missing_attribute

        raise missing_attribute("torch.linalg", name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES, "LinAlgError"})


__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh",
    "eigvals", "eigvalsh", "householder_product", "inv", "inv_ex", "ldl_factor",
    "ldl_factor_ex", "ldl_solve", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve",
    "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm",
    "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals",
    "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip
