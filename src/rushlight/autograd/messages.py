"""PyTorch's words for what goes wrong in a graph, with the cure as a note on the exception."""

from __future__ import annotations

import os
import sys
from typing import Any

from .._core import FREED_CELL, Node, ctx, visible
from .._dtypes import from_numpy

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

SECOND_TIME = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


def with_cure(error: Exception, cure: str) -> Exception:
    """`error` with advice that tracebacks show and `str(error)` does not."""
    error.add_note("rushlight: " + cure)
    return error


def user_level() -> int:
    """The `stacklevel` with which a caller's warning points at the user's line."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith((_PACKAGE, "<rushlight"))
    ):
        level += 1
        frame = frame.f_back
    return level


def stale_error(node: Node, number: int) -> RuntimeError:
    """The error for the save `number` of `node`: freed, or changed since it was saved."""
    cell = getattr(node, f"c{number}", FREED_CELL)
    if cell is FREED_CELL:
        return freed_error()
    array = getattr(node, f"s{number}")
    name, source = next((n, i) for j, n, i in node.saves if j == number)
    owner: Any = None
    output = 0
    if source is None:
        owner = node
    else:
        positions = [
            i
            for i, n in enumerate(node.op.inputs)  # type: ignore[attr-defined]
            if node.op.edge_for(n)  # type: ignore[attr-defined]
        ]
        edge = node.edges[positions.index(source)] if source in positions else None
        owner, output = visible(edge)
        if len(cell) > 1 and isinstance(owner, Node):
            owner, output = cell[1], 0  # what overwrote it, as PyTorch has it
    version = getattr(node, f"v{number}")
    return modified_error(node, array, owner, output, cell[0], version, name)


def freed_error() -> RuntimeError:
    """The error for saved values that the first backward let go."""
    freed = RuntimeError(SECOND_TIME)
    with_cure(
        freed,
        "call backward(retain_graph=True) the first time, or compute the loss again; if only a "
        "value is carried from step to step, detach() it.",
    )
    return freed


def modified_error(
    node: Node, array: Any, owner: Any, output: int, found: int, expected: int, name: str = ""
) -> RuntimeError:
    """The error for a saved value that was changed since; `owner` is the node that made it (or
    its name)."""
    which = ""
    if isinstance(owner, Node):
        owner = operation_name(owner)
    if isinstance(owner, str):
        which = f", which is output {output} of {owner},"
    hint = (
        "the backtrace further above shows the operation that failed to compute its gradient. The "
        "variable in question was changed in there or anywhere later. Good luck!"
        if ctx.anomaly is not None and ctx.anomaly.anomaly
        else "enable anomaly detection to find the operation that failed to compute its gradient, "
        "with torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )
    kind = f"torch.{from_numpy(array.dtype).type_name}Tensor {list(array.shape)}"
    error = RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{kind}]{which} is at version {found}; expected version {expected} instead. "
        f"Hint: {hint}"
    )
    saved = f" its {name!r}" if name else " a tensor"
    with_cure(
        error,
        f"{type(node).__name__} saved{saved} for backward and an in-place operation changed it "
        "afterwards; use the out-of-place form (y = y + 1 instead of y += 1) or clone() first.",
    )
    return error


NO_GRADIENT = "element {} of tensors does not require grad and does not have a grad_fn"
NOT_SCALAR = "grad can be implicitly created only for scalar outputs"
UNUSED = (
    "The differentiated Tensor at index {} appears to not have been used in the graph. Set "
    "allow_unused=True if this is the desired behavior."
)
#: Nodes whose names PyTorch writes with their namespace.
PREFIXED = {"CopySlices": "torch::autograd::CopySlices"}


def operation_name(node: Node) -> str:
    """What made a tensor, as PyTorch's errors name it: ``Mul`` for a ``MulBackward0``."""
    name = type(node).__name__
    return PREFIXED.get(name) or name.rstrip("0123456789").removesuffix("Backward")


LEAF_IN_PLACE = "a leaf Variable that requires grad is being used in an in-place operation."
VIEW_OF_LEAF_IN_PLACE = (
    "a view of a leaf Variable that requires grad is being used in an in-place operation."
)

BACKWARD_INSIDE = (
    "backward() called inside a functorch transform. This is not supported, please use "
    "functorch.grad or functorch.vjp instead or call backward() outside of functorch transforms."
)
