"""How a module's parts are enumerated and found by path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._core import Tensor
from ..parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .module import Module

#: ``torch.nn.Module``, put here by the module that defines it.
module_class: Any = None


def named_members(
    self: Module,
    get_members_fn: Callable[[Module], Any],
    prefix: str = "",
    recurse: bool = True,
    remove_duplicate: bool = True,
) -> Iterator[tuple[str, Any]]:
    """What `get_members_fn` gives for this module and those below it, with full names."""
    seen: set[Any] = set()
    if recurse:
        modules: Any = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
    else:
        modules = [(prefix, self)]
    for path, module in modules:
        start = path + "." if path else ""
        for name, member in get_members_fn(module):
            if member is None or member in seen:
                continue
            if remove_duplicate:
                seen.add(member)
            yield start + name, member


def parameters(self: Module, recurse: bool = True) -> Iterator[Parameter]:
    """The parameters of this module and of those below it.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html

    >>> import rushlight as torch
    >>> [tuple(p.shape) for p in torch.nn.Linear(3, 2).parameters()]
    [(2, 3), (2,)]
    """
    for _, parameter in self.named_parameters(recurse=recurse):
        yield parameter


def named_parameters(
    self: Module, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
) -> Iterator[tuple[str, Parameter]]:
    """The parameters with their paths.

    Args:
        prefix: put before every name.
        recurse: whether those of submodules are included.
        remove_duplicate: whether one shared by several modules comes once only.
    """
    yield from self._named_members(
        lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
    )


def buffers(self: Module, recurse: bool = True) -> Iterator[Tensor]:
    """The buffers of this module and of those below it."""
    for _, buffer in self.named_buffers(recurse=recurse):
        yield buffer


def named_buffers(
    self: Module, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
) -> Iterator[tuple[str, Tensor]]:
    """The buffers with their paths."""
    yield from self._named_members(
        lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
    )


def children(self: Module) -> Iterator[Module]:
    """The modules right below this one."""
    for _, module in self.named_children():
        yield module


def named_children(self: Module) -> Iterator[tuple[str, Module]]:
    """The modules right below this one, with their names; one used twice comes once."""
    seen = set()
    for name, module in self._modules.items():
        if module is not None and module not in seen:
            seen.add(module)
            yield name, module


def modules(self: Module, remove_duplicate: bool = True) -> Iterator[Module]:
    """This module and all below it; one used twice comes once, unless duplicates are wanted."""
    for _, module in self.named_modules(remove_duplicate=remove_duplicate):
        yield module


def named_modules(
    self: Module, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
) -> Iterator[tuple[str, Module]]:
    """This module and all below it, with their paths."""
    if memo is None:
        memo = set()
    if self in memo:
        return
    if remove_duplicate:
        memo.add(self)
    yield prefix, self
    for name, module in self._modules.items():
        if module is not None:
            path = prefix + ("." if prefix else "") + name
            yield from module.named_modules(memo, path, remove_duplicate)


def get_submodule(self: Module, target: str) -> Module:
    """The module at the dotted path `target`; this one for the empty path.

    Raises:
        AttributeError: the path leads nowhere, or not to a module.
    """
    if target == "":
        return self
    found = self
    for name in target.split("."):
        if not hasattr(found, name):
            raise AttributeError(f"{found._get_name()} has no attribute `{name}`")
        found = getattr(found, name)
        if not isinstance(found, module_class):
            raise AttributeError(f"`{name}` is not an nn.Module")
    return found


def set_submodule(self: Module, target: str, module: Module, strict: bool = False) -> None:
    """Put `module` at the dotted path `target`.

    Args:
        strict: insist that there is a submodule at that path already.

    Raises:
        ValueError: the path is empty, or `module` is not a module.
        AttributeError: the path leads nowhere.
    """
    if target == "":
        raise ValueError("Cannot set the submodule without a target name!")
    path, _, name = target.rpartition(".")
    if not isinstance(module, module_class):
        raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
    parent = self if not path else self.get_submodule(path)
    if strict and not hasattr(parent, name):
        raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
    if hasattr(parent, name) and not isinstance(getattr(parent, name), module_class):
        raise AttributeError(f"`{name}` is not an nn.Module")
    setattr(parent, name, module)


def _owner(self: Module, target: str) -> tuple[Module, str]:
    path, _, name = target.rpartition(".")
    module = self.get_submodule(path)
    if not hasattr(module, name):
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
    return module, name


def get_parameter(self: Module, target: str) -> Parameter:
    """The parameter at the dotted path `target`.

    Raises:
        AttributeError: the path leads nowhere, or not to a parameter.
    """
    module, name = _owner(self, target)
    found = getattr(module, name)
    if not isinstance(found, Parameter):
        raise AttributeError(f"`{name}` is not an nn.Parameter")
    return found


def get_buffer(self: Module, target: str) -> Tensor:
    """The buffer at the dotted path `target`.

    Raises:
        AttributeError: the path leads nowhere, or not to a buffer.
    """
    module, name = _owner(self, target)
    found = getattr(module, name)
    if name not in module._buffers:
        raise AttributeError(f"`{name}` is not a buffer")
    return found
