"""How recurrent layers and cells run: the rows of `_ops/recurrent.py`, layer by layer."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..._core import TEN
from .. import functional as F
from ..utils.rnn import PackedSequence
from ._making import zeros_tensor


def one_layer(
    mode: str, x: Any, weights: list[Any], states: list[Any], counts: tuple[int, ...],
    backwards: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """The output and the final states of one layer in one direction.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        x: the rows of all steps, ``counts[t]`` of step t; or (L, N, I).
        weights: of input and state, their biases or None, and of the projection or None.
        states: (N, H) each.
        counts: the number of sequences at each step, not rising.
        backwards: whether the steps run from the last to the first.
    """
    if mode == "LSTM":
        return TEN.lstm_layer(x, *weights, *states, counts, backwards)
    if mode == "GRU":
        return TEN.gru_layer(x, *weights[:4], *states, counts, backwards)
    return TEN.rnn_layer(x, *weights[:4], *states, mode == "RNN_RELU", counts, backwards)


def weights_of(module: Any, i: int) -> list[Any]:
    """Those of one layer in one direction, in the order of `one_layer`."""
    found = [getattr(module, name) for name in module._all_weights[i]]
    projection = found.pop() if module.proj_size else None
    return [*found, None, None][:4] + [projection]


def run_layers(
    module: Any, x: Any, states: list[Any], counts: tuple[int, ...]
) -> tuple[Any, list[Any]]:
    """The last layer's output, and the final states of all layers, stacked."""
    torch = import_module("rushlight")
    directions = 2 if module.bidirectional else 1
    final: list[list[Any]] = [[] for _ in states]
    for layer in range(module.num_layers):
        outputs = []
        for direction in range(directions):
            i = layer * directions + direction
            output, *last = one_layer(
                module.mode, x, weights_of(module, i), [s[i] for s in states], counts,
                direction == 1,
            )  # fmt: skip
            outputs.append(output)
            for kept, state in zip(final, last, strict=True):
                kept.append(state)
        x = outputs[0] if directions == 1 else torch.cat(outputs, dim=-1)
        if module.dropout and module.training and layer < module.num_layers - 1:
            x = F.dropout(x, module.dropout, True)
    return x, [torch.stack(kept) for kept in final]


def run_padded(module: Any, x: Any, states: list[Any]) -> tuple[Any, list[Any]]:
    """The same for sequences of one length, (L, N, *)."""
    length = x.shape[0]
    if not length:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    return run_layers(module, x, states, (x.shape[1],) * length)


def run_packed(
    module: Any, packed: PackedSequence, given: Any, sizes: list[int]
) -> tuple[Any, list[Any]]:
    """The packed output and the final states of `module`.

    Args:
        module: an RNN, LSTM or GRU.
        packed: the input.
        given: the initial states in the order of the original batch, or None.
        sizes: the size of each state.

    Raises:
        RuntimeError: a state of another shape.
    """
    data, batch_sizes, order, unsorted = packed
    if module.mode != "LSTM":
        module._check_input(data)
    counts = tuple(batch_sizes.tolist())
    shapes = [module._state_size(counts[0], size) for size in sizes]
    if given is None:
        states = [zeros_tensor(shape, None, data.dtype) for shape in shapes]
    else:
        states = [s if order is None else s.index_select(1, order) for s in given]
        for i, (state, shape) in enumerate(zip(states, shapes, strict=True)):
            if tuple(state.shape) != shape:
                which = f"hidden[{i}]" if len(sizes) > 1 else "hidden"
                raise RuntimeError(f"Expected {which} size {shape}, got {list(state.size())}")
    output, final = run_layers(module, data, states, counts)
    if unsorted is not None:
        final = [s.index_select(1, unsorted) for s in final]
    return PackedSequence(output, batch_sizes, order, unsorted), final
