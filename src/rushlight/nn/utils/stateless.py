"""Calls of modules with other parameters and buffers in place of their own."""

from __future__ import annotations

from typing import Any

from ..._core import Tensor


def functional_call(
    module: Any,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The old place of :func:`torch.func.functional_call`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.stateless.functional_call.html

    >>> import rushlight as torch
    >>> layer = torch.nn.Linear(2, 1, bias=False)
    >>> call = torch.nn.utils.stateless.functional_call
    >>> import warnings; warnings.simplefilter("ignore", FutureWarning)
    >>> call(layer, {"weight": torch.tensor([[1., 2.]])}, torch.ones(2))
    tensor([3.])
    """
    import warnings

    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be "
        "removed in a future version of PyTorch. Please use `torch.func.functional_call` instead "
        "which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return call_with(module, parameters_and_buffers, args, kwargs, tie_weights, strict)


def call_with(
    module: Any, tensors: dict[str, Any], args: Any, kwargs: dict[str, Any] | None,
    tie_weights: bool, strict: bool,
) -> Any:  # fmt: skip
    """``module(*args, **kwargs)`` while `tensors` stand in the places that their names say."""
    places = _places(module, tensors, tie_weights, strict)
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    before: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for table, name, value in places:
            before.append((table, name, table[name]))
            table[name] = value
        return module(*args, **(kwargs or {}))
    finally:
        for table, name, value in reversed(before):
            # A module may have put another tensor there (running statistics): it goes back to
            # the caller, as in PyTorch.
            table[name] = value


def _tables(module: Any) -> dict[str, tuple[dict[str, Any], str]]:
    """Where each parameter and buffer is kept, by its full name, shared ones under every name."""
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for prefix, inner in module.named_modules(remove_duplicate=False):
        for table in (inner._parameters, inner._buffers):
            for name, value in table.items():
                if value is not None:
                    found[f"{prefix}.{name}" if prefix else name] = (table, name)
    return found


def _places(
    module: Any, tensors: dict[str, Any], tie_weights: bool, strict: bool
) -> list[tuple[dict[str, Any], str, Any]]:
    known = _tables(module)
    given = dict(tensors)
    if tie_weights:
        groups: dict[int, list[str]] = {}
        for name, (table, key) in known.items():
            groups.setdefault(id(table[key]), []).append(name)
        for names in groups.values():
            if len(names) > 1:
                _tie(names, given)
    if strict:
        unexpected = sorted(set(given) - set(known))
        missing = sorted(set(known) - set(given))
        if unexpected or missing:
            text = f"Error(s) in reparametrizing for {type(module).__name__}:"
            if unexpected:
                text += "\n\tUnexpected key(s): " + _quoted(unexpected) + "."
            if missing:
                text += "\n\tMissing key(s): " + _quoted(missing) + "."
            raise RuntimeError(text)
    for value in given.values():
        if not isinstance(value, Tensor):
            raise TypeError(f"{value} is not an instance of torch.Tensor")
    return [(*known[name], value) for name, value in given.items() if name in known]


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{n}'" for n in names)


def _tie(names: list[str], given: dict[str, Any]) -> None:
    values = {id(given[n]): given[n] for n in names if n in given}
    if len(values) > 1:
        raise ValueError(
            f"functional_call got multiple values for keys {sorted(n for n in names if n in given)}"
            ", which are tied. Consider using tie_weights=False"
        )
    for value in values.values():
        for n in names:
            given[n] = value
