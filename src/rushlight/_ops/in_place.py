"""In-place forms of rows that have several overloads, or fast ways of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core import Tensor
from .._tensor import registry
from ..autograd import inplace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def register_twin(row: Any, name: str) -> None:
    """Register the in-place twin of a row with a single schema."""
    registry.public(name, inplace.twin(row, name), torch=False)


def written(row: Any) -> Callable[..., Any]:
    """A target ``(x, *arguments) -> x`` that writes the row's result into `x`."""
    saves_input = any(row.save_name(save) == row.inputs[0] for save in row.saves)

    def target(x: Tensor, *arguments: Any) -> Tensor:
        inplace.check_writable(x)
        copied = saves_input and not inplace._untracked(x, arguments)
        return inplace.write(x, row.call(inplace.shadow_of(x, copied), *arguments))

    if row.positional == len(row.order):
        return target

    def with_keywords(x: Tensor, *arguments: Any) -> Tensor:
        inplace.check_writable(x)
        copied = saves_input and not inplace._untracked(x, arguments)
        n = row.positional - 1
        names = row.public_names[row.positional :]
        keywords = dict(zip(names, arguments[n:], strict=True))
        result = row.call(inplace.shadow_of(x, copied), *arguments[:n], **keywords)
        return inplace.write(x, result)

    return with_keywords


def called(row: Any) -> Callable[..., Any]:
    """A target that takes all arguments by position, keyword-only ones included."""
    if row.positional == len(row.order):
        return lambda *arguments: row.call(*arguments)
    names = row.public_names[row.positional :]
    n = row.positional
    return lambda *arguments: row.call(
        *arguments[:n], **dict(zip(names, arguments[n:], strict=True))
    )


def in_place_overloads(name: str, rows: Sequence[Any]) -> None:
    """Register ``Tensor.name`` over the in-place twins of several rows."""
    registry.overloaded(
        name, *((_in_place_schema(row.schemas[0], name), written(row)) for row in rows),
        function=False,
    )  # fmt: skip


def _in_place_schema(schema: str, name: str) -> str:
    head, _, rest = schema.partition("(")
    overload = head.partition(".")[2]
    arguments = rest.replace("Tensor self", "Tensor(a!) self", 1).rpartition(" -> ")[0]
    return f"{name}.{overload}({arguments} -> Tensor(a!)" if overload else (
        f"{name}({arguments} -> Tensor(a!)"
    )
