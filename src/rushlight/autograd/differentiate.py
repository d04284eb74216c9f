"""``autograd.backward`` and ``autograd.grad``: arguments checked and handed to the engine."""

from __future__ import annotations

from typing import Any

from .._core import Tensor, wrap
from . import engine


def _as_tuple(value: Any) -> tuple[Any, ...]:
    if isinstance(value, Tensor) or _is_edge(value):
        return (value,)
    if isinstance(value, dict):
        return tuple(value.values())
    return tuple(value)


def _is_edge(value: Any) -> bool:
    return type(value).__name__ == "GradientEdge" and hasattr(value, "edge")


def _check_sources(tensors: tuple[Any, ...]) -> None:
    for t in tensors:
        if not (isinstance(t, Tensor) or _is_edge(t)):
            raise AssertionError("Expected output to be a torch.Tensor")


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    for t in inputs:
        if not (isinstance(t, Tensor) or _is_edge(t)):
            raise RuntimeError(
                f"all inputs have to be Tensors or GradientEdges, but got {type(t).__name__}"
            )


def _gradients_for(tensors: tuple[Any, ...], given: Any) -> tuple[Any, ...]:
    if given is None:
        return (None,) * len(tensors)
    gradients = (given,) if isinstance(given, Tensor) else tuple(given)[: len(tensors)]
    if len(gradients) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    return gradients


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Carry gradients from `tensors` to the leaves and add them to their ``.grad``.

    Args:
        tensors: where to start.
        grad_tensors: their gradients; 1 where None and the tensor has one element.
        retain_graph: keep what was saved, so that backward can run again.
        create_graph: record the gradients' own graph.
        grad_variables: the old name of `grad_tensors`.
        inputs: fill ``.grad`` of these only.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.backward.html

    >>> import rushlight as torch
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> torch.autograd.backward([x.sum(), (x * x).sum()])
    >>> x.grad
    tensor([3., 5.])
    """
    if grad_variables is not None:
        import warnings

        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.",
            FutureWarning,
            stacklevel=2,
        )
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
                "`backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    sources = _as_tuple(tensors)
    _check_sources(sources)
    wanted = None
    if inputs is not None:
        wanted = _as_tuple(inputs)
        if not wanted:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        _check_inputs(wanted)
    keep = create_graph if retain_graph is None else retain_graph
    engine.backward(sources, _gradients_for(sources, grad_tensors), keep, create_graph, wanted)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """The gradients of `outputs` with respect to `inputs`; ``.grad`` stays as it is.

    Args:
        outputs: what to differentiate.
        inputs: with respect to what; a dict gives a dict.
        grad_outputs: the gradients of the outputs; 1 where None and there is one element.
        retain_graph: keep what was saved. Default: `create_graph`.
        create_graph: record the gradients' own graph, for gradients of gradients.
        only_inputs: deprecated, ignored.
        allow_unused: None, not an error, for inputs that the outputs do not depend on.
        is_grads_batched: the first dim of `grad_outputs` counts several gradients.
        materialize_grads: zeros for inputs that the outputs do not depend on.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.grad.html

    >>> import rushlight as torch
    >>> x = torch.tensor(3., requires_grad=True)
    >>> dx, = torch.autograd.grad(x ** 3, x, create_graph=True)
    >>> dx.item(), torch.autograd.grad(dx, x)[0].item()
    (27.0, 18.0)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    if allow_unused is None:
        allow_unused = materialize_grads
    sources = _as_tuple(outputs)
    wanted = _as_tuple(inputs)
    if not only_inputs:
        import warnings

        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    _check_inputs(wanted)
    _check_sources(sources)
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    gradients = _gradients_for(sources, grad_outputs)
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        results = _batched(sources, gradients, wanted, keep, create_graph, allow_unused)
    else:
        results = engine.gradients_of(sources, gradients, wanted, keep, create_graph, allow_unused)
    if materialize_grads:
        results = tuple(
            _zeros_like(t, gradients if is_grads_batched else None) if r is None else r
            for t, r in zip(wanted, results, strict=True)
        )
    if isinstance(inputs, dict):
        return dict(zip(inputs, results, strict=True))
    return results


def _zeros_like(t: Any, batch: Any) -> Any:
    import numpy as np

    if not isinstance(t, Tensor):
        raise RuntimeError(
            "materialize_grads cannot be used when the given input is a GradientEdge"
        )
    if batch is None:
        return wrap(np.zeros_like(t._data))
    return wrap(np.zeros((len(batch[0]), *t._data.shape), t._data.dtype))


def _batched(
    sources: Any, gradients: Any, wanted: Any, keep: bool, create_graph: bool, allow_unused: bool
) -> tuple[Any, ...]:
    """One pass for all gradients of the batch."""
    from .vmap import mapped

    for i, (t, g) in enumerate(zip(sources, gradients, strict=True)):
        if isinstance(g, Tensor) and isinstance(t, Tensor) and g._data.shape[1:] != t._data.shape:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output "
                "as the batch dimension. The sizes of the remaining dimensions are expected to "
                "match the shape of corresponding output, but a mismatch was detected: "
                f"grad_output[{i}] has a shape of torch.Size({list(g._data.shape)}) and "
                f"output[{i}] has a shape of torch.Size({list(t._data.shape)}). If you only want "
                "some tensors in `grad_output` to be considered batched, consider using vmap."
            )

    def one(*row: Any) -> tuple[Any, ...]:
        return engine.gradients_of(sources, row, wanted, keep, create_graph, allow_unused)

    size = next(g._data.shape[0] for g in gradients if g is not None)
    return tuple(mapped(one, size, gradients))


backward.__module__ = grad.__module__ = "torch.autograd"
