"""Samples of recurrent layers: both directions, padded and packed, with and without biases.

PyTorch runs them as packed sequences in both directions with the same weights; one is compared.
"""

from .table import Sample, samples

_LSTM = """lambda x, w, u, b, e, r, h, c, counts, back: (
    lambda out, last: (
        out[:, back * h.shape[1]:][:, :h.shape[1]].reshape(*x.shape[:-1], h.shape[1]),
        last[0][int(back)], last[1][int(back)])
)(*(lambda out, h, c: (out, (h, c)))(*torch._VF.lstm(
    x.reshape(sum(counts), x.shape[-1]), torch.tensor(counts),
    (torch.stack([h, h]), torch.stack([c, c])),
    [t for t in (w, u, b, e, r) if t is not None] * 2, b is not None, 1, 0.0, False, True)))"""
_PLAIN = """lambda x, w, u, b, e, h, {extra}counts, back: (
    lambda out, last: (
        out[:, back * h.shape[1]:][:, :h.shape[1]].reshape(*x.shape[:-1], h.shape[1]),
        last[int(back)])
)(*torch._VF.{name}(
    x.reshape(sum(counts), x.shape[-1]), torch.tensor(counts), torch.stack([h, h]),
    [t for t in (w, u, b, e) if t is not None] * 2, b is not None, 1, 0.0, False, True))"""

#: Rows of each step, and whether the steps run backwards; the last has enough of them that the
#: weights are laid out anew.
SEQUENCES = (
    ((2, 2, 2), False), ((2, 2), True), ((3, 2, 2, 1), False), ((3, 1, 1), True), ((2,), False),
    ((2,) * 7, False), ((3, 3, 2, 1, 1, 1, 1), True),
)  # fmt: skip


def _steps(draw, counts, inputs, padded):
    """The sequence: as a matrix of rows, or with a dim for the steps."""
    rows = draw.normal(sum(counts), inputs)
    return rows.reshape(len(counts), counts[0], inputs) if padded else rows


def _weights(draw, gates, inputs, size, out, biased):
    biases = [draw.normal(gates * size) * 0.5 if biased else None for _ in range(2)]
    return (draw.normal(gates * size, inputs), draw.normal(gates * size, out) * 0.5, *biases)


@samples("lstm_layer", torch=_LSTM, without=("0-d",))
def lstm_layer(draw):
    def case(counts, backwards, biased, projected, inputs=3, padded=False):
        out = 1 if projected else 2
        r = draw.normal(out, 2) if projected else None
        weights = _weights(draw, 4, inputs, 2, out, biased)
        n = counts[0]
        return Sample(_steps(draw, counts, inputs, padded), *weights, r, draw.normal(n, out),
                      draw.normal(n, 2), counts, backwards)  # fmt: skip

    found = [case(*s, i % 3 != 1, i % 2 == 1) for i, s in enumerate(SEQUENCES)]
    return [*found, case((2, 1), False, True, False, 0), case((2, 2), True, True, True, 3, True)]


@samples("gru_layer", torch=_PLAIN.format(name="gru", extra=""), without=("0-d",))
def gru_layer(draw):
    def case(counts, backwards, biased, inputs=3, padded=False):
        x = _steps(draw, counts, inputs, padded)
        return Sample(x, *_weights(draw, 3, inputs, 2, 2, biased),
                      draw.normal(counts[0], 2), counts, backwards)  # fmt: skip

    found = [case(*s, i % 3 != 1) for i, s in enumerate(SEQUENCES)]
    return [*found, case((2, 1), False, True, 0), case((2, 2), True, False, 3, True)]


@samples(
    "rnn_layer", without=("0-d",),
    torch=f"lambda *a: (({_PLAIN.format(name='rnn_relu', extra='relu, ')}) if a[6] else "
    f"({_PLAIN.format(name='rnn_tanh', extra='relu, ')}))(*a)",
)  # fmt: skip
def rnn_layer(draw):
    def case(counts, backwards, biased, relu, inputs=3, padded=False):
        x = _steps(draw, counts, inputs, padded)
        return Sample(x, *_weights(draw, 1, inputs, 2, 2, biased),
                      draw.normal(counts[0], 2), relu, counts, backwards)  # fmt: skip

    found = [case(*s, i % 3 != 1, i % 2 == 1) for i, s in enumerate(SEQUENCES)]
    return [*found, case((2, 1), False, True, False, 0), case((2, 2), True, True, True, 3, True)]
