"""Named tuples of ops with several outputs: ``torch.return_types.max`` and the like."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

_MADE: dict[str, type] = {}


def return_type(name: str, fields: tuple[str, ...]) -> Any:
    """A callable ``(*outputs) -> named tuple`` that prints as PyTorch's."""
    made = _MADE.get(name)
    if made is None:
        made = _MADE[name] = type(
            name,
            (_Result,),
            {"__slots__": (), "__module__": "torch.return_types", "_fields": fields,
             "n_fields": len(fields), "n_sequence_fields": len(fields), "n_unnamed_fields": 0,
             **{f: property(itemgetter(i)) for i, f in enumerate(fields)}},
        )  # fmt: skip
    kind = made

    def build(*outputs: Any) -> Any:
        return tuple.__new__(kind, outputs)

    return build


def all_return_types() -> dict[str, type]:
    return _MADE


class _Result(tuple):
    """A tuple whose items also have names."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __new__(cls, items: Any) -> Any:
        return tuple.__new__(cls, items)

    def __repr__(self) -> str:
        items = [f"{f}={_indented(v)}" for f, v in zip(self._fields, self, strict=True)]
        return f"torch.return_types.{type(self).__name__}(\n" + ",\n".join(items) + ")"

    def __reduce__(self) -> Any:
        return _rebuild, (type(self).__name__, self._fields, tuple(self))


def _indented(value: Any) -> str:
    return repr(value)


def _rebuild(name: str, fields: tuple[str, ...], items: tuple[Any, ...]) -> Any:
    return return_type(name, fields)(*items)
