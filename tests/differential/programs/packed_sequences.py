"""Sequences of different lengths: padded, packed, and through every recurrent layer."""

import torch
from torch import nn
from torch.nn.utils.rnn import *

torch.manual_seed(0)
seqs = [torch.arange(1.0, 4), torch.arange(4.0, 6), torch.arange(6.0, 7)]
print(
    pad_sequence(seqs),
    pad_sequence(seqs, True, -1),
    pad_sequence(seqs, padding_side="left"),
    pad_sequence([torch.ones(2, 3), torch.zeros(1, 3)]).shape,
)
x = torch.randn(3, 4, 2, requires_grad=True)
p = pack_padded_sequence(x, torch.tensor([2, 4, 1]), batch_first=True, enforce_sorted=False)
print(p)
print(
    type(p).__name__,
    isinstance(p, tuple),
    p.batch_sizes.dtype,
    p[0].shape,
    p.sorted_indices,
    len(p),
)
q, l = pad_packed_sequence(p, batch_first=True)
print(q, l)
q2, _ = pad_packed_sequence(p, total_length=6, padding_value=-1)
print(q2.shape, q2[5])
q.sum().backward()
print(x.grad)
p = pack_padded_sequence(torch.ones(3, 2, 1), [3, 1])
print(p.data.shape, p.batch_sizes, p.sorted_indices)
print(pad_packed_sequence(p))
y = pack_padded_sequence(x.transpose(0, 1), [4, 2, 1])
print(
    y.data,
    pad_packed_sequence(y)[0].grad_fn.name(),
    pad_packed_sequence(y, batch_first=True)[0].grad_fn.name(),
)
print(pack_sequence([torch.tensor([1, 2]), torch.tensor([3, 4, 5])], enforce_sorted=False))
print(
    unpack_sequence(pack_sequence(seqs)),
    unpad_sequence(pad_sequence(seqs), torch.tensor([3, 2, 1])),
)
print(
    p.to(torch.float64).data.dtype,
    p.double().data.dtype,
    p.cpu() is p,
    p.to("cpu") is p,
    p.is_cuda,
    p.long().data.dtype,
    p.is_pinned(),
)
print(
    invert_permutation(torch.tensor([2, 0, 1])),
    invert_permutation(None),
    pad_sequence(torch.ones(2, 3)).shape,
    pad_sequence([torch.ones(2, requires_grad=True) * 1, torch.ones(1)]),
)
for bad in (
    lambda: pack_padded_sequence(x, [1, 2, 3], True),
    lambda: pack_padded_sequence(x, [4, 2], True),
    lambda: pack_padded_sequence(x, [4, 2, 0], True),
    lambda: pad_packed_sequence(p, total_length=1),
    lambda: pad_sequence(3),
    lambda: pad_sequence([]),
    lambda: pad_sequence([torch.ones(2, 2), torch.ones(2, 3)]),
    lambda: pack_padded_sequence(torch.ones(0, 2), [1, 1]),
    lambda: nn.LSTM(2, 3)(pack_sequence(seqs)),
    lambda: nn.LSTM(3, 3)(pack_padded_sequence(x, [4, 2, 1], True)),
    lambda: pad_sequence(seqs, padding_side="up"),
    lambda: nn.GRU(2, 3)(pack_padded_sequence(x, [4, 2, 1], True), torch.zeros(1, 2, 3)),
    lambda: pad_packed_sequence(3),
    lambda: pad_sequence([1, 2]),
):
    try:
        print("ok", bad())
    except Exception as e:
        print(type(e).__name__, "|", str(e).splitlines()[0])
for cls in (nn.LSTM, nn.GRU, nn.RNN):
    for kw in (
        dict(),
        dict(num_layers=2, bidirectional=True, batch_first=True, dropout=0.3),
        dict(bias=False),
        *([dict(proj_size=2)] if cls is nn.LSTM else []),
    ):
        torch.manual_seed(1)
        m = cls(2, 3, **kw)
        x.grad = None
        pk = pack_padded_sequence(
            x, torch.tensor([2, 4, 1]), batch_first=True, enforce_sorted=False
        )
        o, h = m(pk)
        h = h if isinstance(h, tuple) else (h,)
        print(
            type(o).__name__,
            o.data.detach(),
            [t.detach() for t in h],
            o.sorted_indices,
            o.unsorted_indices,
        )
        (o.data.sum() + sum((t**2).sum() for t in h)).backward()
        print(x.grad.sum(1))
        print([f"{p.grad.sum():.3f}" for p in m.parameters()])
        hx = tuple(torch.randn_like(t) for t in h)
        o, h2 = m(pk, hx if cls is nn.LSTM else hx[0])
        print((h2[0] if cls is nn.LSTM else h2).detach())
