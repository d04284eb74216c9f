"""A character model: two LSTM layers, clipping, carried state, sampling."""

import math

import torch
import torch.nn as nn

torch.manual_seed(1337)
text = "hello world. to be or not to be that is the question. " * 6
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
itos = {i: c for c, i in stoi.items()}
data = torch.tensor([stoi[c] for c in text], dtype=torch.long)


class CharLSTM(nn.Module):
    def __init__(self, v, e=8, h=24, layers=2):
        super().__init__()
        self.emb = nn.Embedding(v, e)
        self.lstm = nn.LSTM(e, h, layers, batch_first=True, dropout=0.2)
        self.head = nn.Linear(h, v)

    def forward(self, x, hc=None):
        o, hc = self.lstm(self.emb(x), hc)
        return (self.head(o), hc)

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        return (weight.new_zeros(2, bsz, 24), weight.new_zeros(2, bsz, 24))


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


m = CharLSTM(len(chars))
print(m)
opt = torch.optim.AdamW(m.parameters(), lr=0.01)
crit = nn.CrossEntropyLoss()
hc = m.init_hidden(4)
for step in range(30):
    ix = torch.randint(len(data) - 17, (4,))
    x = torch.stack([data[i : i + 16] for i in ix])
    y = torch.stack([data[i + 1 : i + 17] for i in ix])
    hc = repackage_hidden(hc)
    out, hc = m(x, hc)
    loss = crit(out.view(-1, len(chars)), y.view(-1))
    opt.zero_grad(set_to_none=True)
    loss.backward()
    n = nn.utils.clip_grad_norm_(m.parameters(), 0.25)
    opt.step()
    if step % 5 == 0:
        print(step, f"{loss.item():.4f} ppl {math.exp(loss.item()):.3f} norm {n:.4f}")
m.eval()
with torch.no_grad():
    x = torch.tensor([[stoi["t"]]])
    h = None
    s = "t"
    for _ in range(40):
        lo, h = m(x, h)
        p = torch.softmax(lo[0, -1] / 0.8, -1)
        i = torch.multinomial(p, 1).item()
        s += itos[i]
        x = torch.tensor([[i]])
print(repr(s))
for n, p in m.named_parameters():
    print(n, p.shape)
