"""Recurrent layers and cells: Elman networks, LSTM, GRU."""

from __future__ import annotations

import math
from typing import Any

from ..._core import Tensor
from ...autograd.naming import renamed
from .. import init
from ..utils.rnn import PackedSequence
from ._making import empty_parameter, zeros_tensor
from ._recurrence import one_layer, run_packed, run_padded
from .module import Module

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNBase", "RNNCell", "RNNCellBase"]

_CHUNKS = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """What the recurrent layers share.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        input_size: size of each element of the input.
        hidden_size: size of the state.
        num_layers: how many layers stand on each other.
        bias: whether there are biases.
        batch_first: whether input and output are (N, L, *) instead of (L, N, *).
        dropout: probability of dropout between layers.
        bidirectional: whether each layer also runs backwards.
        proj_size: size to which an LSTM's output is projected; 0: not at all.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.RNNBase.html
    """

    __constants__ = [
        "mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout",
        "bidirectional", "proj_size",
    ]  # fmt: skip

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_arguments(dropout)
        rows = _CHUNKS[mode] * hidden_size
        out = proj_size or hidden_size
        directions = 2 if bidirectional else 1
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for direction in range(directions):
                suffix = f"_l{layer}" + ("_reverse" if direction else "")
                columns = input_size if layer == 0 else out * directions
                shapes = {
                    "weight_ih" + suffix: (rows, columns),
                    "weight_hh" + suffix: (rows, out),
                }
                if bias:
                    shapes["bias_ih" + suffix] = shapes["bias_hh" + suffix] = (rows,)  # type: ignore[assignment]
                if proj_size:
                    shapes["weight_hr" + suffix] = (proj_size, hidden_size)
                for name, shape in shapes.items():
                    setattr(self, name, empty_parameter(shape, device, dtype))
                self._all_weights.append(list(shapes))
        self.reset_parameters()

    def _check_arguments(self, dropout: Any) -> None:
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an "
                "element being zeroed"
            )
        if dropout > 0 and self.num_layers == 1:
            import warnings

            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                "dropout expects num_layers greater than 1, but got "
                f"dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        if not isinstance(self.hidden_size, int):
            raise TypeError(
                f"hidden_size should be of type int, got: {type(self.hidden_size).__name__}"
            )
        if self.hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        if self.num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if self.proj_size < 0:
            raise ValueError(
                "proj_size should be a positive integer or zero to disable projections"
            )
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in _CHUNKS:
            raise ValueError("Unrecognized RNN mode: " + self.mode)

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name) for name in self._flat_weights_names]

    def __getstate__(self) -> dict[str, Any]:
        # With what PyTorch keeps of the parameters, so that it can read a pickled module.
        names = {"_flat_weights_names": self._flat_weights_names}
        return {**super().__getstate__(), **names, "_flat_weights": self._flat_weights}

    def __setstate__(self, state: dict[str, Any]) -> None:
        derived = ("_flat_weights", "_flat_weights_names", "_flat_weight_refs")
        super().__setstate__({k: v for k, v in state.items() if k not in derived})

    def flatten_parameters(self) -> None:
        """Nothing: the parameters' layout matters to cuDNN only."""

    def reset_parameters(self) -> None:
        """Draw all parameters anew from U(-k, k) with k = 1/sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text

    # ---- the run ----------------------------------------------------------------------------

    def _check_input(self, input: Any) -> None:
        weight: Any = self._flat_weights[0]
        if input.dtype != weight.dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        if self.input_size != input.size(-1):
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {input.size(-1)}"
            )

    def _state_size(self, batch: int, size: int) -> tuple[int, int, int]:
        return self.num_layers * (2 if self.bidirectional else 1), batch, size


class _PlainRNN(RNNBase):
    """The forward pass of layers with one state."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Output (L, N, D H) and final state (D layers, N, H)."""
        if isinstance(input, PackedSequence):
            given = None if hx is None else [hx]
            packed, (last,) = run_packed(self, input, given, [self.hidden_size])
            return packed, last
        if input.dim() not in (2, 3):
            word = "tensor instead" if isinstance(self, RNN) else "instead"
            raise ValueError(
                f"{self._get_name()}: Expected input to be 2D or 3D, got {input.dim()}D {word}"
            )
        batched = input.dim() == 3
        if hx is not None and hx.dim() != input.dim():
            raise RuntimeError(
                f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, hx should also be "
                f"{input.dim()}-D but got {hx.dim()}-D tensor"
            )
        x = _time_first(input, batched, self.batch_first)
        size = self._state_size(x.size(1), self.hidden_size)
        if hx is None:
            h: Any = zeros_tensor(size, None, input.dtype)
        else:
            h = hx if batched else hx.unsqueeze(1)
        self._check_input(input)
        if tuple(h.shape) != size:
            raise RuntimeError(f"Expected hidden size {size}, got {list(h.size())}")
        output, (last,) = run_padded(self, x, [h])
        if not batched:
            return output.squeeze(1), last.squeeze(1)
        return output.transpose(0, 1) if self.batch_first else output, last


def _time_first(input: Any, batched: bool, batch_first: bool) -> Any:
    if not batched:
        return input.unsqueeze(1)
    return input.transpose(0, 1) if batch_first else input


class RNN(_PlainRNN):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), step by step.

    Args: those of ``RNNBase``, without mode and proj_size, and
        nonlinearity: "tanh" or "relu".

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html

    >>> import rushlight as torch
    >>> output, h = torch.nn.RNN(10, 20, 2)(torch.zeros(5, 3, 10))
    >>> output.shape, h.shape
    (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        self.nonlinearity = nonlinearity
        super().__init__("RNN_" + nonlinearity.upper(), *args, **kwargs)


class GRU(_PlainRNN):
    """Gated recurrent units: h' = (1 - z) n + z h.

    Args: those of ``RNNBase``, without mode and proj_size.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html; Cho et al. (2014).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    """Long short-term memory: c' = f c + i g, h' = o tanh(c').

    Args: those of ``RNNBase``, without mode.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html; Hochreiter and
    Schmidhuber (1997).

    >>> import rushlight as torch
    >>> output, (h, c) = torch.nn.LSTM(10, 20, 2)(torch.zeros(5, 3, 10))
    >>> output.shape, c.shape
    (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Output (L, N, D H) and final states (h, c)."""
        if isinstance(input, PackedSequence):
            own = [self.proj_size or self.hidden_size, self.hidden_size]
            packed, final = run_packed(self, input, hx, own)
            return packed, tuple(final)
        if input.dim() not in (2, 3):
            raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        x = _time_first(input, batched, self.batch_first)
        sizes = [
            self._state_size(x.size(1), size)
            for size in (self.proj_size or self.hidden_size, self.hidden_size)
        ]
        if hx is None:
            states: list[Any] = [zeros_tensor(size, None, input.dtype) for size in sizes]
        else:
            dims = hx[0].dim(), hx[1].dim()
            if dims != (input.dim(), input.dim()):
                raise RuntimeError(
                    f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, hx and cx should "
                    f"also be {input.dim()}-D but got ({dims[0]}-D, {dims[1]}-D) tensors"
                )
            states = list(hx) if batched else [s.unsqueeze(1) for s in hx]
        self._check_input(input)
        for i, (state, size) in enumerate(zip(states, sizes, strict=True)):
            if tuple(state.shape) != size:
                raise RuntimeError(f"Expected hidden[{i}] size {size}, got {list(state.size())}")
        output, (h, c) = run_padded(self, x, states)
        if not batched:
            return output.squeeze(1), (h.squeeze(1), c.squeeze(1))
        return output.transpose(0, 1) if self.batch_first else output, (h, c)


class RNNCellBase(Module):
    """What the cells share.

    Args:
        input_size: size of the input.
        hidden_size: size of the state.
        bias: whether there are biases.
        num_chunks: number of gates.
    """

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih: Any = empty_parameter((rows, input_size), device, dtype)
        self.weight_hh: Any = empty_parameter((rows, hidden_size), device, dtype)
        self.bias_ih: Any
        self.bias_hh: Any
        for name in ("bias_ih", "bias_hh"):
            if bias:
                setattr(self, name, empty_parameter((rows,), device, dtype))
            else:
                self.register_parameter(name, None)
        self.reset_parameters()

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.__dict__.get("nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def reset_parameters(self) -> None:
        """Draw all parameters anew from U(-k, k) with k = 1/sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _prepare(self, input: Any, states: Any, names: tuple[str, ...]) -> tuple[Any, list[Any]]:
        """Input and states with a batch dim, checked."""
        if input.dim() not in (1, 2):
            raise ValueError(
                f"{self._get_name()}: Expected input to be 1D or 2D, got {input.dim()}D instead"
            )
        for state, name in zip(states or (), names, strict=bool(states)):
            if state.dim() not in (1, 2):
                raise ValueError(
                    f"{self._get_name()}: Expected {name} to be 1D or 2D, got {state.dim()}D "
                    "instead"
                )
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        if states is None:
            size = (x.size(0), self.hidden_size)
            found = [zeros_tensor(size, None, input.dtype) for _ in names]
        else:
            found = [s if batched else s.unsqueeze(0) for s in states]
        if x.size(1) != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {x.size(1)} expected {self.input_size}"
            )
        for i, state in enumerate(found):
            if x.size(0) != state.size(0):
                raise RuntimeError(
                    f"Input batch size {x.size(0)} doesn't match hidden{i} batch size "
                    f"{state.size(0)}"
                )
            if state.size(1) != self.hidden_size:
                raise RuntimeError(
                    f"hidden{i} has inconsistent hidden_size: got {state.size(1)}, expected "
                    f"{self.hidden_size}"
                )
        return x, found

    def _advance(
        self, mode: str, input: Any, x: Any, states: list[Any], node: str = ""
    ) -> Any:
        """The states after one step; `node`: what PyTorch's last operation is called."""
        weights = [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, None]
        _, *new = one_layer(mode, x, weights, states, (int(x.size(0)),))
        if node:
            renamed(new[0], node)
        return new if input.dim() == 2 else [s.squeeze(0) for s in new]


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh): one step of ``RNN``.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.RNNCell.html
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Any:
        """The next state."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        x, (h,) = self._prepare(input, None if hx is None else (hx,), ("hidden",))
        node = f"{self.nonlinearity.capitalize()}Backward0"
        return self._advance("RNN_" + self.nonlinearity.upper(), input, x, [h], node)[0]


class LSTMCell(RNNCellBase):
    """One step of ``LSTM``: (h, c) from the input and (h, c).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """The next states (h, c)."""
        x, states = self._prepare(input, hx, ("hx[0]", "hx[1]"))
        return tuple(self._advance("LSTM", input, x, states))


class GRUCell(RNNCellBase):
    """One step of ``GRU``.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.GRUCell.html
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Any:
        """The next state."""
        x, (h,) = self._prepare(input, None if hx is None else (hx,), ("hidden",))
        return self._advance("GRU", input, x, [h], "AddBackward0")[0]
