"""The way out of the ordinary: what a wrapper calls when its fast path does not apply.

Keyword and missing arguments, Python numbers, mixed dtypes, integers where floats are wanted,
half precision and every error come through here. The cure is always the same: bring the call into
the ordinary form (Tensors of one dtype, all attributes given) with recorded casts, and make it
again.
"""

from __future__ import annotations

from typing import Any

from .. import _core, _dtypes
from .._core import INFERENCE_CELL, MISSING, Tensor, ViewInfo, ctx
from . import calls, overriding, render


def plain(*outputs: Tensor) -> bool:
    """Whether this thread records nothing now; marks the outputs of inference mode."""
    if _core.thread.grad and not _core.thread.inference:
        return False
    if _core.thread.inference:
        for t in outputs:
            if t._cell is None:
                t._cell = INFERENCE_CELL
    return True


def link(x: Tensor, view: Tensor) -> None:
    """Make `view` a view of `x`: one version cell, and the base remembers it."""
    cell = x._cell
    if cell is None:
        cell = x._cell = [0]
    view._cell = cell
    info = x._view
    base = x if info is None else info.base
    origin = None if info is None else info.origin
    if ctx.modes and origin is None:
        if _core.thread.inference:
            origin = "inference" if cell is not INFERENCE_CELL else None
        elif not _core.thread.grad:
            origin = "no_grad"
    view._view = ViewInfo(base, origin)
    remember_view(base, view)


def remember_view(base: Tensor, view: Tensor) -> None:
    """The base keeps weak references to its live views: in-place ops refresh their edges."""
    import weakref

    views = base.__dict__.get("_views")
    if views is None:
        views = base.__dict__["_views"] = []
    elif len(views) > 32 and len(views) > 2 * base.__dict__.get("_views_alive", 0):
        views[:] = [v for v in views if v() is not None]
        base.__dict__["_views_alive"] = len(views)
    views.append(weakref.ref(view))


# ---------------------------------------------------------------------------------------------


def slow(
    op: Any,
    error: Exception | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    method: bool = False,
) -> Any:
    """Bind, promote, and call `op` again in its ordinary form; or raise what is wrong."""
    if error is not None and overriding.passed_on(error):
        raise error
    if overriding.special(args, kwargs):
        handled = _overridden(op, args, kwargs, method)
        if handled is not overriding.UNHANDLED:
            return handled
    if isinstance(error, TypeError | AttributeError):
        # A check or kernel stumbled over an argument: it may be one that the parser refuses.
        if (refused := _refusal(op, args, kwargs, method)) is not None:
            raise refused from None
    out = kwargs.get("out")
    without = out is None and "out" in kwargs  # ``out=None``: only that word is in the way
    # A copy: an error raised here comes back through the wrapper with the same keywords.
    kwargs = {n: v for n, v in kwargs.items() if n != "out"}
    values = _bind(op, args, kwargs, method)
    if op.refuse is not None and (refusal := op.refuse(*values)) is not None:
        raise refusal
    given, target, compute, changed = _bring_together(op, values)
    complete = (
        len(args) == op.positional
        and all(a is not MISSING for a in args)
        and all(n in op.public_names[op.positional :] for n in kwargs)
    )
    ordinary = complete and not changed
    if ordinary and out is None and not without:
        if error is None:
            if op.check is not None:  # it knows why integers are refused
                op.check(*(v._data if isinstance(v, Tensor) else v for v in values))
            name = op.kernel or op.public_name + "_cpu"
            kind = _core.dtype_of(values[op.order.index(op.inputs[op.floats_of])]).type_name
            raise NotImplementedError(f"\"{name}\" not implemented for '{kind}'")
        raise explain(op, error, values) from None
    result = invoke(op, [given.get(n, v) for n, v in zip(op.order, values, strict=True)])
    if compute is not target and op.output_dtype == "same":
        result = _round(result, target)
    return result if out is None else _into(op, result, out)


def _overridden(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], method: bool) -> Any:
    """The answer of an argument's class to a call of `op` (see overriding.py)."""
    positional, named = _as_given(op, args, kwargs)
    function = getattr(Tensor, op.public_name, op.call) if method else op.call
    return overriding.handle(function, positional, named, method)


def slow_method(op: Any, error: Exception | None, args: Any, kwargs: dict[str, Any]) -> Any:
    """`slow` for ``x.add(y)``: PyTorch does not count `x` among the arguments."""
    return slow(op, error, args, kwargs, True)


def slow_operator(op: Any, error: Exception | None, operands: tuple[Any, ...]) -> Any:
    """`slow` for ``x + y``: other types get their turn to answer."""
    if not all(isinstance(x, Tensor) or _is_scalar(x) for x in operands):
        if not overriding.special(operands, {}):
            return NotImplemented
    return slow(op, error, operands, {})


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool | int | float | complex) or (
        hasattr(value, "dtype") and getattr(value, "shape", None) == ()
    )


def invoke(op: Any, values: list[Any]) -> Any:
    """Call the wrapper with one value for every parameter, in schema order."""
    n = op.positional
    keywords = {op.public_names[i]: values[i] for i in range(n, len(values))}
    return op.call(*values[:n], **keywords)


def _bind(
    op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], method: bool = False
) -> list[Any]:
    if not kwargs and len(args) == len(op.order) and _well_typed(op, args):
        return list(args)
    from .binding import bind

    positional, named = _as_given(op, args, kwargs)
    try:
        _, bound = bind(op.public_name, op.schemas[:1], positional, named)
    except TypeError as error:
        refused = calls.refusal(op.public_name, positional, named, method)
        raise (refused or error) from None
    values = bound.values() if isinstance(bound, dict) else bound
    return list(op.adapt(*values)) if op.adapt is not None else list(values)[: len(op.order)]


def _as_given(
    op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as the caller wrote them, as far as the wrapper shows."""
    given = tuple(a for a in args)
    while given and given[-1] is MISSING:
        given = given[:-1]
    # A parameter left at its default in the middle is one the caller gave by keyword.
    named = {
        n: a for n, a in zip(op.public_names, given, strict=False) if a is not MISSING
    }
    positional = []
    for n, a in zip(op.public_names, given, strict=False):
        if a is MISSING:
            break
        positional.append(a)
        del named[n]
    positional.extend(given[len(op.public_names) :])
    return tuple(positional), {**named, **kwargs}


def _refusal(
    op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], method: bool
) -> TypeError | None:
    """The argument parser's objection to a call that failed in the kernel or its check."""
    if not op.public:
        return None
    return calls.refusal(op.public_name, *_as_given(op, args, kwargs), method)


def _well_typed(op: Any, args: tuple[Any, ...]) -> bool:
    for name, value in zip(op.order, args, strict=True):
        if name in op.inputs and not isinstance(value, Tensor):
            if value is None and name in op.optional:
                continue
            if op.kind == "elementwise" and isinstance(value, (bool, int, float, complex)):
                continue
            return False
        if value is MISSING:
            return False
    return True


def _bring_together(
    op: Any, values: list[Any]
) -> tuple[dict[str, Any], _dtypes.dtype | None, _dtypes.dtype | None, bool]:
    """The tensor inputs in one dtype (by name), the dtype of the result, the dtype to compute
    in, and whether anything had to change."""
    given = {n: v for n, v in zip(op.order, values, strict=True) if n in op.inputs}
    policy = op.promotion
    joined = [op.inputs[i] for i in op.same_dtype] or [op.inputs[op.floats_of]]
    joined = [n for n in joined if given[n] is not None]
    target: _dtypes.dtype | None = None
    if policy in ("same", "float", "compare"):
        target = _dtypes.result_type(tuple(_operand(given[n]) for n in joined))
        if policy == "float" and target.category < _dtypes.FLOATING:
            if op.kernel:
                raise NotImplementedError(
                    f"\"{op.kernel}\" not implemented for '{target.type_name}'"
                )
            target = _dtypes.default.dtype
    elif policy == "equal":
        _check_equal(op, [given[n] for n in joined])
        target = _core.dtype_of(given[joined[0]])
    elif op.floats and joined:
        target = _core.dtype_of(given[joined[0]])
    compute = target
    if target is not None and target.numpy in _dtypes.LOW_PRECISION and policy != "compare":
        if op.floats or any(not isinstance(given[n], Tensor) for n in joined):
            compute = _dtypes.float32
    changed = False
    if compute is not None:
        for n in joined:
            value = given[n]
            if not isinstance(value, Tensor):
                given[n] = _core.constant(value, compute.numpy)
            elif value._data.dtype is not compute.numpy:
                given[n] = cast(value, compute.numpy)
            changed = changed or given[n] is not value
    return given, target, compute, changed


def _round(result: Any, target: Any) -> Any:
    """Half precision is computed in float32 and rounded once."""
    if isinstance(result, tuple):
        parts = [_round(r, target) for r in result]
        return tuple(parts) if type(result) is tuple else type(result)(parts)
    if result._data.dtype != _dtypes.FLOAT32:
        return result
    return cast(result, target.numpy)


def _operand(value: Any) -> tuple[_dtypes.dtype, int]:
    if isinstance(value, Tensor):
        return _core.dtype_of(value), 2 if value._data.ndim else 1
    return _dtypes.number_dtype(value), 0


def _check_equal(op: Any, tensors: list[Tensor]) -> None:
    first = tensors[0]
    for other in tensors[1:]:
        if other._data.dtype != first._data.dtype:
            a, b = (_core.dtype_of(t) for t in (first, other))
            raise RuntimeError(op.mismatch(a, b) if op.mismatch else _mismatch(a, b))


def _mismatch(a: _dtypes.dtype, b: _dtypes.dtype) -> str:
    names = {"float32": "float", "float64": "double", "float16": "c10::Half",
             "bfloat16": "c10::BFloat16", "int64": "long int", "int32": "int", "bool": "bool",
             "int16": "short int", "int8": "signed char", "uint8": "unsigned char",
             "complex64": "c10::complex<float>", "complex128": "c10::complex<double>"}  # fmt: skip
    return (
        "expected m1 and m2 to have the same dtype, but got: "
        f"{names.get(a.name, a.name)} != {names.get(b.name, b.name)}"
    )


class _Named:
    def __init__(self, name: str) -> None:
        self.public_name = name


def into(name: str, result: Any, out: Any) -> Any:
    """``out=`` of a function that is composed of rows."""
    return _into(_Named(name), result, out)


def _into(op: Any, result: Any, out: Any) -> Any:
    """``out=``: the result is copied into tensors the caller made."""
    from ..autograd.inplace import write_out

    if isinstance(result, tuple):
        for r, o in zip(result, out, strict=True):
            write_out(op, r, o)
        return type(result)(out) if type(result) is not tuple else tuple(out)
    return write_out(op, result, out)


# ---------------------------------------------------------------------------------------------
# Errors


def explain(op: Any, error: Exception, values: list[Any]) -> Exception:
    """PyTorch's error for an exception that came out of a kernel."""
    if op.explain is not None:
        better: Exception | None = op.explain(error, *values)
        if better is not None:
            return better
    arrays = [v._data for v in values if isinstance(v, Tensor)]
    if isinstance(error, ValueError) and "could not be broadcast" in str(error):
        return broadcast_error(*(a.shape for a in arrays))
    if isinstance(error, TypeError) and arrays and "ufunc" in str(error):
        kinds = {_dtypes.from_numpy(a.dtype) for a in arrays}
        name = next(iter(kinds)).type_name if len(kinds) == 1 else str(kinds)
        return NotImplementedError(f'"{op.public_name}_cpu" not implemented for \'{name}\'')
    return error


def broadcast_error(*shapes: tuple[int, ...]) -> RuntimeError:
    """The error for shapes that do not broadcast together."""
    a: tuple[int, ...] = shapes[0] if shapes else ()
    for b in shapes[1:]:
        rank = max(len(a), len(b))
        wide_a = (1,) * (rank - len(a)) + tuple(a)
        wide_b = (1,) * (rank - len(b)) + tuple(b)
        for dim in range(rank - 1, -1, -1):
            if wide_a[dim] != wide_b[dim] and 1 not in (wide_a[dim], wide_b[dim]):
                error = RuntimeError(
                    f"The size of tensor a ({wide_a[dim]}) must match the size of tensor b "
                    f"({wide_b[dim]}) at non-singleton dimension {dim}"
                )
                error.add_note(
                    f"rushlight: the shapes are {list(a)} and {list(b)}; they are aligned at the "
                    "right, and each pair of sizes must be equal or contain a 1."
                )
                return error
        a = tuple(max(x, y) if 0 not in (x, y) else 0 for x, y in zip(wide_a, wide_b, strict=True))
    return RuntimeError(f"shapes {shapes} cannot be broadcast together")


cast: Any = None  # the row `cast`, set by _ops.casting

render.provide(
    slow=slow, slow_method=slow_method, slow_operator=slow_operator, plain=plain, link=link
)
