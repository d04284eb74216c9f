"""Where a module keeps its parameters, buffers and submodules.

PyTorch finds them in ``Module.__getattr__``, that is after an ordinary lookup has failed: 0.4 us
for every ``self.weight``. Here the dicts also write their entries into the owner's ``__dict__``,
where the ordinary lookup finds them. They note every change as a change of structure, by whatever
route it is made (capture.md, rule 14). Pickles and copies hold plain dicts.
"""

from __future__ import annotations

from typing import Any

from ..._core import MISSING, changed_structure

#: The attributes of a module that are registries.
REGISTRIES = ("_parameters", "_buffers", "_modules")


class Registry(dict[str, Any]):
    """A dict whose entries are also attributes of the module that owns it."""

    __slots__ = ("__weakref__", "_attributes")

    def __init__(self, attributes: dict[str, Any], entries: Any = ()) -> None:
        dict.__init__(self, entries)
        self._attributes = attributes
        attributes.update(self)

    def __setitem__(self, name: str, value: Any) -> None:
        dict.__setitem__(self, name, value)
        self._attributes[name] = value
        changed_structure()

    def __delitem__(self, name: str) -> None:
        dict.__delitem__(self, name)
        self._attributes.pop(name, None)
        changed_structure()

    def pop(self, name: str, default: Any = MISSING) -> Any:
        if name not in self:
            if default is MISSING:
                raise KeyError(name)
            return default
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        if not self:
            raise KeyError("popitem(): dictionary is empty")
        name = next(reversed(self))
        return name, self.pop(name)

    def clear(self) -> None:
        for name in list(self):
            del self[name]

    def update(self, *others: Any, **entries: Any) -> None:
        for name, value in dict(*others, **entries).items():
            self[name] = value

    def __ior__(self, other: Any) -> Registry:  # type: ignore[override,misc]
        self.update(other)
        return self

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def move_to_end(self, name: str, last: bool = True) -> None:
        """Reorder as an OrderedDict does (older code relies on it)."""
        rest = {k: v for k, v in self.items() if k != name}
        moved = {name: self[name]}
        order = rest | moved if last else moved | rest
        dict.clear(self)
        dict.update(self, order)

    def copy(self) -> dict[str, Any]:
        return dict(self)

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (dict(self),)


def plain_state(attributes: dict[str, Any]) -> dict[str, Any]:
    """The state of a module as PyTorch has it: plain dicts, nothing twice."""
    state = dict(attributes)
    for key in REGISTRIES:
        entries = attributes.get(key)
        if isinstance(entries, Registry):
            for name, value in entries.items():
                if state.get(name, MISSING) is value:
                    del state[name]
    for key in REGISTRIES:
        entries = attributes.get(key)
        if isinstance(entries, Registry):
            state[key] = dict(entries)
    state.pop("_special", None)
    return state


def register_entries(attributes: dict[str, Any]) -> None:
    """Turn the plain dicts of a state into registries."""
    for key in REGISTRIES:
        entries = attributes.get(key)
        if entries is not None:
            attributes[key] = Registry(attributes, entries)
