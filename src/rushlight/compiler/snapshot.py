"""The structure that a plan relies upon, to be compared when the structural epoch has moved.

The epoch (`ctx.structure`) counts every change that could matter anywhere; most do not matter here.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .. import _core, _dtypes
from .reach import same_plain

if TYPE_CHECKING:
    from .recording import Recording

_PLAIN = (int, float, complex, str, bytes, bool, type(None))
#: What a tensor's `__dict__` may say differently without meaning a change of structure.
_PASSING = frozenset(("_grad", "_views", "_views_alive", "_accumulator"))


_PACKAGE = __name__.rpartition(".compiler")[0]
#: Modules that keep hooks on all modules and all optimizers, if they are loaded at all.
_HOOKED = (f"{_PACKAGE}.nn.modules._calling", f"{_PACKAGE}.optim.optimizer")


class Snapshot:
    """Modules, cells, optimizers and defaults as they were when a step was recorded."""

    def __init__(self, recording: Recording) -> None:
        self._modules = [(m, module_state(m)) for m in recording.modules]
        self._tensors = [(t, t._edge is not None, _state(t)) for t in recording.cells]
        self._optimizers = [(o, _optimizer_state(o)) for o in recording.optimizers]
        self._dtype = _dtypes.default.dtype
        self._hooks = bool(_core.ctx.hooks)
        self._everywhere = _everywhere()

    def holds(self) -> bool:
        """Whether everything is as it was."""
        if _core.ctx.anomaly is not None:
            return False
        if _dtypes.default.dtype is not self._dtype or bool(_core.ctx.hooks) != self._hooks:
            return False
        if _everywhere() != self._everywhere:
            return False
        for t, requires, state in self._tensors:
            if (t._edge is not None) is not requires or not same(_state(t), state):
                return False
        for o, state in self._optimizers:
            if not same(_optimizer_state(o), state):
                return False
        return all(same(module_state(m), known) for m, known in self._modules)


def _everywhere() -> list[Any]:
    """Hooks on all modules and on all optimizers."""
    found: list[Any] = []
    for module in _HOOKED:
        owner = sys.modules.get(module)
        if owner is None:
            continue  # not loaded: no hooks
        for name, value in vars(owner).items():
            if name.startswith("_global") and isinstance(value, dict):
                found.append(list(value.values()))
    return found


def _optimizer_state(o: Any) -> dict[str, Any]:
    """Its parameters, the tensors of its state, its hooks; numbers are read on every call."""
    return {
        "params": [list(g["params"]) for g in o.param_groups],
        "groups": list(o.param_groups),
        "state": [dict(s) for s in o.state.values()],
        "hooks": [
            list(v.values()) for k, v in o.__dict__.items() if "hook" in k and isinstance(v, dict)
        ],
    }


def _state(t: Any) -> dict[str, Any]:
    return {k: _frozen(v) for k, v in t.__dict__.items() if k not in _PASSING}


def module_state(module: Any) -> dict[str, Any]:
    """The attributes of a module, dicts and lists by their entries."""
    return {k: _frozen(v) for k, v in module.__dict__.items()}


def _frozen(value: Any) -> Any:
    """Dicts and lists by their entries, for they change in place."""
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, list):
        return list(value)
    return value


def same(now: Any, then: Any) -> bool:
    """Whether two states hold the same objects, or equal numbers and texts."""
    if now is then:
        return True
    if isinstance(now, dict) and isinstance(then, dict):
        return list(now) == list(then) and all(same(v, then[k]) for k, v in now.items())
    if isinstance(now, list) and isinstance(then, list):
        return len(now) == len(then) and all(map(same, now, then))
    if type(now) in _PLAIN and type(now) is type(then):
        return same_plain(now, then)
    return False
