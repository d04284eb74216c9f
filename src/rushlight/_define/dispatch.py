"""Callables for overloaded ops: a call's types choose its overload once, then a plan is reused.

A plan is a small function with the call's own parameters which fills in defaults, brings the
arguments into the schema's order and calls the target. It is kept only where the choice depends
on types alone; otherwise every call is bound anew.
"""

from __future__ import annotations

from . import overriding
from .binding import parser
from .calls import refusal
from .signatures import default_value
from .values import Trace, Types, Unplanned, convert, exact_ints, exact_tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .binding import Parser
    from .signatures import Parameter, PythonSignature

_MOST_PLANS = 1024
_NUMBERS = (int, float, bool, complex)
_makers: dict[str, Callable[..., Callable[..., Any]]] = {}


def make_dispatcher(
    op_name: str,
    schemas: Sequence[str],
    targets: Sequence[Callable[..., Any]],
    method: bool = False,
    write: Callable[[str, Any, Any], Any] | None = None,
) -> Callable[..., Any]:
    """A callable that resolves an op's overloads and calls the chosen one's target.

    Args:
        targets: `targets[i]` takes the arguments of `schemas[i]`, all of them, by position.
        method: whether the first argument is the tensor itself.
        write: ``write(op_name, result, out)`` serves ``out=`` where no schema has it.

    Raises:
        TypeError: from the callable, no schema takes the arguments.
    """
    plans: dict[Any, Callable[..., Any]] = {}
    find = plans.get
    resolver = parser(op_name, schemas, method)

    def dispatch(*args: Any, **kwargs: Any) -> Any:
        try:
            if kwargs:
                key: Any = (*map(type, args), *kwargs, *map(type, kwargs.values()))
                plan = find(key)
                if plan is not None:
                    return plan(args, kwargs)
            else:
                key = (*map(type, args),)
                plan = find(key)
                if plan is not None:
                    return plan(*args)
        except Unplanned:
            pass
        return bind_and_call(key, args, kwargs)

    writing = None if method or any("(a!) out" in schema for schema in schemas) else write

    def bind_and_call(key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if writing is not None and "out" in kwargs:
            out = kwargs["out"]
            result = dispatch(*args, **{n: v for n, v in kwargs.items() if n != "out"})
            return result if out is None else writing(op_name, result, out)
        if method and not args:
            resolver.bind(args, kwargs)
        special = overriding.special(args, kwargs)
        if special:
            handled = overriding.handle(dispatch, args, kwargs, method)
            if handled is not overriding.UNHANDLED:
                return handled
        trace = Trace()
        given = args[1:] if method else args
        try:
            signature, found = resolver.resolve(given, kwargs, trace)
        except TypeError as error:
            raise refusal(op_name, args, kwargs, method) or error from None
        index, values = resolver.fill(signature, found, args[0] if method else None)
        if not (trace.by_value or signature.hidden or special) and key not in plans:
            plan = _plan(resolver, signature, found, index, targets[index], args, kwargs, trace)
            if plan is not None:
                if len(plans) >= _MOST_PLANS:
                    plans.clear()
                plans[key] = plan
        return targets[index](*values)

    dispatch.__name__ = dispatch.__qualname__ = op_name
    return dispatch


def _plan(
    resolver: Parser,
    signature: PythonSignature,
    found: list[Any],
    index: int,
    target: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    trace: Trace,
) -> Callable[..., Any] | None:
    """The function to call for arguments of these types, or None where types do not suffice."""
    shift = 1 if resolver.method else 0
    names = [f"args[{i}]" if kwargs else f"a{i}" for i in range(len(args))]
    used = set(trace.lists)
    constants: list[Any] = []
    texts: list[str] = []
    given = args[shift:]
    # A list written without parentheses was bound as the tuple of all positional arguments.
    varargs = bool(given) and signature.varargs and found[0] is not given[0]
    for i, parameter in enumerate(signature.parameters):
        value = found[i]
        if i == 0 and varargs:
            if not all(type(item) is int for item in found[0]):
                return None
            used.discard(id(value))
            texts.append(f"({', '.join(names[shift:])},)")
            continue
        if i + shift < len(args) and not (varargs and i > 0):
            source = names[i + shift]
        else:
            known = (parameter.name, *parameter.aliases)
            source = next((f"kwargs[{name!r}]" for name in known if name in kwargs), "")
        if value is None:
            texts.append(_constant(default_value(parameter), constants))
            continue
        if parameter.kind == "int[]" and isinstance(value, tuple | list):
            used.discard(id(value))
        text = _expression(parameter, value, source, resolver.op_name, i, constants)
        if text is None:
            return None
        texts.append(text)
    if used:
        return None
    if index == signature.base:
        filled = [
            names[0] if slot == -1 else texts[slot] if slot >= 0 else "1"
            for slot in signature.base_slots
        ]
    elif all(item is None for _, item in signature.out_slots):
        filled = [texts[slot] for slot, _ in signature.out_slots]
    else:
        return None
    if filled == names and not kwargs:
        return target
    head = "args, kwargs" if kwargs else ", ".join(names)
    consts = "".join(f", c{i}" for i in range(len(constants)))
    text = (
        f"def make(target, ints, tensors{consts}):\n"
        f"    def plan({head}):\n"
        f"        return target({', '.join(filled)})\n"
        f"    return plan\n"
    )
    maker = _makers.get(text)
    if maker is None:
        space: dict[str, Any] = {}
        exec(compile(text, f"<rushlight plan {len(_makers)}>", "exec"), space)
        maker = _makers[text] = space["make"]
    return maker(target, exact_ints, exact_tensors, *constants)


def _constant(value: Any, constants: list[Any]) -> str:
    if value is None or type(value) in (bool, int):
        return repr(value)
    constants.append(value)
    return f"c{len(constants) - 1}"


def _expression(
    parameter: Parameter,
    value: Any,
    source: str,
    op_name: str,
    position: int,
    constants: list[Any],
) -> str | None:
    """The text that turns an argument of this type into what the target takes."""
    kind, exact = parameter.kind, type(value)
    if kind == "Tensor":
        return source
    if kind == "Tensor|Scalar":
        return source if exact in _NUMBERS or isinstance(value, Types.tensor) else None
    if kind == "Scalar":
        return source if exact in _NUMBERS else None
    if kind == "int" or kind == "SymInt":
        return source if exact is int else None
    if kind == "float":
        if exact is float:
            return source
        return f"float({source})" if exact in (int, bool) else None
    if kind in ("bool", "str", "Generator", "Layout", "MemoryFormat"):
        return source
    if kind == "ScalarType":
        return source if isinstance(value, Types.dtype) else None
    if kind == "Device" and isinstance(value, Types.device):
        return source
    if kind == "int[]":
        if exact is int:
            return f"({f'{source}, ' * parameter.size})"
        return f"ints({source})" if isinstance(value, tuple | list) else None
    if kind == "Tensor[]" and not parameter.nullable:
        return f"tensors({source})"
    if kind == "Tensor[]" or kind == "Device":
        where = f"{op_name}(): argument '{parameter.name}'"

        def change(given: Any) -> Any:
            return convert(kind, parameter.size, given, where, position, parameter.nullable)

        return f"{_constant(change, constants)}({source})"
    return None
