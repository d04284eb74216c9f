"""Arguments of a call, bound to one of an op's schemas as PyTorch's argument parser does it.

The first signature that takes the arguments wins; when none does, the TypeError says why in
PyTorch's words.
"""

from __future__ import annotations

from .messages import invalid_combination
from .signatures import Parameter, PythonSignature, default_value, python_signatures
from .values import KINDS, Trace, configure, convert, convert_tensors, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

__all__ = ["Parser", "bind", "configure", "parser"]


class Parser:
    """The signatures of one op, made when the first call needs them.

    Args:
        op_name: the name that messages show.
        schemas: the schema strings; results refer to them by index.
        method: whether the first positional argument is the tensor itself.
    """

    __slots__ = ("_signatures", "method", "op_name", "schemas")

    def __init__(self, op_name: str, schemas: Sequence[str], method: bool = False) -> None:
        self.op_name = op_name
        self.schemas = tuple(schemas)
        self.method = method
        self._signatures: list[PythonSignature] | None = None

    @property
    def signatures(self) -> list[PythonSignature]:
        """The signatures in the order in which they are tried, hidden ones last."""
        if self._signatures is None:
            self._signatures = python_signatures(self.op_name, self.schemas, self.method)
        return self._signatures

    def resolve(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], trace: Trace
    ) -> tuple[PythonSignature, list[Any]]:
        """The signature that takes the arguments (without the tensor of a method), and them.

        Raises:
            TypeError: no signature takes them.
        """
        signatures = self.signatures
        if len(signatures) == 1:
            if self.method and not signatures[0].parameters:
                self._check_no_arguments(args, kwargs)
            found = self._match(signatures[0], args, kwargs, trace, raising=True)
            assert found is not None
            return signatures[0], found
        for signature in signatures:
            tried = Trace()
            found = self._match(signature, args, kwargs, tried, raising=False)
            trace.lists += tried.lists
            if found is not None:
                trace.by_value |= tried.by_value
                if signature.hidden:
                    self._warn_deprecated(signature)
                return signature, found
            if tried.by_value and not self._fails_by_type(signature, args, kwargs):
                trace.by_value = True
        count = len(args) + len(kwargs)
        visible = [s for s in signatures if not s.hidden]
        plausible = [s for s in visible if s.min_args <= count <= len(s.parameters)]
        if len(plausible) == 1:
            self._match(plausible[0], args, kwargs, trace, raising=True)
        options = [signature.text() for signature in visible]
        raise TypeError(invalid_combination(self.op_name, options, args, kwargs))

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[int, list[Any]]:
        """(index of the schema, its arguments in order): see the function `bind`."""
        itself = None
        if self.method:
            if not args:
                raise TypeError(f"unbound method TensorBase.{self.op_name}() needs an argument")
            itself, args = args[0], args[1:]
        signature, found = self.resolve(args, kwargs, Trace())
        return self.fill(signature, found, itself)

    def fill(
        self, signature: PythonSignature, found: list[Any], itself: Any
    ) -> tuple[int, list[Any]]:
        """The schema behind a resolved call and its arguments, converted, defaults included."""
        parameters = signature.parameters
        values = []
        for position, (parameter, value) in enumerate(zip(parameters, found, strict=True)):
            if value is None:
                values.append(default_value(parameter))
            else:
                where = f"{self.op_name}(): argument '{parameter.name}'"
                values.append(
                    convert(
                        parameter.kind, parameter.size, value, where, position, parameter.nullable
                    )
                )
        if signature.out is not None and not self.method:
            place = next(i for i, p in enumerate(parameters) if p.name == "out")
            if values[place] is not None or signature.base is None:
                size = parameters[place].size
                if size and len(values[place]) != size:
                    raise TypeError(
                        f"expected tuple of {size} elements but got {len(values[place])}"
                    )
                return signature.out, [
                    values[i] if item is None else values[i][item]
                    for i, item in signature.out_slots
                ]
        assert signature.base is not None
        return signature.base, [
            itself if i == -1 else 1 if i == -2 else values[i] for i in signature.base_slots
        ]

    def _match(
        self,
        signature: PythonSignature,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        trace: Trace,
        *,
        raising: bool,
    ) -> list[Any] | None:
        """The arguments by parameter, None where a default stands, or None for no match."""
        given = len(args)
        if given > signature.max_positional and not signature.varargs:
            if raising:
                self._extra_positional(signature, given)
            return None
        found: list[Any] = []
        position = 0
        keywords_left = len(kwargs)
        for index, parameter in enumerate(signature.parameters):
            keyword = position >= given
            if not keyword:
                if parameter.keyword_only:
                    if raising:
                        self._extra_positional(signature, given)
                    return None
                value, present = args[position], True
            else:
                value, present = self._keyword_value(parameter, kwargs)
            if (not present and parameter.has_default) or (
                present and value is None and parameter.allow_none
            ):
                found.append(None)
            elif not present:
                if raising:
                    self._missing(signature, index)
                return None
            elif KINDS[parameter.kind][1](value, parameter.size, trace):
                if parameter.kind == "Tensor[]":
                    # A list with something else in it ends the search: PyTorch raises here.
                    convert_tensors(value, index, parameter.nullable)
                found.append(value)
            elif (
                not keyword
                and position == 0
                and signature.varargs
                and KINDS["int[]"][1](args, 0, trace)
            ):
                found.append(args)
                position = given
                continue
            elif raising:
                self._wrong_type(signature, parameter, value, None if keyword else index, given)
            else:
                return None
            if not keyword:
                position += 1
            elif present:
                keywords_left -= 1
        if position < given:
            if raising:
                self._extra_positional(signature, given)
            return None
        if keywords_left > 0:
            if raising:
                self._extra_keywords(signature, given, kwargs)
            return None
        return found

    def _fails_by_type(
        self, signature: PythonSignature, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> bool:
        """Whether a signature refuses every call with arguments of these types."""
        if signature.varargs:
            return False
        for index, parameter in enumerate(signature.parameters):
            if index < len(args):
                value, present = args[index], True
            else:
                value, present = self._keyword_value(parameter, kwargs)
            if present and not (value is None and parameter.allow_none):
                tried = Trace()
                if not KINDS[parameter.kind][1](value, parameter.size, tried):
                    if not tried.by_value:
                        return True
        return False

    @staticmethod
    def _keyword_value(parameter: Parameter, kwargs: Mapping[str, Any]) -> tuple[Any, bool]:
        if parameter.name in kwargs:
            return kwargs[parameter.name], True
        for alias in parameter.aliases:
            if alias in kwargs:
                return kwargs[alias], True
        return None, False

    def _extra_positional(self, signature: PythonSignature, given: int) -> NoReturn:
        most, least = signature.max_positional, signature.min_args
        verb = "were"
        if least != most:
            counts = f"from {least} to {most} positional arguments"
        else:
            counts = f"{most} positional argument{'' if most == 1 else 's'}"
            verb = "was" if given == 1 else "were"
        raise TypeError(f"{self.op_name}() takes {counts} but {given} {verb} given")

    def _check_no_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if kwargs:
            raise TypeError(f"TensorBase.{self.op_name}() takes no keyword arguments")
        if args:
            raise TypeError(f"TensorBase.{self.op_name}() takes no arguments ({len(args)} given)")

    def _missing(self, signature: PythonSignature, index: int) -> NoReturn:
        names = [f'"{p.name}"' for p in signature.parameters[index:] if not p.has_default]
        # The plural is PyTorch's.
        plural = "s" if len(names) == 1 else ""
        raise TypeError(
            f"{self.op_name}() missing {len(names)} required positional argument{plural}: "
            + ", ".join(names)
        )

    def _wrong_type(
        self,
        signature: PythonSignature,
        parameter: Parameter,
        value: Any,
        index: int | None,
        given: int,
    ) -> NoReturn:
        if index is not None and given > signature.max_positional:
            self._extra_positional(signature, given)
        where = f"{self.op_name}(): argument '{parameter.name}'"
        if index is not None:
            where += f" (position {index + 1})"
        wanted = KINDS[parameter.kind][0]
        if index is not None and parameter.kind == "int[]" and isinstance(value, tuple | list):
            raise TypeError(
                f"{where} must be {wanted}, but found element of type "
                f"{type_name(value[0])} at pos 0"
            )
        raise TypeError(f"{where} must be {wanted}, not {type_name(value)}")

    def _extra_keywords(
        self, signature: PythonSignature, given: int, kwargs: Mapping[str, Any]
    ) -> NoReturn:
        places = {parameter.name: i for i, parameter in enumerate(signature.parameters)}
        for name in kwargs:
            place = places.get(name)
            if place is None:
                raise TypeError(f"{self.op_name}() got an unexpected keyword argument '{name}'")
            if place < given:
                raise TypeError(f"{self.op_name}() got multiple values for argument '{name}'")
        raise TypeError(f"invalid keyword arguments to {self.op_name}()")

    def _warn_deprecated(self, signature: PythonSignature) -> None:
        import warnings

        current = [s.text() for s in self.signatures if not s.hidden]
        lines = "".join(f"\n\t{self.op_name}{text}" for text in current)
        warnings.warn(
            f"This overload of {self.op_name} is deprecated:\n\t{self.op_name}{signature.text()}\n"
            f"Consider using one of the following signatures instead:{lines}",
            UserWarning,
            stacklevel=5,
        )


_parsers: dict[tuple[str, tuple[str, ...], bool], Parser] = {}


def parser(op_name: str, schemas: Sequence[str], method: bool = False) -> Parser:
    """The shared parser of an op."""
    key = (op_name, tuple(schemas), method)
    found = _parsers.get(key)
    if found is None:
        found = _parsers[key] = Parser(op_name, schemas, method)
    return found


def bind(
    op_name: str,
    schemas: Sequence[str],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    method: bool = False,
) -> tuple[int, list[Any]]:
    """Bind a call's arguments to one of an op's schemas.

    Args:
        op_name: the name that messages show, `"add"`.
        schemas: the op's schema strings, `out=` forms among them.
        args: positional arguments; with `method` the tensor comes first.
        method: whether the op is called as a method of its `self`.

    Returns:
        the index of the chosen schema and its arguments in the schema's order, every default
        filled in, lists of ints as tuples, numbers as Python's. A factory's list ends with
        `requires_grad`; behind the arguments of a factory's `out=` form come dtype, layout,
        device, pin_memory and requires_grad.

    Raises:
        TypeError: no schema takes the arguments; the text is PyTorch's.

    >>> bind("zeros", ["zeros(SymInt[] size, *, bool? flag=None) -> Tensor"], (2, 3), {})
    (0, [(2, 3), None])
    """
    return parser(op_name, schemas, method).bind(args, kwargs)
