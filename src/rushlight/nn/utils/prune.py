"""Pruning: parameters multiplied by a mask, computed by one of several methods.

A pruned parameter is kept as ``<name>_orig`` beside the buffer ``<name>_mask``; a hook sets
``<name>`` to their product before each forward.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from ..._core import Tensor
from ..modules.module import Module

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured",
    "PruningContainer", "RandomStructured", "RandomUnstructured", "custom_from_mask",
    "global_unstructured", "identity", "is_pruned", "l1_unstructured", "ln_structured",
    "random_structured", "random_unstructured", "remove",
]  # fmt: skip


def _torch() -> Any:
    import rushlight

    return rushlight


class BasePruningMethod(ABC):
    """What computes masks; a subclass defines ``PRUNING_TYPE`` and `compute_mask`.

    Source: torch.nn.utils.prune.BasePruningMethod.
    """

    _tensor_name: str
    PRUNING_TYPE: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for values like `t`, where `default_mask` is there already."""

    def apply_mask(self, module: Module) -> Tensor:
        """The product of a module's mask and original."""
        name = self._tensor_name
        mask: Any = getattr(module, name + "_mask")
        original: Any = getattr(module, name + "_orig")
        found: Tensor = mask.to(dtype=original.dtype) * original
        return found

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any
    ) -> Any:
        """Prunes a parameter; on top of what was pruned before."""
        earlier = [
            (key, hook) for key, hook in module._forward_pre_hooks.items()
            if isinstance(hook, BasePruningMethod) and hook._tensor_name == name
        ]  # fmt: skip
        assert len(earlier) <= 1, (
            f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. "
            "Use a PruningContainer."
        )
        method: Any = cls(*args, **kwargs)
        method._tensor_name = name
        for key, hook in earlier:
            if isinstance(hook, PruningContainer):
                container = hook
            else:
                container = PruningContainer(hook)
            del module._forward_pre_hooks[key]
            container.add_pruning_method(method)
            method = container
        parameter: Any = getattr(module, name)
        scores = parameter if importance_scores is None else importance_scores
        if importance_scores is not None:
            assert scores.shape == parameter.shape, (
                f"importance_scores should have the same shape as parameter {name} of {module}, "
                f"got {scores.shape} vs {parameter.shape}"
            )
        first = not isinstance(method, PruningContainer)
        if first:
            before = _torch().ones_like(parameter)
        else:
            before = getattr(module, name + "_mask").detach().clone()
        mask = method.compute_mask(scores, default_mask=before)
        if first:
            module.register_parameter(name + "_orig", parameter)
            del module._parameters[name]
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(
        self, t: Any, default_mask: Any = None, importance_scores: Any = None
    ) -> Tensor:
        """`t` pruned, without a module."""
        if importance_scores is not None:
            assert importance_scores.shape == t.shape, (
                "importance_scores should have the same shape as tensor t"
            )
        else:
            importance_scores = t
        before = default_mask if default_mask is not None else _torch().ones_like(t)
        found: Tensor = t * self.compute_mask(importance_scores, default_mask=before)
        return found

    def remove(self, module: Module) -> None:
        """Makes the pruned parameter a plain one, with its zeros."""
        name = self._tensor_name
        assert name is not None, f"Module {module} has to be pruned before pruning can be removed"
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original: Any = module._parameters[name + "_orig"]
        original.data = weight.data
        del module._parameters[name + "_orig"]
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several methods on one parameter, each on what the earlier ones left.

    Source: torch.nn.utils.prune.PruningContainer.
    """

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[Any, ...] = ()
        if len(args) == 1:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Any:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Any, default_mask: Any) -> Tensor:
        method: Any = self._pruning_methods[-1]
        part = _unpruned(method, t, default_mask)
        partial = method.compute_mask(t[part], default_mask=default_mask[part])
        mask: Any = default_mask.clone()
        mask[part] = partial.to(mask.dtype)
        found: Tensor = mask
        return found


def _unpruned(method: Any, t: Any, mask: Any) -> Any:
    """The index of what earlier methods left for `method`."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    everything: list[Any] = [slice(None)] * t.dim()
    if method.PRUNING_TYPE == "structured":
        if not hasattr(method, "dim"):
            raise AttributeError(
                "Pruning methods of PRUNING_TYPE \"structured\" need to have the attribute `dim` "
                "defined."
            )
        dim = method.dim if method.dim >= 0 else method.dim + t.dim()
        everything[dim] = mask.sum(dim=[d for d in range(t.dim()) if d != dim]) != 0
    elif method.PRUNING_TYPE != "global":
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
    return tuple(everything)


# ---- methods ------------------------------------------------------------------------------------


def _check_amount(amount: Any) -> None:
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    whole = isinstance(amount, numbers.Integral)
    if (whole and amount < 0) or (not whole and not 0.0 <= float(amount) <= 1.0):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
            "integer"
        )


def _count(amount: Any, size: int) -> int:
    """How many of `size` are to be pruned."""
    whole = isinstance(amount, numbers.Integral)
    if not whole:
        return round(amount * size)
    if amount > size:
        raise ValueError(
            f"amount={amount} should be smaller than the number of parameters to prune={size}"
        )
    return int(amount)


def _channels(t: Any, dim: int) -> int:
    """How many slices there are along `dim`."""
    if t.dim() <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of "
            f"shape {t.shape} with {t.dim()} dims"
        )
    if dim >= t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")
    count: int = t.shape[dim]
    return count


def _mask_of(t: Any, dim: int, kept: Any) -> Any:
    """Ones in the slices `kept` along `dim`."""
    mask = _torch().zeros_like(t)
    where: list[Any] = [slice(None)] * t.dim()
    where[dim] = kept
    mask[tuple(where)] = 1
    return mask


class Identity(BasePruningMethod):
    """Prunes nothing."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask

    @classmethod
    def apply(cls, module: Module, name: str) -> Any:  # type: ignore[override]
        return super().apply(module, name)


class RandomUnstructured(BasePruningMethod):
    """Prunes elements at random.

    Args:
        amount: how many, or which share.
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Any, default_mask: Any) -> Tensor:
        count = _count(self.amount, t.nelement())
        mask: Any = default_mask.clone()
        if count != 0:
            chosen = _torch().rand_like(t).view(-1).topk(count)
            mask.view(-1)[chosen.indices] = 0
        found: Tensor = mask
        return found

    @classmethod
    def apply(cls, module: Module, name: str, amount: float) -> Any:  # type: ignore[override]
        return super().apply(module, name, amount=amount)


class L1Unstructured(BasePruningMethod):
    """Prunes the elements that are nearest to 0.

    Args:
        amount: how many, or which share.
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Any, default_mask: Any) -> Tensor:
        count = _count(self.amount, t.nelement())
        mask: Any = default_mask.clone()
        if count != 0:
            chosen = t.abs().view(-1).topk(count, largest=False)
            mask.view(-1)[chosen.indices] = 0
        found: Tensor = mask
        return found

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: float, importance_scores: Any = None
    ) -> Any:
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class RandomStructured(BasePruningMethod):
    """Prunes slices along a dimension at random.

    Args:
        amount: how many, or which share.
        dim: the dimension.
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount = amount
        self.dim = dim

    def compute_mask(self, t: Any, default_mask: Any) -> Tensor:
        channels = _channels(t, self.dim)
        count = _count(self.amount, channels)
        if count == 0:
            unchanged: Tensor = default_mask
            return unchanged
        draws = _torch().rand(channels)
        kept = draws > draws.kthvalue(k=count).values
        mask = _mask_of(t, self.dim, kept)
        mask *= default_mask.to(dtype=mask.dtype)
        found: Tensor = mask
        return found

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: float, dim: int = -1
    ) -> Any:
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(BasePruningMethod):
    """Prunes the slices along a dimension whose norms are the least.

    Args:
        amount: how many, or which share.
        n: the norm's exponent, as in `torch.norm`.
        dim: the dimension.
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount = amount
        self.n = n
        self.dim = dim

    def compute_mask(self, t: Any, default_mask: Any) -> Tensor:
        channels = _channels(t, self.dim)
        count = _count(self.amount, channels)
        if count == 0:
            unchanged: Tensor = default_mask
            return unchanged
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        norms = _torch().norm(t, p=self.n, dim=others)
        kept = norms.topk(k=channels - count, largest=True).indices
        mask = _mask_of(t, self.dim, kept)
        mask *= default_mask.to(dtype=mask.dtype)
        found: Tensor = mask
        return found

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: float, n: Any, dim: int,
        importance_scores: Any = None,
    ) -> Any:  # fmt: skip
        return super().apply(
            module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores
        )


class CustomFromMask(BasePruningMethod):
    """Prunes by a given mask."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Any, default_mask: Any) -> Tensor:
        mask: Any = self.mask
        assert default_mask.shape == mask.shape, (
            f"default_mask shape {default_mask.shape} must match self.mask shape {mask.shape}"
        )
        found: Tensor = default_mask * mask.to(dtype=default_mask.dtype)
        return found

    @classmethod
    def apply(cls, module: Module, name: str, mask: Tensor) -> Any:  # type: ignore[override]
        return super().apply(module, name, mask=mask)


# ---- functions ----------------------------------------------------------------------------------


def identity(module: Module, name: str) -> Module:
    """Marks a parameter as pruned without pruning it. Source: torch.nn.utils.prune.identity."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Prunes `amount` random elements. Source: torch.nn.utils.prune.random_unstructured."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(
    module: Module, name: str, amount: float, importance_scores: Any = None
) -> Module:
    """Prunes the `amount` elements of least magnitude.

    Args:
        amount: a number of elements, or a share between 0.0 and 1.0.
        importance_scores: judge by these instead.

    Raises:
        TypeError, ValueError: an amount that makes no sense.

    Source: torch.nn.utils.prune.l1_unstructured.

    >>> import rushlight as torch
    >>> layer = torch.nn.utils.prune.l1_unstructured(torch.nn.Linear(3, 2), "weight", 2)
    >>> layer.weight_mask.sum()
    tensor(4.)
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Prunes `amount` random slices. Source: torch.nn.utils.prune.random_structured."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Any = None
) -> Module:
    """Prunes the `amount` slices of least norm. Source: torch.nn.utils.prune.ln_structured."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prunes by a mask. Source: torch.nn.utils.prune.custom_from_mask."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Any, pruning_method: Any, importance_scores: Any = None, **kwargs: Any
) -> None:
    """Prunes several parameters as if they were one.

    Args:
        parameters: pairs of a module and a name.
        pruning_method: an unstructured method; `kwargs` are its arguments.
        importance_scores: from such pairs to scores.

    Raises:
        TypeError: arguments of the wrong kind; a structured method.

    Source: torch.nn.utils.prune.global_unstructured.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    pairs = list(parameters)
    scores = importance_scores if importance_scores is not None else {}
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    values = [
        scores.get((module, name), getattr(module, name)).flatten() for module, name in pairs
    ]
    masks = [
        getattr(module, name + "_mask", _torch().ones_like(getattr(module, name))).flatten()
        for module, name in pairs
    ]
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    container.add_pruning_method(method)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            "Only \"unstructured\" PRUNING_TYPE supported for the `pruning_method`. Found method "
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    final: Any = container.compute_mask(_torch().cat(values), _torch().cat(masks))
    start = 0
    for module, name in pairs:
        parameter = getattr(module, name)
        end = start + parameter.numel()
        custom_from_mask(module, name, mask=final[start:end].view_as(parameter))
        start = end


def remove(module: Module, name: str) -> Module:
    """Makes a pruned parameter a plain one, with its zeros.

    Raises:
        ValueError: it is not pruned.

    Source: torch.nn.utils.prune.remove.
    """
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(
        f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
    )


def is_pruned(module: Module) -> bool:
    """Whether the module, or one in it, is pruned. Source: torch.nn.utils.prune.is_pruned."""
    return any(
        isinstance(hook, BasePruningMethod)
        for part in module.modules()
        for hook in part._forward_pre_hooks.values()
    )


for _class in (
    BasePruningMethod, PruningContainer, Identity, RandomUnstructured, L1Unstructured,
    RandomStructured, LnStructured, CustomFromMask,
):  # fmt: skip
    _class.__module__ = "torch.nn.utils.prune"
