"""Counts, a generator, batch norm by hand, the gradients by hand."""


import torch
import torch.nn.functional as F

words = [
    "emma",
    "olivia",
    "ava",
    "isabella",
    "sophia",
    "charlotte",
    "mia",
    "amelia",
    "harper",
    "evelyn",
    "abigail",
    "emily",
    "ella",
    "liz",
    "camila",
    "luna",
]
N = torch.zeros((27, 27), dtype=torch.int32)
chars = sorted(list(set("abcdefghijklmnopqrstuvwxyz")))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
itos = {i: s for s, i in stoi.items()}
for w in words:
    chs = ["."] + list(w) + ["."]
    for a, b in zip(chs, chs[1:]):
        N[stoi[a], stoi[b]] += 1
print(N[0])
print(N[0, 5].item(), N.sum())
g = torch.Generator().manual_seed(2147483647)
p = torch.rand(3, generator=g)
p = p / p.sum()
print(p, torch.multinomial(p, num_samples=20, replacement=True, generator=g))
P = (N + 1).float()
P /= P.sum(1, keepdims=True)
print(f"{P[0].sum().item():.4f}")
for i in range(5):
    out = []
    ix = 0
    while True:
        ix = torch.multinomial(P[ix], num_samples=1, replacement=True, generator=g).item()
        out.append(itos[ix])
        if ix == 0:
            break
    print("".join(out))
ll = 0.0
n = 0
for w in words[:3]:
    chs = ["."] + list(w) + ["."]
    for a, b in zip(chs, chs[1:]):
        pr = P[stoi[a], stoi[b]]
        lp = torch.log(pr)
        ll += lp
        n += 1
print(f"ll={ll!r}")
nll = -ll
print(f"nll={nll!r}", f"{nll / n}")
xs, ys = ([], [])
for w in words:
    chs = ["."] + list(w) + ["."]
    for a, b in zip(chs, chs[1:]):
        xs.append(stoi[a])
        ys.append(stoi[b])
xs = torch.tensor(xs)
ys = torch.tensor(ys)
num = xs.nelement()
print(num)
W = torch.randn((27, 27), generator=g, requires_grad=True)
for k in range(20):
    xenc = F.one_hot(xs, num_classes=27).float()
    logits = xenc @ W
    counts = logits.exp()
    probs = counts / counts.sum(1, keepdims=True)
    loss = -probs[torch.arange(num), ys].log().mean() + 0.01 * (W**2).mean()
    W.grad = None
    loss.backward()
    W.data += -50 * W.grad
    if k % 5 == 0:
        print(loss.item().__round__(4))
block = 3
X, Y = ([], [])
for w in words:
    c = [0] * block
    for ch in w + ".":
        X.append(c)
        Y.append(stoi[ch])
        c = c[1:] + [stoi[ch]]
X = torch.tensor(X)
Y = torch.tensor(Y)
print(X.shape, X.dtype, Y.shape, Y.dtype)
g = torch.Generator().manual_seed(2147483647)
C = torch.randn((27, 4), generator=g)
W1 = torch.randn((12, 32), generator=g) * (5 / 3) / 12**0.5
W2 = torch.randn((32, 27), generator=g) * 0.01
b2 = torch.randn(27, generator=g) * 0
bngain = torch.ones((1, 32))
bnbias = torch.zeros((1, 32))
bm = torch.zeros((1, 32))
bs = torch.ones((1, 32))
params = [C, W1, W2, b2, bngain, bnbias]
print(sum(p.nelement() for p in params))
for p in params:
    p.requires_grad = True
lossi = []
ud = []
for i in range(60):
    ix = torch.randint(0, X.shape[0], (16,), generator=g)
    Xb, Yb = (X[ix], Y[ix])
    emb = C[Xb]
    embcat = emb.view(emb.shape[0], -1)
    hpre = embcat @ W1
    bmi = hpre.mean(0, keepdim=True)
    bsi = hpre.std(0, keepdim=True)
    hp = bngain * (hpre - bmi) / bsi + bnbias
    with torch.no_grad():
        bm = 0.999 * bm + 0.001 * bmi
        bs = 0.999 * bs + 0.001 * bsi
    h = torch.tanh(hp)
    h.retain_grad()
    logits = h @ W2 + b2
    loss = F.cross_entropy(logits, Yb)
    for p in params:
        p.grad = None
    loss.backward()
    lr = 0.1 if i < 40 else 0.01
    for p in params:
        p.data += -lr * p.grad
    if i % 10 == 0:
        print(
            f"{i:7d}/{60:7d}: {loss.item():.4f}",
            f"{(h.abs() > 0.97).float().mean():.4f} {h.grad.std():.6f}",
        )
    lossi.append(loss.log10().item())
    with torch.no_grad():
        ud.append([((lr * p.grad).std() / p.data.std()).log10().item() for p in params])
print(torch.tensor(lossi).view(-1, 10).mean(1))
print(torch.tensor(ud)[-1])


@torch.no_grad()
def split_loss(x, y):
    h = torch.tanh(bngain * (C[x].view(x.shape[0], -1) @ W1 - bm) / bs + bnbias)
    return F.cross_entropy(h @ W2 + b2, y)


print("%.4f" % split_loss(X, Y).item())


def cmp(s, dt, t):
    ex = torch.all(dt == t.grad).item()
    app = torch.allclose(dt, t.grad)
    print(
        f"{s:15s} | approximate: {str(app):5s} | maxdiff small: {(dt - t.grad).abs().max().item() < 1e-06}"
    )


n = 32
ix = torch.randint(0, X.shape[0], (n,), generator=g)
Xb, Yb = (X[ix], Y[ix])
logits = torch.tanh(C[Xb].view(n, -1) @ W1) @ W2 + b2
lm = logits.max(1, keepdim=True).values
nl = logits - lm
counts = nl.exp()
cs = counts.sum(1, keepdims=True)
csi = cs ** (-1)
pr = counts * csi
lp = pr.log()
loss = -lp[range(n), Yb].mean()
for t in [lp, pr, csi, cs, counts, nl, lm, logits]:
    t.retain_grad()
for p in params:
    p.grad = None
loss.backward()
dlp = torch.zeros_like(lp)
dlp[range(n), Yb] = -1.0 / n
cmp("logprobs", dlp, lp)
dpr = 1.0 / pr * dlp
cmp("probs", dpr, pr)
dcsi = (counts * dpr).sum(1, keepdim=True)
cmp("csi", dcsi, csi)
dl = F.softmax(logits, 1)
dl[range(n), Yb] -= 1
dl /= n
cmp("logits", dl, logits)
print(logits.shape, (dl[0] * n).sum().abs() < 1e-05)
