"""Functions of functions: gradients, Jacobians, batches, and modules as functions.

Source: https://pytorch.org/docs/stable/func.html
"""

from __future__ import annotations

from typing import Any

from .._missing import missing_attribute
from ._gradients import grad, grad_and_value, jvp, linearize, value_and_grad, vjp
from ._jacobians import hessian, jacfwd, jacrev
from ._modules import functional_call, replace_all_batch_norm_modules_, stack_module_state
from ._rearrange import rearrange
from ._vmap import debug_unwrap, vmap

__all__ = [
    "debug_unwrap",
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "rearrange",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "value_and_grad",
    "vjp",
    "vmap",
]


def functionalize(func: Any, *, remove: str = "mutations") -> Any:
    """Raises: rushlight does not trace programs into PyTorch's operators.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        "torch.func.functionalize: rushlight does not rewrite mutations; the other transforms "
        "take functions that write in place as they are"
    )


for _name in __all__:
    globals()[_name].__module__ = "torch.func"


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
