"""The recurrent layers over packed sequences."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .. import functional as F
from ..utils.rnn import PackedSequence
from ._making import zeros_tensor


def forward_packed(module: Any, packed: PackedSequence, given: Any, sizes: list[int]) -> Any:
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
    counts = batch_sizes.tolist()
    shapes = [module._state_size(counts[0], size) for size in sizes]
    if given is None:
        states = [zeros_tensor(shape, None, data.dtype) for shape in shapes]
    else:
        states = [s if order is None else s.index_select(1, order) for s in given]
        for i, (state, shape) in enumerate(zip(states, shapes, strict=True)):
            if tuple(state.shape) != shape:
                which = f"hidden[{i}]" if len(sizes) > 1 else "hidden"
                raise RuntimeError(f"Expected {which} size {shape}, got {list(state.size())}")
    output, final = module._layers(data, states, counts)
    if unsorted is not None:
        final = [s.index_select(1, unsorted) for s in final]
    return PackedSequence(output, batch_sizes, order, unsorted), final


def run_packed(
    module: Any, input: Any, states: list[Any], i: int, backwards: bool, counts: list[int]
) -> tuple[Any, list[Any]]:
    """One layer in one direction; ``counts[t]`` sequences have an element at step t."""
    torch = import_module("rushlight")
    weights = module.all_weights[i]
    shares = F.linear(input, weights[0], weights[2] if module.bias else None).split(counts)
    outputs: list[Any] = []
    if backwards:
        initial, states = states, [s[: counts[-1]] for s in states]
        for count, share in zip(reversed(counts), reversed(shares), strict=True):
            running = states[0].size(0)
            if count > running:  # sequences that end here begin, seen from the back
                states = [
                    torch.cat((s, first[running:count]))
                    for s, first in zip(states, initial, strict=True)
                ]
            states = module._advance(weights, share, states)
            outputs.append(states[0])
        outputs.reverse()
        return torch.cat(outputs), states
    ended: list[list[Any]] = []
    for count, share in zip(counts, shares, strict=True):
        if count < states[0].size(0):
            ended.append([s[count:] for s in states])
            states = [s[:count] for s in states]
        states = module._advance(weights, share, states)
        outputs.append(states[0])
    ended.append(states)
    ended.reverse()
    return torch.cat(outputs), [torch.cat(parts) for parts in zip(*ended, strict=True)]
