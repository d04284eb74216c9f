"""Recurrent layers in all their options, and what they say to wrong use."""
# ruff: noqa: E501 - one case a line

from __future__ import annotations

from cases import Case, lines

_OPTIONS = (
    "", ", bias=False", ", num_layers=2", ", bidirectional=True", ", batch_first=True",
    ", num_layers=2, bidirectional=True, bias=False", ", num_layers=3, batch_first=True",
)  # fmt: skip
_LAYERS = [f"nn.{kind}(4, 3{options})" for kind in ("RNN", "GRU", "LSTM") for options in _OPTIONS]
_LAYERS += [f'nn.RNN(4, 3, nonlinearity="relu"{options})' for options in _OPTIONS[:4]]
_LAYERS += [f"nn.LSTM(4, 3, proj_size=2{options})" for options in _OPTIONS]
_PACKED = "nn.utils.rnn.pack_padded_sequence"

CASES: list[Case] = []
for layer in _LAYERS:
    CASES.append(Case(f"y, z = ({layer})(cube); y * 2"))
    if "batch_first" in layer:
        packed = f"{_PACKED}(cube, torch.tensor([2, 3]), batch_first=True, enforce_sorted=False)"
    else:
        steps = "torch.cat((cube, cube * 2))[:3]"
        packed = f"{_PACKED}({steps}, torch.tensor([3, 1, 2]), enforce_sorted=False)"
    # Twice the result: PyTorch's last node is that of the steps, ours that of the layer.
    CASES.append(Case(f"y, z = ({layer})({packed}); y.data * 2", "sum", True))

CASES += lines(
    """
nn.LSTM(4, 3)(cube, (torch.ones(1, 3, 3), torch.ones(1, 3, 3)))[0] * 2
nn.LSTM(4, 3)(a, (torch.ones(1, 3), torch.ones(1, 3)))[0] * 2
nn.LSTM(4, 3)(a)[0] * 2
nn.GRU(4, 3)(cube, torch.ones(1, 3, 3))[0] * 2
nn.GRU(4, 3)(a, torch.ones(1, 3))[0] * 2
nn.RNN(4, 3)(a)[0] * 2
nn.LSTM(4, 3, proj_size=2)(cube, (torch.ones(1, 3, 2), torch.ones(1, 3, 3)))[0] * 2
nn.LSTM(4, 3)(cube.double())[0] * 2
nn.LSTM(4, 3).double()(cube.double())[0] * 2
nn.LSTM(4, 3)(cube[:0])[0] * 2
nn.GRU(4, 3)(cube[:0])[0] * 2
nn.LSTM(4, 3)(cube[:, :0])[0] * 2
nn.LSTM(4, 3)(cube, (torch.ones(1, 2, 3), torch.ones(1, 3, 3)))[0] * 2
nn.LSTM(4, 3)(cube, (torch.ones(1, 3), torch.ones(1, 3)))[0] * 2
nn.GRU(4, 3)(cube, torch.ones(2, 3, 3))[0] * 2
nn.RNN(5, 3)(cube)[0] * 2
x = nn.LSTM(4, 3); y, _ = x(cube); y.sum().backward(); [p.grad for p in x.parameters()]
x = nn.GRU(4, 3); y, _ = x(cube.detach()); y[-1].sum().backward(); [p.grad for p in x.parameters()]
x = nn.LSTM(4, 3); _, (y, z) = x(cube); (y * z).sum().backward(); [p.grad for p in x.parameters()]
x = nn.LSTM(4, 3); x.weight_hh_l0.requires_grad_(False); y, _ = x(cube); y.sum().backward(); [p.grad for p in x.parameters()]
x = nn.LSTM(4, 3, num_layers=3, dropout=0.5); x(cube)[0] * 2
x = nn.GRU(4, 3, num_layers=2, dropout=0.3, bidirectional=True, batch_first=True); x(cube)[0] * 2
[y * 2 for y in nn.LSTMCell(4, 3)(a, (torch.ones(3, 3), torch.zeros(3, 3)))]
[y * 2 for y in nn.LSTMCell(4, 3)(row, (torch.ones(3), torch.zeros(3)))]
[y * 2 for y in nn.LSTMCell(4, 3, bias=False)(a)]
nn.GRUCell(4, 3)(a, torch.ones(3, 3)) * 2
nn.GRUCell(4, 3, bias=False)(row) * 2
nn.RNNCell(4, 3, nonlinearity="relu")(a, torch.ones(3, 3)) * 2
nn.RNNCell(4, 3, bias=False)(row) * 2
[y * 2 for y in nn.LSTMCell(4, 3)(a, (torch.ones(2, 3), torch.zeros(2, 3)))]
nn.GRUCell(4, 3)(torch.ones(3, 5)) * 2
nn.RNNCell(4, 3)(a, torch.ones(3, 4)) * 2
F.scaled_dot_product_attention(batch, batch, batch, is_causal=True) * 2
F.scaled_dot_product_attention(batch, batch, batch, attn_mask=torch.ones(4, 4, dtype=torch.bool).tril(-1)) * 2
"""
)
# PyTorch has no second derivative of its kernel for four dims.
CASES += lines(
    """
F.scaled_dot_product_attention(image, image, image, attn_mask=torch.ones(6, 6, dtype=torch.bool).triu(1), scale=2.0) * 2
F.scaled_dot_product_attention(image, image[:, :, :2], image[:, :, :2], is_causal=True) * 2
""",
    second=False,
)
