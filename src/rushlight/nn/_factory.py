"""``nn.factory_kwargs``: the arguments by which layers make their tensors."""

from __future__ import annotations

from typing import Any


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """The ``device``, ``dtype`` and ``memory_format`` of `kwargs`, also from its entry
    ``factory_kwargs``.

    Raises:
        TypeError: there are others, or one is given twice.
    """
    if kwargs is None:
        return {}
    names = {"device", "dtype", "memory_format"}
    extra = kwargs.keys() - names - {"factory_kwargs"}
    if extra:
        raise TypeError(f"unexpected kwargs {extra}")
    found = dict(kwargs.get("factory_kwargs", {}))
    for name in names & kwargs.keys():
        if name in found:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        found[name] = kwargs[name]
    return found
