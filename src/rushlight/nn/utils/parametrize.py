"""Parameters computed from others: ``module.weight`` becomes a function of what is trained.

A parametrized module gets a class of its own, in which the tensor is a property; the tensors it is
computed from live in ``module.parametrizations.<name>``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..._core import Tensor
from ...autograd.grad_mode import no_grad
from ..modules.container import ModuleDict, ModuleList
from ..modules.module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_caching = 0
_cache: dict[tuple[int, str], Tensor | None] = {}


@contextmanager
def cached() -> Iterator[None]:
    """A context in which each parametrized tensor is computed once.

    Source: torch.nn.utils.parametrize.cached.
    """
    global _caching
    _caching += 1
    try:
        yield
    finally:
        _caching -= 1
        if not _caching:
            _cache.clear()


def _put(module: Module, name: str, tensor: Any) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _overwrite(old: Tensor, new: Tensor) -> None:
    with no_grad():
        old.set_(new)


def _must_be_unchanged(before: Tensor, after: Any, names: tuple[str, str], flag: str) -> None:
    """What a parametrization returns fits what it replaces."""
    if not isinstance(after, Tensor):
        raise ValueError(
            f"A parametrization must return a tensor. Got {type(after).__name__}."
        )
    for what in ("dtype", "shape"):
        old, new = getattr(before, what), getattr(after, what)
        if old != new:
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless "
                f"{flag} flag is enabled.\n{names[0].format(what)}: {old}\n"
                f"{names[1].format(what)}: {new}"
            )


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, and the tensors that it is computed from.

    These are ``original``, or ``original0``, ``original1`` ... where ``right_inverse`` of the
    first parametrization returns several.

    Args:
        modules: the parametrizations, applied in this order.
        original: the tensor that they replace.
        unsafe: let them change its dtype and shape.

    Raises:
        ValueError: no parametrization, or one that does not fit.

    Source: torch.nn.utils.parametrize.ParametrizationList.
    """

    original: Tensor
    unsafe: bool

    def __init__(
        self, modules: Sequence[Module], original: Tensor, unsafe: bool = False
    ) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        before = original.detach()
        new: Any = self._inverted(original)
        self.is_tensor = isinstance(new, Tensor)
        if not self.is_tensor and not isinstance(new, Sequence):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            if original.dtype != new.dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {original.dtype}\n"
                    f"right_inverse(original).dtype: {new.dtype}"
                )
            # The parameter itself stays, so that optimizers which know it go on to train it.
            _overwrite(original, new)
            _put(self, "original", original)
        else:
            self._register_several(new, original)
        if not unsafe:
            _must_be_unchanged(before, self(), ("unparametrized {}", "parametrized {}"), "`unsafe`")

    def _inverted(self, value: Any) -> Any:
        with no_grad():
            for module in reversed(self):
                if hasattr(module, "right_inverse"):
                    try:
                        value = module.right_inverse(value)
                    except NotImplementedError:
                        pass
        return value

    def _register_several(self, new: Sequence[Any], original: Tensor) -> None:
        for i, part in enumerate(new):
            if not isinstance(part, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                    f"tuple...). Got element {i} of the sequence with type "
                    f"{type(part).__name__}."
                )
            if isinstance(original, Parameter):
                part = Parameter(part, original.requires_grad)
            part.requires_grad_(original.requires_grad)
            _put(self, f"original{i}", part)

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes `value`.

        Raises:
            RuntimeError: a parametrization has no ``right_inverse``.
            ValueError: one that returns something else than the originals are.
        """
        found: Any = value
        with no_grad():
            for module in reversed(self):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement "
                        "right_inverse."
                    )
                found = module.right_inverse(found)
            if self.is_tensor:
                self._set_one(found)
            else:
                self._set_several(found)

    def _set_one(self, found: Any) -> None:
        if not isinstance(found, Tensor):
            raise ValueError(
                f"`right_inverse` should return a tensor. Got {type(found).__name__}"
            )
        if found.dtype != self.original.dtype:
            raise ValueError(
                f"The tensor returned by `right_inverse` has dtype {found.dtype} while "
                f"`original` has dtype {self.original.dtype}"
            )
        self.original.set_(found)

    def _set_several(self, found: Any) -> None:
        if not isinstance(found, Sequence):
            raise ValueError(
                "'right_inverse' must return a sequence of tensors. "
                f"Got {type(found).__name__}."
            )
        if len(found) != self.ntensors:
            raise ValueError(
                "'right_inverse' must return a sequence of tensors of length "
                f"{self.ntensors}. Got a sequence of length {len(found)}."
            )
        for i, (tensor, original) in enumerate(zip(found, self._originals(), strict=True)):
            if not isinstance(tensor, Tensor):
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors or reference-type opaques. "
                    f"Got element {i} of type {type(tensor).__name__}."
                )
            if tensor.dtype != original.dtype:
                raise ValueError(
                    f"Tensor {i} returned by `right_inverse` has dtype {tensor.dtype} while "
                    f"`original{i}` has dtype {original.dtype}"
                )
            original.set_(tensor)

    def forward(self) -> Tensor:
        """The parametrized tensor."""
        first, *rest = self
        value: Any = first(*self._originals())
        for module in rest:
            value = module(value)
        return value


ParametrizationList.__module__ = "torch.nn.utils.parametrize"


def _no_pickling(self: Module) -> None:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). See:\n"
        "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
        "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
    )


def _deep_copied(self: Module, memo: dict[int, Any]) -> Any:
    # The default would go through __getstate__. The copy gets a class of its own, because
    # removing a parametrization changes the class.
    if id(self) in memo:
        return memo[id(self)]
    replica = object.__new__(type(self))
    memo[id(self)] = replica
    replica.__dict__ = copy.deepcopy(self.__dict__, memo)
    names = getattr(replica, "parametrizations", ())
    _give_own_class(replica, type(self).__bases__[0])
    for name in names:
        _give_property(replica, name)
    return replica


def _give_own_class(module: Module, base: type) -> None:
    """A class that only this module has, to hang properties on."""
    body: dict[str, Any] = {"__getstate__": _no_pickling, "__module__": __name__}
    if not hasattr(base, "__deepcopy__") or base.__dict__.get("__deepcopy__") is _deep_copied:
        body["__deepcopy__"] = _deep_copied
    made = type(f"Parametrized{base.__name__}", (base,), body)
    made.__module__ = "torch.nn.utils.parametrize"
    module.__class__ = made


def _give_property(module: Module, name: str) -> None:
    def value(self: Any) -> Tensor:
        found: Any = self.parametrizations[name]
        if not _caching:
            return found()
        key = (id(self), name)
        tensor = _cache.get(key)
        if tensor is None:
            tensor = _cache[key] = found()
        return tensor

    def assign(self: Any, new: Tensor) -> None:
        self.parametrizations[name].right_inverse(new)

    setattr(type(module), name, property(value, assign))


def _append(module: Module, name: str, parametrization: Module, unsafe: bool) -> None:
    """One more parametrization of a tensor that has some."""
    held: Any = module.parametrizations
    if not unsafe:
        before = getattr(module, name)
        after = parametrization(before)
        names = (f"module.{name}.{{}}", f"parametrization(module.{name}).{{}}")
        _must_be_unchanged(before, after, names, "the `unsafe`")
        if hasattr(parametrization, "right_inverse"):
            try:
                inverse = parametrization.right_inverse(after)
            except NotImplementedError:
                pass
            else:
                _check_inverse(name, before, inverse)
    held[name].append(parametrization)
    held[name].unsafe |= unsafe


def _check_inverse(name: str, before: Tensor, inverse: Any) -> None:
    if not isinstance(inverse, Tensor):
        raise ValueError(
            "parametrization.right_inverse must return a tensor. "
            f"Got: {type(inverse).__name__}"
        )
    for what in ("shape", "dtype"):
        old, new = getattr(before, what), getattr(inverse, what)
        if old != new:
            raise ValueError(
                f"The tensor returned by parametrization.right_inverse must have the same {what} "
                f"as module.{name}, unless the `unsafe` flag is enabled.\n"
                f"module.{name}.{what}: {old}\nreturned {what}: {new}"
            )


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute a parameter or buffer by ``parametrization(original)`` from now on.

    Args:
        parametrization: a module. Its ``right_inverse``, if there, turns an assigned value into
            the original, or into several.
        unsafe: let it change dtype and shape.

    Raises:
        ValueError: no such tensor, or a parametrization that does not fit.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.register_parametrization.html

    >>> import rushlight as torch
    >>> class Symmetric(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = torch.nn.Linear(2, 2)
    >>> layer = torch.nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _append(module, tensor_name, parametrization, unsafe)
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original: Any = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _give_own_class(module, type(module))
            module.parametrizations = ModuleDict()
        _give_property(module, tensor_name)
        held: Any = module.parametrizations
        held[tensor_name] = made
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module, or this tensor of it, is parametrized."""
    held: Any = getattr(module, "parametrizations", None)
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make the tensor a plain parameter or buffer again.

    Args:
        leave_parametrized: with the value that the parametrizations gave; else with the original.

    Raises:
        ValueError: the tensor is not parametrized; or several originals are no value.

    Source: torch.nn.utils.parametrize.remove_parametrizations.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    held: Any = module.parametrizations
    found: Any = held[tensor_name]
    if found.is_tensor:
        original = found.original
        if leave_parametrized:
            _overwrite(original, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del held[tensor_name]
    _put(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class of a module before it was parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give the parametrizations of one module, and their originals, to another.

    Args:
        tensor_name: of this tensor only; by default of all.

    Source: torch.nn.utils.parametrize.transfer_parametrizations_and_params.
    """
    if not is_parametrized(from_module):
        return to_module
    source: Any = from_module.parametrizations
    names = list(source) if tensor_name is None else [tensor_name]
    for name in names:
        given = source[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in given:
            register_parametrization(to_module, name, parametrization)
        target: Any = to_module.parametrizations[name]
        if given.is_tensor:
            target.original = given.original
        else:
            for i in range(given.ntensors):
                setattr(target, f"original{i}", getattr(given, f"original{i}"))
    return to_module
