"""`Module`: the base of every layer and model.

Its methods stand by subject in the private files beside this one: `_traversal`, `_state`,
`_moving`, `_calling`; how attributes become parameters is here.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ..._core import Tensor, changed_structure
from ..parameter import Buffer, Parameter
from . import _calling, _moving, _state, _traversal
from ._calling import (
    _global_buffer_registration_hooks,
    _global_module_registration_hooks,
    _global_parameter_registration_hooks,
    everywhere,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)  # fmt: skip
from ._registry import Registry, plain_state, register_entries
from ._state import _IncompatibleKeys

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Module",
    "_IncompatibleKeys",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

#: Ordered dicts that every module has, by attribute.
_DICTS = (
    "_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)  # fmt: skip
#: Attributes whose assignment a captured step or the next call must notice.
_WATCHED = frozenset(("training", *_calling.HOOKS))
_BACKWARD_FIRST = ("_backward_hooks", *_calling.HOOKS)
_PLAIN = frozenset((int, float, bool, str, tuple, list, dict))
_missing: Any = object()


def _typename(value: Any) -> str:
    """A type's name as PyTorch's messages spell it: ``torch.FloatTensor``, ``int``."""
    if isinstance(value, Tensor):
        return str(value.type())
    kind = value if hasattr(value, "__qualname__") else type(value)
    home = getattr(kind, "__module__", "") or ""
    if home == "rushlight" or home.startswith("rushlight."):
        home = "torch" + home[len("rushlight") :]
    return (
        kind.__qualname__
        if home in ("", "builtins", "__builtin__")
        else (f"{home}.{kind.__qualname__}")
    )


def _addindent(text: str, spaces: int) -> str:
    """`text` with every line but the first moved to the right."""
    return text.replace("\n", "\n" + " " * spaces)


def _forward_unimplemented(self: Module, *input: Any) -> None:
    """What a call computes; every subclass has its own."""
    raise NotImplementedError(
        f'Module [{type(self).__name__}] is missing the required "forward" function'
    )


class Module:
    """Base class of layers and models.

    Parameters, buffers and modules assigned as attributes are found by ``parameters()``,
    ``state_dict()``, ``to()`` and the rest. Subclasses call ``super().__init__()`` first and
    define ``forward``; a call of the module runs it, with hooks around it.

    Attributes:
        training: whether the module trains (dropout and batch norm differ).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html

    >>> import rushlight as torch
    >>> class Scale(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.Parameter(torch.tensor(2.0))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()(torch.tensor([1.0, 2.0])).tolist()
    [2.0, 4.0]
    """

    dump_patches: bool = False
    _version: int = 1
    call_super_init: bool = False
    _compiled_call_impl: Any = None

    if TYPE_CHECKING:
        training: bool
        #: Whether a call must look for hooks or a compiled form.
        _special: bool
        _parameters: dict[str, Parameter | None]
        _buffers: dict[str, Tensor | None]
        _modules: dict[str, Module | None]
        _non_persistent_buffers_set: set[str]
        _backward_pre_hooks: dict[int, Callable[..., Any]]
        _backward_hooks: dict[int, Callable[..., Any]]
        _is_full_backward_hook: bool | None
        _forward_hooks: dict[int, Callable[..., Any]]
        _forward_hooks_with_kwargs: dict[int, bool]
        _forward_hooks_always_called: dict[int, bool]
        _forward_pre_hooks: dict[int, Callable[..., Any]]
        _forward_pre_hooks_with_kwargs: dict[int, bool]
        _state_dict_hooks: dict[int, Callable[..., Any]]
        _state_dict_pre_hooks: dict[int, Callable[..., Any]]
        _load_state_dict_pre_hooks: dict[int, Callable[..., Any]]
        _load_state_dict_post_hooks: dict[int, Callable[..., Any]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if self.call_super_init is False and kwargs:
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                f"'{next(iter(kwargs))}'"
            )
        if self.call_super_init is False and args:
            raise TypeError(
                f"{type(self).__name__}.__init__() takes 1 positional argument but "
                f"{len(args) + 1} were given"
            )
        state = self.__dict__
        state["training"] = True
        state["_parameters"] = Registry(state)
        state["_buffers"] = Registry(state)
        state["_non_persistent_buffers_set"] = set()
        for name in _DICTS:
            state[name] = OrderedDict()
        state["_is_full_backward_hook"] = None
        state["_modules"] = Registry(state)
        state["_special"] = False
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # ---- calls ------------------------------------------------------------------------------

    forward: Callable[..., Any] = _forward_unimplemented

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if everywhere or self._special:
            return _calling.call_special(self, args, kwargs)
        return self.forward(*args, **kwargs)

    _wrapped_call_impl = __call__
    _call_impl = _calling._call_impl
    register_forward_pre_hook = _calling.register_forward_pre_hook
    register_forward_hook = _calling.register_forward_hook
    register_backward_hook = _calling.register_backward_hook
    register_full_backward_hook = _calling.register_full_backward_hook
    register_full_backward_pre_hook = _calling.register_full_backward_pre_hook

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile this module's calls with ``torch.compile``; its arguments are the same."""
        from importlib import import_module

        compile_function = import_module("rushlight").compile
        self._compiled_call_impl = compile_function(self._call_impl, *args, **kwargs)
        self._special = True

    # ---- registration -----------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; None keeps the name free for one.

        Raises:
            AttributeError: before ``Module.__init__()``.
            TypeError: `name` is no string, or `param` no parameter.
            KeyError: `name` is empty, has a dot, or is taken.
            ValueError: `param` is not a leaf.
        """
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is None:
            _put(self.__dict__, "_parameters", name, None)
            return
        if not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_typename(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param.grad_fn:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, compute "
                "the value in the forward() method."
            )
        for hook in _global_parameter_registration_hooks.values():
            param = _or(hook(self, name, param), param)
        _put(self.__dict__, "_parameters", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the state but is no parameter.

        Args:
            persistent: whether it is part of ``state_dict()``.

        Raises:
            AttributeError: before ``Module.__init__()``.
            TypeError: `name` is no string, or `tensor` no tensor.
            KeyError: `name` is empty, has a dot, or is taken.

        >>> import rushlight as torch
        >>> m = torch.nn.Module()
        >>> m.register_buffer("mean", torch.zeros(2))
        >>> m.mean
        tensor([0., 0.])
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_typename(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        for hook in _global_buffer_registration_hooks.values():
            tensor = _or(hook(self, name, tensor), tensor)
        _put(self.__dict__, "_buffers", name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def _check_name(self, what: str, name: Any, registry: dict[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {_typename(name)}")
        if "." in name:
            raise KeyError(
                f'{what} name can\'t contain "."' + (f", got: {name}" if what == "module" else "")
            )
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if name not in registry and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under `name`.

        Raises:
            TypeError: `module` is no module, or `name` no string.
            KeyError: `name` is empty, has a dot, or is taken.
        """
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        self._check_name("module", name, self._modules)
        for hook in _global_module_registration_hooks.values():
            module = _or(hook(self, name, module), module)
        _put(self.__dict__, "_modules", name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as ``add_module``."""
        self.add_module(name, module)

    # ---- attributes -------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        kind = type(value)
        if kind in _PLAIN and name not in state and "_modules" in state:
            # Nothing registered bears the name: registries stand in `__dict__` too.
            if _registry_of(state, name) is None:
                object.__setattr__(self, name, value)
                return
        if isinstance(value, Tensor):
            if isinstance(value, Parameter):
                if "_parameters" not in state:
                    raise AttributeError("cannot assign parameters before Module.__init__() call")
                _forget(state, name, "_parameters")
                self.register_parameter(name, value)
                return
            if isinstance(value, Buffer):
                if "_buffers" not in state:
                    raise AttributeError("cannot assign buffer before Module.__init__() call")
                if name not in state["_parameters"] and name not in state["_modules"]:
                    _forget(state, name, "_buffers")
                    self.register_buffer(name, value, value.persistent)
                    return
        elif isinstance(value, Module):
            if "_modules" not in state:
                raise AttributeError("cannot assign module before Module.__init__() call")
            if name not in state["_parameters"]:
                _forget(state, name, "_modules")
                self._put_module(name, value)
                return
        key = _registry_of(state, name)
        if key is None:
            if name in _WATCHED or name in state:
                changed_structure()
                if name in _calling.HOOKS:
                    state["_special"] = True
            object.__setattr__(self, name, value)
        elif key == "_parameters":
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as parameter '{name}' "
                    "(torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, None)
        elif key == "_modules":
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as child module '{name}' "
                    "(torch.nn.Module or None expected)"
                )
            self._put_module(name, None)
        else:
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as buffer '{name}' "
                    "(torch.nn.Buffer, torch.Tensor or None expected)"
                )
            for hook in _global_buffer_registration_hooks.values():
                value = _or(hook(self, name, value), value)
            _put(state, "_buffers", name, value)

    def _put_module(self, name: str, module: Module | None) -> None:
        for hook in _global_module_registration_hooks.values():
            module = _or(hook(self, name, module), module)
        _put(self.__dict__, "_modules", name, module)

    def __getattr__(self, name: str) -> Any:
        # Registered names stand in `__dict__`; this serves registries that were replaced by dicts.
        state = self.__dict__
        for key in ("_parameters", "_buffers", "_modules"):
            entries = state.get(key)
            if entries is not None and name in entries:
                return entries[name]
        if name == "_special":
            # A state that was put back by hand, or a module whose __init__ never ran.
            return any(getattr(self, hooks) for hooks in _BACKWARD_FIRST)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        key = _registry_of(self.__dict__, name)
        if key is None:
            object.__delattr__(self, name)
            return
        del self.__dict__[key][name]
        self.__dict__.pop(name, None)
        if key == "_buffers":
            self._non_persistent_buffers_set.discard(name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__, *self._parameters, *self._modules}
        names.update(self._buffers)
        # Names of containers' entries are no identifiers.
        return sorted(n for n in names if not n[0].isdigit() and n != "_special")

    def __getstate__(self) -> dict[str, Any]:
        return plain_state(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        attributes = self.__dict__
        attributes.update(state)
        for name in _DICTS:
            attributes.setdefault(name, OrderedDict())
        attributes.setdefault("_is_full_backward_hook", None)
        attributes.setdefault("_non_persistent_buffers_set", set())
        register_entries(attributes)
        attributes["_special"] = self._compiled_call_impl is not None or any(
            attributes[name] for name in _calling.HOOKS
        )

    def _replicate_for_data_parallel(self) -> Module:
        replica: Module = type(self).__new__(type(self))
        state = plain_state(self.__dict__)
        state["_parameters"] = {}
        state["_buffers"] = dict(state["_buffers"])
        state["_modules"] = dict(state["_modules"])
        replica.__setstate__(state)
        replica._is_replica = True
        return replica

    # ---- parts ------------------------------------------------------------------------------

    _named_members = _traversal.named_members
    parameters = _traversal.parameters
    named_parameters = _traversal.named_parameters
    buffers = _traversal.buffers
    named_buffers = _traversal.named_buffers
    children = _traversal.children
    named_children = _traversal.named_children
    modules = _traversal.modules
    named_modules = _traversal.named_modules
    get_submodule = _traversal.get_submodule
    set_submodule = _traversal.set_submodule
    get_parameter = _traversal.get_parameter
    get_buffer = _traversal.get_buffer

    # ---- state ------------------------------------------------------------------------------

    T_destination = Any
    state_dict = _state.state_dict
    load_state_dict = _state.load_state_dict
    get_extra_state = _state.get_extra_state
    set_extra_state = _state.set_extra_state
    _save_to_state_dict = _state._save_to_state_dict
    _load_from_state_dict = _state._load_from_state_dict
    register_state_dict_post_hook = _state.register_state_dict_post_hook
    register_state_dict_pre_hook = _state.register_state_dict_pre_hook
    _register_state_dict_hook = _state._register_state_dict_hook
    _register_load_state_dict_pre_hook = _state._register_load_state_dict_pre_hook
    register_load_state_dict_pre_hook = _state.register_load_state_dict_pre_hook
    register_load_state_dict_post_hook = _state.register_load_state_dict_post_hook

    # ---- conversion -------------------------------------------------------------------------

    _apply = _moving._apply
    apply = _moving.apply
    cpu = _moving.cpu
    cuda = _moving.cuda
    ipu = _moving.ipu
    xpu = _moving.xpu
    mtia = _moving.mtia
    type = _moving.type
    float = _moving.float
    double = _moving.double
    half = _moving.half
    bfloat16 = _moving.bfloat16
    to = _moving.to
    to_empty = _moving.to_empty
    share_memory = _moving.share_memory

    # ---- modes ------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Module:
        """Set this module and all below it to training (or, with False, to evaluation)."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Module:
        """Set this module and all below it to evaluation."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Make autograd record operations on the parameters (or no longer)."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients of all parameters, to None or to zeros."""
        if getattr(self, "_is_replica", False):
            import warnings

            warnings.warn(
                "Calling .zero_grad() from a module created with nn.DataParallel() has no effect. "
                "The parameters are copied (in a differentiable manner) from the original module. "
                "This means they are not leaf nodes in autograd and so don't accumulate gradients. "
                "If you need gradients in your forward method, consider using autograd.grad "
                "instead.",
                stacklevel=2,
            )
        parameter: Any
        for parameter in self.parameters():
            grad = parameter.grad
            if grad is None:
                continue
            if set_to_none:
                parameter.grad = None
                continue
            if grad.grad_fn is not None:
                grad.detach_()
            else:
                grad.requires_grad_(False)
            grad.zero_()

    # ---- printing ---------------------------------------------------------------------------

    def _get_name(self) -> str:
        return self.__class__.__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses when the module is printed."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = [
            f"({name}): " + _addindent(repr(module), 2) for name, module in self._modules.items()
        ]
        lines = extra_lines + child_lines
        text = self._get_name() + "("
        if lines:
            if len(extra_lines) == 1 and not child_lines:
                text += extra_lines[0]
            else:
                text += "\n  " + "\n  ".join(lines) + "\n"
        return text + ")"


def _or(changed: Any, value: Any) -> Any:
    return value if changed is None else changed


def _registry_of(state: dict[str, Any], name: str) -> str | None:
    """Which registry has an entry `name`."""
    if name in state.get("_parameters", ()):
        return "_parameters"
    if name in state.get("_modules", ()):
        return "_modules"
    if name in state.get("_buffers", ()):
        return "_buffers"
    return None


def _forget(state: dict[str, Any], name: str, but: str) -> None:
    """Make room for `name` in the registry `but`."""
    for key in ("_parameters", "_buffers", "_modules"):
        if key != but and name in state[key]:
            del state[key][name]
    if but != "_buffers":
        state["_non_persistent_buffers_set"].discard(name)
    if name not in state[but]:
        state.pop(name, None)


def _put(state: dict[str, Any], key: str, name: str, value: Any) -> None:
    registry = state[key]
    registry[name] = value
    if type(registry) is not Registry:  # a plain dict that somebody put there
        state.pop(name, None)
        changed_structure()


for _function in vars(Module).values():
    if getattr(_function, "__module__", "").startswith("rushlight.nn.modules._"):
        _function.__qualname__ = "Module." + _function.__name__
_traversal.module_class = Module
