"""Forward mode through ``autograd.Function``: the user's `jvp` instead of the ops in `forward`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core import Tensor, wrap
from . import forward_rules as rules
from .interpreters import aside, below, carry

if TYPE_CHECKING:
    from .forward_level import Forward


def apply(level: Forward, cls: Any, args: tuple[Any, ...]) -> Any:
    """The result of ``cls.apply(*args)``, its tangents at `level` attached, and the call's ctx; or
    NotImplemented."""
    tangents = [level.tangent(a) if isinstance(a, Tensor) else None for a in args]
    with below(level):
        hook = getattr(level.lower, "function", None)
        found = NotImplemented if hook is None else hook(cls, args)
        if found is NotImplemented:
            if all(t is None for t in tangents):
                return NotImplemented
            found = cls._run(args)
    if all(t is None for t in tangents):
        return found
    output, node = found
    with aside(level):
        outputs = output if type(output) is tuple else (output,)
        given = [
            rules.zeros_like(a) if t is None and node.materialize_grads and _moves(a) else t
            for a, t in zip(args, tangents, strict=True)
        ]
        returned = cls.jvp(node, *given)
        results = returned if type(returned) is tuple else (returned,)
        _attach(level, node, args, outputs, results)
    for save in node.saved or ():
        if save is not None and save.output is not None:
            save.levels = carry(outputs[save.output], wrap(save.array)).__dict__
    return output, node


def _moves(value: Any) -> bool:
    return isinstance(value, Tensor) and rules.floating(value)


def _attach(
    level: Forward, node: Any, args: tuple[Any, ...], outputs: tuple[Any, ...],
    results: tuple[Any, ...],
) -> None:  # fmt: skip
    from .forward_ad import check_tangent

    if len(results) != len(outputs):
        raise RuntimeError(
            "Function's jvp returned an invalid number of forward gradients (expected "
            f"{len(outputs)} but got {len(results)})"
        )
    for i, (out, tangent) in enumerate(zip(outputs, results, strict=True)):
        if tangent is not None and not isinstance(tangent, Tensor):
            raise RuntimeError(
                f"expected Variable or None (got {type(tangent).__name__}) for grad output {i}."
            )
        if not _moves(out) or any(out is n for n in node.constant_outputs):
            if tangent is not None:
                raise RuntimeError(
                    f"Function's jvp returned a gradient at position {i}, but  the corresponding "
                    "forward output is not a differentiable Tensor.You should return None at that "
                    "position instead."
                )
            continue
        if tangent is None:
            raise RuntimeError(
                "Expected both tensor and its forward grad to be floating point or complex"
            )
        check_tangent(out, tangent)
        source = _source_of(out, args)
        old = None if source is None else level.tangent(source)
        if out is source:
            if old is not None and tangent is not old:
                raise RuntimeError(
                    "An inplace custom Function is not modifying the forward mode gradients "
                    "inplace. If the forward is modifying an input inplace, then the jvp function "
                    "must modify the corresponding gradient inplace."
                )
        elif source is not None and (tangent._view is None or (
            old is not None and tangent._view.base is not _base(old)
        )):  # fmt: skip
            raise RuntimeError(
                "A custom Function's forward is returning a view (or an input as-is) but the jvp "
                "is not returning a view."
            )
        level.attach(out, tangent)


def _base(t: Tensor) -> Tensor:
    return t if t._view is None else t._view.base


def _source_of(out: Tensor, args: tuple[Any, ...]) -> Tensor | None:
    """The input that `out` is, or is a view of."""
    for a in args:
        if isinstance(a, Tensor) and (out is a or (
            out._view is not None and out._view.base is _base(a)
        )):  # fmt: skip
            return a
    return None
