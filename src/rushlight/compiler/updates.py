"""Learning rates and the other numbers of parameter groups, as a plan reads them.

A group's values are compared with what they were (one list comparison); only where something
changed are the numbers read again, and the choices that the optimizer's formula was recorded with
checked (contract, rule 7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core import Tensor

if TYPE_CHECKING:
    from .executable import Executable


class Groups:
    """The parameter groups that a plan reads.

    Attributes:
        groups: the dicts; `known` their values at the last look.
        always: whether to look on every call: a number is in a tensor, or a choice depends on
            how many steps were made.
        loose: readers of numbers that belong to no group.
    """

    def __init__(self, executable: Executable) -> None:
        tracer = executable.recording.tracer
        self._scalars = executable.scalars
        self.groups: list[dict[str, Any]] = []
        self.known: list[list[Any]] = []
        self.always: list[bool] = []
        self._readers: list[list[tuple[int, Any]]] = []
        self._updates: list[list[tuple[Any, dict[str, Any], list[Tensor]]]] = []
        self.loose: list[tuple[int, Any]] = []
        numbers: dict[int, int] = {}

        def number_of(group: dict[str, Any]) -> int:
            found = numbers.get(id(group))
            if found is None:
                found = numbers[id(group)] = len(self.groups)
                self.groups.append(group)
                self.known.append([])
                self.always.append(any(isinstance(v, Tensor) for v in _flat(group.values())))
                self._readers.append([])
                self._updates.append([])
            return found

        for entry, (read, group) in enumerate(tracer.scalars):
            if group is None:
                self.loose.append((entry, read))
            else:
                self._readers[number_of(group)].append((entry, read))
        for optimizer, group, attributes, counts in executable.recording.program.updates:
            number = number_of(group)
            self._updates[number].append((optimizer, attributes, counts))
            if counts and _counts_matter(optimizer):
                self.always[number] = True
        self.read()

    def refresh(self, number: int) -> bool:
        """Read a group's numbers again; whether the recorded choices still hold."""
        group = self.groups[number]
        if self._readers[number] or self._updates[number]:
            for optimizer, attributes, counts in self._updates[number]:
                values = [float(c._data) for c in counts]
                choices = optimizer._choices(group, False, values)
                if tuple(choices) != tuple(attributes.values()):
                    return False
        for entry, read in self._readers[number]:
            self._scalars[entry] = read()
        self.known[number] = [*group.values()]
        return True

    def renew(self) -> bool:
        """Read the numbers of every group that changed; whether the recorded choices hold."""
        return all(
            self.refresh(number) for number, group in enumerate(self.groups)
            if [*group.values()] != self.known[number]
        )

    def read(self) -> None:
        """Read the numbers that belong to no group."""
        for entry, read in self.loose:
            self._scalars[entry] = read()


def _flat(values: Any) -> Any:
    for v in values:
        if isinstance(v, tuple):
            yield from v
        else:
            yield v


def _counts_matter(optimizer: Any) -> bool:
    """Whether an optimizer's choices depend on the number of steps made."""
    code = type(optimizer)._choices.__code__
    import dis

    return any(
        i.opname.startswith("LOAD_FAST") and "counts" in (
            i.argval if isinstance(i.argval, tuple) else (i.argval,))
        for i in dis.get_instructions(code)
    )  # fmt: skip
