"""The structure that a plan relies upon, to be compared when the structural epoch has moved.

The epoch (`ctx.structure`) counts every change that could matter anywhere; most do not matter here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _core, _dtypes

if TYPE_CHECKING:
    from .capture import Recording

_PLAIN = (int, float, complex, str, bytes, bool, type(None))
#: What a tensor's `__dict__` may say differently without meaning a change of structure.
_PASSING = frozenset(("_grad", "_views", "_views_alive", "_accumulator"))


class Snapshot:
    """Modules, cells and defaults as they were when a step was recorded."""

    def __init__(self, recording: Recording) -> None:
        self._modules = [
            (m, _contents(m)) for m in recording.modules
        ]
        self._tensors = [(t, t._edge is not None, _state(t)) for t in recording.cells]
        self._dtype = _dtypes.default
        self._hooks = bool(_core.ctx.hooks)

    def holds(self) -> bool:
        """Whether everything is as it was."""
        if _dtypes.default is not self._dtype or bool(_core.ctx.hooks) != self._hooks:
            return False
        for t, requires, state in self._tensors:
            if (t._edge is not None) is not requires or not _same(_state(t), state):
                return False
        return all(_same(_contents(m), known) for m, known in self._modules)


def _state(t: Any) -> dict[str, Any]:
    return {k: _frozen(v) for k, v in t.__dict__.items() if k not in _PASSING}


def _contents(module: Any) -> dict[str, Any]:
    return {k: _frozen(v) for k, v in module.__dict__.items()}


def _frozen(value: Any) -> Any:
    """Dicts and lists by their entries, for they change in place."""
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, list):
        return list(value)
    return value


def _same(now: Any, then: Any) -> bool:
    if now is then:
        return True
    if isinstance(now, dict) and isinstance(then, dict):
        return now.keys() == then.keys() and all(_same(v, then[k]) for k, v in now.items())
    if isinstance(now, list) and isinstance(then, list):
        return len(now) == len(then) and all(map(_same, now, then))
    if type(now) in _PLAIN and type(now) is type(then):
        return bool(now == then)
    return False
