"""``autograd.Function`` inside `vmap`: the user's `vmap` staticmethod, or one that is made from
`forward` and `backward`, which then run on batched tensors themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .._core import TEN, Tensor, ctx
from .interpreters import below

if TYPE_CHECKING:
    from .vmap import Vmap

_NO_SETUP = (
    "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, "
    "...), it must override the setup_context staticmethod. For more details, please see "
    "https://pytorch.org/docs/main/notes/extending.func.html"
)
_NO_RULE = (
    "You tried to vmap over {}, but it does not have vmap support. Please override and implement "
    "the vmap staticmethod or set generate_vmap_rule=True. For more details, please see "
    "https://pytorch.org/docs/main/notes/extending.func.html"
)
_TWO_RULES = (
    "You tried to vmap over {}, but it has both generate_vmap_rule=True and an overridden vmap "
    "staticmethod. Please set generate_vmap_rule=False or delete the overridden vmap staticmethod "
    "to avoid ambiguity. For more details, please see "
    "https://pytorch.org/docs/main/notes/extending.func.html"
)


class VmapInfo(NamedTuple):
    """What a `vmap` staticmethod learns: the number of examples, and what random ops do."""

    batch_size: int
    randomness: str


def apply(level: Vmap, cls: Any, args: tuple[Any, ...]) -> Any:
    """``cls.apply(*args)`` and None for its ctx; or NotImplemented."""
    from .function import Function

    batched = [isinstance(a, Tensor) and level.belongs(a) for a in args]
    if not any(batched):
        with below(level):
            hook = getattr(ctx.handler, "function", None)
            return NotImplemented if hook is None else hook(cls, args)
    if cls.setup_context is Function.setup_context:
        raise RuntimeError(_NO_SETUP)
    own = cls.vmap is not Function.vmap
    if own and cls.generate_vmap_rule:
        raise RuntimeError(_TWO_RULES.format(cls.__name__))
    if not own and not cls.generate_vmap_rule:
        raise RuntimeError(_NO_RULE.format(cls.__name__))
    physical = [level.physical(a) if b else a for a, b in zip(args, batched, strict=True)]
    with below(level):
        if own:
            outputs, dims = _by_user(level, cls, physical, batched)
        else:
            outputs, dims = _generated(level, cls, batched).apply(*physical), 0
    return _wrapped(level, outputs, dims), None


def _by_user(level: Vmap, cls: Any, physical: list[Any], batched: list[bool]) -> Any:
    info = VmapInfo(level.size, level.randomness)
    dims = tuple(0 if b else None for b in batched)
    found = cls.vmap(info, dims, *physical)
    if not (isinstance(found, tuple) and len(found) == 2):
        raise RuntimeError(
            f"Expected the vmap staticmethod of {cls.__name__} to return (outputs, out_dims)"
        )
    return found


def _wrapped(level: Vmap, outputs: Any, dims: Any) -> Any:
    if isinstance(outputs, tuple):
        each = dims if isinstance(dims, tuple | list) else (dims,) * len(outputs)
        return tuple(_wrapped(level, o, d) for o, d in zip(outputs, each, strict=True))
    if not isinstance(outputs, Tensor) or dims is None:
        return outputs
    if dims:
        with below(level):
            outputs = TEN.transpose(outputs, 0, dims) if dims == 1 else outputs.movedim(dims, 0)
    return level.wrap(outputs)


class _Inside:
    """The ctx that the user's methods see: its tensors are batched ones."""

    def __init__(self, outer: Any) -> None:
        self.outer = outer
        self.needs_input_grad = outer.needs_input_grad
        self.tensors: tuple[Any, ...] = ()
        self.constants: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        self.tensors = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        pass

    def mark_non_differentiable(self, *outputs: Any) -> None:
        self.constants = outputs

    def mark_dirty(self, *tensors: Any) -> None:
        raise NotImplementedError("mark_dirty in a Function with generate_vmap_rule=True")

    def set_materialize_grads(self, value: bool) -> None:
        self.outer.set_materialize_grads(value)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        return self.tensors


def _generated(level: Vmap, cls: Any, batched: list[bool]) -> Any:
    """A Function of physical tensors that runs the methods of `cls` inside a level like `level`."""
    from .function import Function
    from .vmap import Vmap

    size, randomness = level.size, level.randomness

    def inside(values: Any, flags: Any, again: Any) -> list[Any]:
        return [again.wrap(v) if f and isinstance(v, Tensor) else v
                for v, f in zip(values, flags, strict=True)]  # fmt: skip

    def outside(value: Any, again: Any) -> Any:
        return again.lift(value) if isinstance(value, Tensor) else value

    class Generated(Function):
        @staticmethod
        def forward(*args: Any) -> Any:
            again = Vmap(size, randomness)
            with again:
                found = cls.forward(*inside(args, batched, again))
                with below(again):
                    if isinstance(found, tuple):
                        return tuple(outside(f, again) for f in found)
                    return outside(found, again)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            again = Vmap(size, randomness)
            single = not isinstance(output, tuple)
            outputs = (output,) if single else output
            with again:
                seen = inside(outputs, [True] * len(outputs), again)
                inner = _Inside(ctx)
                cls.setup_context(
                    inner, tuple(inside(inputs, batched, again)), seen[0] if single else tuple(seen)
                )
                constant = [any(s is c for c in inner.constants) for s in seen]
                kept = [
                    (again.physical(t), True) if isinstance(t, Tensor) and again.belongs(t)
                    else (t, False)
                    for t in inner.tensors
                ]  # fmt: skip
            ctx.mark_non_differentiable(
                *(o for o, c in zip(outputs, constant, strict=True) if c)
            )
            ctx.save_for_backward(*(t for t, _ in kept))
            ctx.inner, ctx.kept = inner, [b for _, b in kept]
            ctx.shapes = [i._data.shape if isinstance(i, Tensor) else None for i in inputs]

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            again = Vmap(size, randomness)
            with again:
                inner = ctx.inner
                inner.tensors = tuple(inside(ctx.saved_tensors, ctx.kept, again))
                inner.needs_input_grad = ctx.needs_input_grad
                found = cls.backward(inner, *inside(grads, [True] * len(grads), again))
                found = found if isinstance(found, tuple) else (found,)
                results: list[Any] = []
                with below(again):
                    for g, b in zip(found, batched, strict=True):
                        if g is None:
                            results.append(None)
                        elif b:
                            results.append(again.lift(g))
                        else:
                            physical = again.physical(g)
                            total = g if physical is None else TEN.sum(physical, (0,), False)
                            results.append(total)
                return tuple(results)

    Generated.__name__ = Generated.__qualname__ = cls.__name__
    return Generated
