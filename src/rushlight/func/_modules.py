"""Modules as functions of their parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core import TEN, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with other parameters and buffers in place of its own.

    Args:
        parameter_and_buffer_dicts: tensors by name; a dict, or several dicts without common names.
        args: a tuple, or the only argument.
        tie_weights: parameters that the module shares are replaced together.
        strict: the names must be those of all parameters and buffers.

    Raises:
        ValueError: names that appear twice; shared parameters that are given two values.
        RuntimeError: with `strict`, names too many or too few.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.functional_call.html

    >>> import rushlight as torch
    >>> layer = torch.nn.Linear(2, 1, bias=False)
    >>> torch.func.functional_call(layer, {"weight": torch.tensor([[1., 2.]])}, torch.ones(2))
    tensor([3.])
    """
    from ..nn.utils.stateless import call_with

    if isinstance(parameter_and_buffer_dicts, dict):
        tensors = parameter_and_buffer_dicts
    elif isinstance(parameter_and_buffer_dicts, list | tuple):
        if not all(isinstance(d, dict) for d in parameter_and_buffer_dicts):
            raise ValueError(
                "Expected all elements of parameter_and_buffer_dicts to be dictionaries"
            )
        names = [name for d in parameter_and_buffer_dicts for name in d]
        repeated = [name for i, name in enumerate(names) if name in names[:i]]
        if repeated:
            raise ValueError(
                f"{list(dict.fromkeys(repeated))} appeared in multiple dictionaries; behavior of "
                "functional call is ambiguous"
            )
        tensors = {n: t for d in parameter_and_buffer_dicts for n, t in d.items()}
    else:
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(parameter_and_buffer_dicts)}"
        )
    return call_with(module, tensors, args, kwargs, tie_weights, strict)


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of several modules of one kind, stacked: for an ensemble
    under `vmap`.

    Returns:
        ``(parameters, buffers)`` by name, with the number of the model in dim 0. The stacked
        parameters are leaves of their own.

    Raises:
        RuntimeError: no models, models of different classes or modes.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.stack_module_state.html

    >>> import rushlight as torch
    >>> models = [torch.nn.Linear(2, 3) for _ in range(4)]
    >>> parameters, buffers = torch.func.stack_module_state(models)
    >>> parameters["weight"].shape
    torch.Size([4, 3, 2])
    >>> def call(p, b, x):
    ...     return torch.func.functional_call(models[0], (p, b), (x,))
    >>> torch.vmap(call, (0, 0, None))(parameters, buffers, torch.ones(5, 2)).shape
    torch.Size([4, 5, 3])
    """
    if len(models) == 0:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    first = models[0]
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if not all(type(m) is type(first) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(m.named_parameters()) for m in models]
    buffers = [dict(m.named_buffers()) for m in models]
    return (
        {name: _stacked([p[name] for p in parameters]) for name in parameters[0]},
        {name: _stacked([b[name] for b in buffers]) for name in buffers[0]},
    )


def _stacked(tensors: list[Tensor]) -> Tensor:
    wanted = [t.requires_grad for t in tensors]
    if any(wanted) and not all(wanted):
        raise RuntimeError("Expected "
                           f"{len(tensors)} tensors to have the same requires_grad.")  # fmt: skip
    stacked: Tensor = TEN.stack(list(tensors), 0)
    return stacked.detach().requires_grad_() if wanted[0] else stacked


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Let all batch norms inside `root` forget their running statistics, which `vmap` could not
    update; returns `root`.

    Source: https://docs.pytorch.org/docs/stable/func.batch_norm.html

    >>> import rushlight as torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    >>> torch.func.replace_all_batch_norm_modules_(net)[1].running_mean is None
    True
    """
    from ..nn.modules.batchnorm import _BatchNorm

    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
