"""``gradcheck`` and ``gradgradcheck``: derivatives compared with finite differences.

The function `gradcheck` hides this module on the package, as in PyTorch; the work is done in
`_jacobians`, which is imported when first used.
"""

from __future__ import annotations

from typing import Any

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A derivative does not agree with finite differences."""


GradcheckError.__module__ = "torch.autograd.gradcheck"


def gradcheck(
    func: Any,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the derivative of `func` at `inputs` agrees with finite differences.

    Args:
        func: takes tensors, returns a tensor or several.
        inputs: the tensors; those that require grad (in float64 or complex128) are checked.
        eps: the step of the differences.
        atol: absolute tolerance.
        rtol: relative tolerance.
        raise_exception: whether disagreement raises; else False is returned.
        nondet_tol: how far two runs of backward may differ.
        check_undefined_grad: whether gradients that are None are tried too.
        check_grad_dtypes: whether gradients must have the dtype of their inputs.
        check_batched_grad: whether gradients for several vectors at once (vmap) are those for one
            after the other; check_batched_forward_grad: the same of tangents.
        check_forward_ad: whether forward mode is checked; check_backward_ad: reverse mode.
        fast_mode: compare one random projection instead of the whole Jacobian.

    Raises:
        GradcheckError: the derivatives differ.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html

    >>> import rushlight as torch
    >>> x = torch.tensor([1., 2.], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(lambda x: x * x, (x,))
    True
    """
    from ._jacobians import check

    if not (check_forward_ad or check_backward_ad):
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    if check_batched_grad and not check_backward_ad:
        raise AssertionError(
            "Setting check_batched_grad=True requires check_backward_ad to be True"
        )
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        )
    try:
        return check(
            func, inputs, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes,
            fast_mode, check_backward_ad, check_forward_ad, check_batched_grad,
            check_batched_forward_grad,
        )  # fmt: skip
    except GradcheckError:
        if raise_exception:
            raise
        return False


def gradgradcheck(
    func: Any,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the second derivative of `func` agrees with differences of the first.

    Args as for :func:`gradcheck`, and

    Args:
        grad_outputs: the gradients to start the first backward with; random by default.
        gen_non_contig_grad_outputs: make the random ones non-contiguous.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradgradcheck.html

    >>> import rushlight as torch
    >>> x = torch.tensor([1., 2.], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(lambda x: x * x, (x,))
    True
    """
    from ._jacobians import first_derivative

    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError(
            "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True"
        )
    if not check_rev_over_rev:
        for name, asked in (
            ("check_undefined_grad", check_undefined_grad),
            ("check_batched_grad", check_batched_grad),
        ):
            if asked:
                raise AssertionError(
                    f"Setting {name}=True requires check_rev_over_rev to be True"
                )
    derivative, arguments = first_derivative(
        func, inputs, grad_outputs, gen_non_contig_grad_outputs
    )
    return gradcheck(
        derivative, arguments, eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode, masked=masked,
    )  # fmt: skip
