"""State dicts of modules: made by ``state_dict``, read by ``load_state_dict``."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..._core import Tensor
from ...utils.hooks import RemovableHandle
from ..parameter import Parameter, is_lazy
from ._modes import no_grad

if TYPE_CHECKING:
    from .module import Module

EXTRA_STATE = "_extra_state"
_STATE_DICT_PAGE = (
    "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict"
)


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ("missing_keys", "unexpected_keys"))):
    """What ``load_state_dict`` returns: the keys that only one side had."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class WithModule:
    """A load_state_dict pre-hook that is also given its module; survives pickling."""

    def __init__(self, hook: Any, module: Any = None) -> None:
        import weakref

        self.hook = hook
        self.__name__ = getattr(hook, "__name__", type(hook).__name__)
        self.with_module = module is not None
        self.module: Any = weakref.ref(module) if module is not None else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.with_module:
            module = self.module()
            if module is None:
                raise RuntimeError("You are trying to call the hook of a dead Module!")
            return self.hook(module, *args, **kwargs)
        return self.hook(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        state = {"hook": self.hook, "with_module": self.with_module}
        if self.with_module:
            state["module"] = self.module()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["hook"], state.get("module"))  # type: ignore[misc]


def register_state_dict_post_hook(self: Module, hook: Any) -> RemovableHandle:
    """Call ``hook(module, state_dict, prefix, local_metadata)`` after ``state_dict()``."""
    hook._from_public_api = True
    handle = RemovableHandle(self._state_dict_hooks)
    self._state_dict_hooks[handle.id] = hook
    return handle


def _register_state_dict_hook(self: Module, hook: Any) -> RemovableHandle:
    if getattr(hook, "_from_public_api", False):
        raise RuntimeError(
            "Cannot register the same function as the state dict post hook that was previously "
            "registered via register_state_dict_post_hook"
        )
    handle = RemovableHandle(self._state_dict_hooks)
    self._state_dict_hooks[handle.id] = hook
    return handle


def register_state_dict_pre_hook(self: Module, hook: Any) -> RemovableHandle:
    """Call ``hook(module, prefix, keep_vars)`` before ``state_dict()``."""
    handle = RemovableHandle(self._state_dict_pre_hooks)
    self._state_dict_pre_hooks[handle.id] = hook
    return handle


def _register_load_state_dict_pre_hook(
    self: Module, hook: Any, with_module: bool = False
) -> RemovableHandle:
    handle = RemovableHandle(self._load_state_dict_pre_hooks)
    self._load_state_dict_pre_hooks[handle.id] = WithModule(hook, self if with_module else None)
    return handle


def register_load_state_dict_pre_hook(self: Module, hook: Any) -> RemovableHandle:
    """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
    unexpected_keys, error_msgs)`` before ``load_state_dict()``."""
    return self._register_load_state_dict_pre_hook(hook, with_module=True)


def register_load_state_dict_post_hook(self: Module, hook: Any) -> RemovableHandle:
    """Call ``hook(module, incompatible_keys)`` after ``load_state_dict()``."""
    handle = RemovableHandle(self._load_state_dict_post_hooks)
    self._load_state_dict_post_hooks[handle.id] = hook
    return handle


def _overrides(self: Module, name: str) -> bool:
    """Whether the module's class has its own get_extra_state or set_extra_state."""
    plain = {"get_extra_state": get_extra_state, "set_extra_state": set_extra_state}[name]
    return getattr(type(self), name, plain) is not plain


def get_extra_state(self: Module) -> Any:
    """Further state to go into the state dict; override it together with set_extra_state."""
    raise RuntimeError(_never("get_extra_state"))


def set_extra_state(self: Module, state: Any) -> None:
    """Take back what ``get_extra_state`` gave."""
    raise RuntimeError(_never("set_extra_state"))


def _never(name: str) -> str:
    return (
        f"Reached a code path in Module.{name}() that should never be called. Please file an issue "
        "at https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this "
        "bug."
    )


def _save_to_state_dict(self: Module, destination: Any, prefix: str, keep_vars: bool) -> None:
    """Put this module's own entries, not its children's, into `destination`."""
    for name, parameter in self._parameters.items():
        if parameter is not None:
            destination[prefix + name] = parameter if keep_vars else parameter.detach()
    for name, buffer in self._buffers.items():
        if buffer is not None and name not in self._non_persistent_buffers_set:
            destination[prefix + name] = buffer if keep_vars else buffer.detach()
    if _overrides(self, "get_extra_state"):
        destination[prefix + EXTRA_STATE] = self.get_extra_state()


def state_dict(
    self: Module, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
) -> Any:
    """The parameters and persistent buffers by path, in an ordered dict.

    They share memory with the module; they are detached unless `keep_vars`.

    Args:
        destination: the dict to fill.
        prefix: put before every key.
        keep_vars: give the parameters themselves.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html

    >>> import rushlight as torch
    >>> list(torch.nn.Linear(2, 1).state_dict())
    ['weight', 'bias']
    """
    if args:
        import warnings

        warnings.warn(
            "Positional args are being deprecated, use kwargs instead. Refer to "
            f"{_STATE_DICT_PAGE} for details.",
            FutureWarning,
            stacklevel=2,
        )
        if destination is None:
            destination = args[0]
        if len(args) > 1 and prefix == "":
            prefix = args[1]
        if len(args) > 2 and keep_vars is False:
            keep_vars = args[2]
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()
    local_metadata: dict[str, Any] = {"version": self._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = local_metadata
    for hook in self._state_dict_pre_hooks.values():
        hook(self, prefix, keep_vars)
    self._save_to_state_dict(destination, prefix, keep_vars)
    for name, module in self._modules.items():
        if module is not None:
            module.state_dict(
                destination=destination, prefix=prefix + name + ".", keep_vars=keep_vars
            )
    for hook in self._state_dict_hooks.values():
        result = hook(self, destination, prefix, local_metadata)
        if not getattr(hook, "_from_public_api", False):
            if result is not None:
                destination = result
        elif result is not None:
            raise RuntimeError("state_dict post-hook must return None")
    return destination


def _load_from_state_dict(
    self: Module,
    state_dict: Any,
    prefix: str,
    local_metadata: Any,
    strict: bool,
    missing_keys: list[str],
    unexpected_keys: list[str],
    error_msgs: list[str],
) -> None:
    """Take this module's own entries, not its children's, from `state_dict`."""
    for hook in self._load_state_dict_pre_hooks.values():
        hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
    own: dict[str, Any] = dict(self._parameters)
    for name, buffer in self._buffers.items():
        if name not in self._non_persistent_buffers_set:
            own[name] = buffer
    own = {name: value for name, value in own.items() if value is not None}
    assign = local_metadata.get("assign_to_params_buffers", False)
    for name, target in own.items():
        key = prefix + name
        if key in state_dict:
            problem = _take(self, name, target, key, state_dict[key], assign)
            if problem:
                error_msgs.append(problem)
        elif strict:
            missing_keys.append(key)
    extra = prefix + EXTRA_STATE
    if _overrides(self, "set_extra_state"):
        if extra in state_dict:
            self.set_extra_state(state_dict[extra])
        elif strict:
            missing_keys.append(extra)
    elif strict and extra in state_dict:
        unexpected_keys.append(extra)
    if strict:
        for key in state_dict:
            if key.startswith(prefix) and key != extra:
                name, dot, _ = key[len(prefix) :].partition(".")
                if name not in (self._modules if dot else own):
                    unexpected_keys.append(key)


def _take(
    self: Module, name: str, target: Tensor, key: str, value: Any, assign: bool
) -> str | None:
    """Copy `value` into the parameter or buffer `name`; returns what went wrong."""
    if not isinstance(value, Tensor) and not hasattr(type(value), "__torch_function__"):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
            f"object from checkpoint but received {type(value)}"
        )
    if is_lazy(target):
        return None  # the value is lazy too: a lazy module took its shape before
    if not target.shape and len(value.shape) == 1:
        value = value[0]  # scalars in files of PyTorch before 0.4
    if value.shape != target.shape:
        return (
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
            f"the shape in current model is {target.shape}."
        )
    try:
        with no_grad():
            if not assign:
                target.copy_(value)
                return None
            if isinstance(target, Parameter):
                wanted = target.requires_grad
                if not isinstance(value, Parameter):
                    value = Parameter(value, requires_grad=wanted)
                else:
                    value.requires_grad_(wanted)
            setattr(self, name, value)
    except Exception as error:
        return (
            f'While copying the parameter named "{key}", whose dimensions in the model are '
            f"{target.size()} and whose dimensions in the checkpoint are {value.size()}, "
            f"an exception occurred : {error.args}."
        )
    return None


def load_state_dict(
    self: Module, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
) -> Any:
    """Copy parameters and buffers from `state_dict` into this module and those below it.

    Args:
        state_dict: values by path, as ``state_dict()`` gives them.
        strict: insist that the keys are exactly those of this module.
        assign: take the given tensors themselves instead of copying their values.

    Returns:
        A named tuple of the missing and the unexpected keys.

    Raises:
        TypeError: `state_dict` is not a mapping.
        RuntimeError: keys are missing or unexpected (with `strict`), or sizes differ.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html

    >>> import rushlight as torch
    >>> one, other = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    >>> other.load_state_dict(one.state_dict())
    <All keys matched successfully>
    """
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    missing: list[str] = []
    unexpected: list[str] = []
    problems: list[str] = []
    metadata = getattr(state_dict, "_metadata", None)
    entries: Any = OrderedDict(state_dict)
    if metadata is not None:
        entries._metadata = metadata

    def load(module: Module, state: Any, prefix: str = "") -> None:
        local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
        if assign:
            local_metadata["assign_to_params_buffers"] = assign
        module._load_from_state_dict(
            state, prefix, local_metadata, True, missing, unexpected, problems
        )
        for name, child in module._modules.items():
            if child is not None:
                below = f"{prefix}{name}."
                load(child, {k: v for k, v in state.items() if k.startswith(below)}, below)
        incompatible = _IncompatibleKeys(missing, unexpected)
        for hook in module._load_state_dict_post_hooks.values():
            if hook(module, incompatible) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected "
                    "to return new values, if incompatible_keys need to be modified, it should be "
                    "done inplace."
                )

    load(self, entries)
    if strict:
        if unexpected:
            keys = ", ".join(f'"{k}"' for k in unexpected)
            problems.insert(0, f"Unexpected key(s) in state_dict: {keys}. ")
        if missing:
            keys = ", ".join(f'"{k}"' for k in missing)
            problems.insert(0, f"Missing key(s) in state_dict: {keys}. ")
    if problems:
        raise RuntimeError(
            "Error(s) in loading state_dict for {}:\n\t{}".format(
                type(self).__name__, "\n\t".join(problems)
            )
        )
    return _IncompatibleKeys(missing, unexpected)
