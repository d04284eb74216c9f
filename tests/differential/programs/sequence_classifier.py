"""A GRU over packed sequences, a collate function, label smoothing."""

import torch
from torch import nn
from torch.nn.utils.rnn import (
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
)
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Seqs(Dataset):
    def __init__(self, n=64):
        g = torch.Generator().manual_seed(5)
        self.items = []
        for i in range(n):
            L = int(torch.randint(2, 9, (1,), generator=g))
            s = torch.randint(1, 12, (L,), generator=g)
            self.items.append((s, int(s.sum() % 3)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    seqs, labels = zip(*batch)
    lens = torch.tensor([len(s) for s in seqs])
    return (pad_sequence(seqs, batch_first=True), lens, torch.tensor(labels))


class GRUC(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(12, 6, padding_idx=0)
        self.gru = nn.GRU(6, 10, bidirectional=True, batch_first=True)
        self.fc = nn.Sequential(nn.LayerNorm(20), nn.Dropout(0.1), nn.Linear(20, 3))

    def forward(self, x, lens):
        p = pack_padded_sequence(self.emb(x), lens, batch_first=True, enforce_sorted=False)
        o, h = self.gru(p)
        o, l = pad_packed_sequence(o, batch_first=True)
        assert torch.equal(l, lens)
        mask = (x != 0).unsqueeze(-1)
        pooled = (o * mask).sum(1) / lens.unsqueeze(1)
        return self.fc(pooled + torch.cat([h[0], h[1]], dim=1))


dl = DataLoader(Seqs(), batch_size=10, shuffle=True, collate_fn=collate, drop_last=False)
m = GRUC()
opt = torch.optim.Adam(m.parameters(), lr=0.005, weight_decay=0.0001)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=4)
for ep in range(4):
    tot = 0.0
    n = 0
    acc = 0
    for x, l, y in dl:
        out = m(x, l)
        loss = nn.functional.cross_entropy(out, y, label_smoothing=0.1)
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(y)
        n += len(y)
        acc += (out.argmax(1) == y).sum().item()
    sched.step()
    print(ep, f"{tot / n:.4f} {acc / n:.4f} lr {sched.get_last_lr()[0]:.6f}")
ps = pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5]), torch.tensor([6])])
print(ps)
print(ps.data, ps.batch_sizes, ps.sorted_indices)
print(m.emb.weight[0], m.emb.weight.grad[0])
x, l, y = next(iter(dl))
print(x)
print(l, y)
