"""What is wrong with a call that failed, in the words of PyTorch's argument parser.

PyTorch binds the arguments of every public function before anything else happens. Here most
functions are called directly and the parser speaks only after a failure: the arguments are bound to
the schemas of the name, and where none takes them, that is the error. Beside the errors this gives
composed functions what schemas promise: other names of arguments (`axis` for `dim`) and ``out=``.

The schemas lie in calls.txt, one per line behind the letters `f` and `m`: whether torch has the
function and Tensor the method. They are those of PyTorch 2.13's `native_functions.yaml`; the
parsers that PyTorch writes by hand (`size`, `copy_`) stand beside them in the same notation.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

from .._core import MISSING, Tensor
from . import overriding
from .prototype import Pending

_schemas: dict[str, dict[str, list[str]]] = {}
_VARIADIC = 0x0C  # CO_VARARGS | CO_VARKEYWORDS


#: What makes plain tensors of whatever it is given.
_NOT_OVERRIDDEN = frozenset(("tensor", "new_tensor", "is_tensor", "is_storage"))


class Odd(Exception):
    """A call that a guard does not pass on as it is."""


def _table() -> dict[str, dict[str, list[str]]]:
    if not _schemas:
        from pathlib import Path

        found: dict[str, dict[str, list[str]]] = {"f": {}, "m": {}}
        text = Path(__file__).with_name("calls.txt").read_text(encoding="utf-8")
        for line in text.splitlines():
            schema = line[3:]
            name = schema.partition("(")[0].partition(".")[0]
            for letter in line[:2].strip():
                found[letter].setdefault(name, []).append(schema)
        _schemas.update(found)
    return _schemas


def _parser(name: str, method: bool) -> Any:
    schemas = _table()["m" if method else "f"].get(name)
    if schemas is None:
        return None
    from .binding import parser

    return parser(name, tuple(schemas), method)


def refusal(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], method: bool
) -> TypeError | None:
    """Why the argument parser refuses a call of a public name; None where it does not."""
    found = _parser(name, method)
    if found is None:
        return None
    try:
        found.bind(args, kwargs)
    except TypeError as error:
        return error
    except Exception:
        return None
    return None


def retry(
    name: str, target: Any, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any],
    method: bool,
) -> Any:  # fmt: skip
    """A call that failed or was not passed on: with its arguments under other names, or raised."""
    if overriding.passed_on(error):
        raise error
    if overriding.special(args, kwargs):
        handled = overriding.handle(_public(name, method, target), args, kwargs, method)
        if handled is not overriding.UNHANDLED:
            return handled
    found = _parser(name, method)
    if found is None:
        if isinstance(error, Odd):
            return _named(target, name, method)(*args, **kwargs)
        raise error
    from .values import Trace

    try:
        given = args[1:] if method else args
        if method and not args:
            found.bind(args, kwargs)
        signature, values = found.resolve(given, kwargs, Trace())
        found.fill(signature, values, args[0] if method else None)
    except TypeError as refused:
        raise refused from None
    if not isinstance(error, Odd):
        raise error
    by_name = {p.name: p for p in signature.parameters}
    renamed: dict[str, Any] = {}
    out = None
    for key, value in kwargs.items():
        known = by_name.get(key) or next(
            p for p in signature.parameters if key in p.aliases
        )
        if known.name == "out" and "out" not in _parameters(target):
            out = value
        elif signature.varargs and known is signature.parameters[0] and not given:
            args = (*args, value)
        else:
            renamed[known.name] = value
    result = _named(target, name, method)(*args, **renamed)
    if out is None:
        return result
    from .promote import into

    return into(name, result, out)


def _public(name: str, method: bool, target: Any) -> Any:
    """The callable that users know by this name."""
    owner = Tensor if method else sys.modules[__name__.partition(".")[0]]
    return getattr(owner, name, target)


def _parameters(function: Any) -> tuple[str, ...]:
    code = function.__code__
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return names


def _named(function: Any, name: str, method: bool) -> Any:
    """The function under its public name, which Python's own TypeErrors show."""
    made = FunctionType(
        function.__code__, function.__globals__, name, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = f"Tensor.{name}" if method else name
    return made


def guard(name: str, target: Any, method: bool) -> Any:
    """A function that calls `target` and, if that fails, has the argument parser say why."""
    code = target.__code__
    names = _parameters(target)
    positional, keywords = names[: code.co_argcount], names[code.co_argcount :]
    if code.co_flags & _VARIADIC:
        head = "*args, **kw"
        call, everything, rest, odd = "*args, **kw", "args", "kw", ""
    else:
        head = ", ".join([*(f"{n}=M_" for n in positional), "*args",
                          *(f"{n}=M_" for n in keywords), "**kw"])  # fmt: skip
        call = ", ".join([*positional, *(f"{n}={n}" for n in keywords)])
        everything = f"given_(({''.join(n + ', ' for n in positional)}), D_) + args"
        rest = f"named_(kw, D_, {{{', '.join(f'{n!r}: {n}' for n in keywords)}}})"
        needed = len(positional) - len(target.__defaults__ or ())
        missing = "".join(f" or {n} is M_" for n in positional[:needed])
        odd = f"      if args or kw{missing}: raise Odd_\n"
    # Names of our own end in an underscore, as no parameter does: `target` and `r` are common.
    asked = "" if name in _NOT_OVERRIDDEN else (
        "    if ACTIVE_:\n"
        f"      handled_ = overridden_(call_, {everything}, {rest}, {method})\n"
        "      if handled_ is not UNHANDLED_: return handled_\n"
    )
    text = (
        "def make(target_, retry_, given_, named_, D_, M_, Odd_, ACTIVE_, overridden_, "
        "UNHANDLED_):\n"
        f"  def call_({head}):\n"
        f"{asked}"
        f"    try:\n{odd}"
        f"      return target_({call})\n"
        "    except Exception as error_:\n"
        f"      return retry_({name!r}, target_, error_, {everything}, {rest}, {method})\n"
        "  return call_\n"
    )
    space: dict[str, Any] = {}
    exec(compile(text, f"<rushlight call of {name}>", "exec"), space)
    defaults: dict[str, Any] = dict.fromkeys(names, MISSING)
    if target.__defaults__:
        defaults.update(
            zip(positional[-len(target.__defaults__) :], target.__defaults__, strict=True)
        )
    defaults.update(target.__kwdefaults__ or {})
    made = space["make"](
        target, retry, _given, _named_arguments, defaults, MISSING, Odd, overriding.ACTIVE,
        overriding.handle, overriding.UNHANDLED,
    )
    if not code.co_flags & _VARIADIC:
        made.__defaults__ = tuple(defaults[n] for n in positional)
        made.__kwdefaults__ = {n: defaults[n] for n in keywords} or None
    made.__name__ = made.__qualname__ = name
    made.__module__ = "torch"
    made.__doc__ = target.__doc__
    made.__wrapped__ = getattr(target, "__wrapped__", target)
    return made


def _given(values: tuple[Any, ...], defaults: dict[str, Any]) -> tuple[Any, ...]:
    """The positional arguments without those at the end that stand at their defaults."""
    standing = list(defaults.values())
    n = len(values)
    while n and values[n - 1] is standing[n - 1]:
        n -= 1
    return values[:n]


def _named_arguments(
    unknown: dict[str, Any], defaults: dict[str, Any], keywords: dict[str, Any]
) -> dict[str, Any]:
    return {n: v for n, v in keywords.items() if v is not defaults[n]} | unknown


def stub(owner: Any, name: str, target: Any, method: bool) -> Any:
    """A function for ``owner.name`` that replaces itself by the guard at its first call."""

    made: Any = None

    def settle() -> Any:
        nonlocal made
        if made is None:
            made = guard(name, target, method)
            if getattr(owner, name, None) is first_call:
                setattr(owner, name, made)
        return made

    def first_call(*args: Any, **kwargs: Any) -> Any:
        return settle()(*args, **kwargs)

    first_call.__name__ = first_call.__qualname__ = name
    first_call.__module__ = "torch"
    first_call.__doc__ = target.__doc__
    first_call.__wrapped__ = Pending(settle)  # type: ignore[attr-defined]
    return first_call


def tensors_first(function: Any, name: str, **wanted: tuple[str, int]) -> Any:
    """`function`, which is written in Python, with the parser's error for arguments that are no
    tensors. `wanted`: parameter -> its name and position in PyTorch's inner call of `name`."""
    parameters = _parameters(function)

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (AttributeError, TypeError) as error:
            given = {**dict(zip(parameters, args, strict=False)), **kwargs}
            for parameter, (label, position) in wanted.items():
                value = given.get(parameter, MISSING)
                if value is MISSING or isinstance(value, Tensor):
                    continue
                if overriding.implementation(value) is not None:
                    break
                raise TypeError(
                    f"{name}(): argument '{label}' (position {position}) must be Tensor, not "
                    f"{type(value).__name__}"
                ) from error
            raise

    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(call, attribute, getattr(function, attribute))
    call.__wrapped__ = function  # type: ignore[attr-defined]
    return call
