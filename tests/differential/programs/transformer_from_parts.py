"""A small GPT of Linear, matmul, softmax and masked_fill, with accumulation and sampling."""

import math
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.nn import functional as F

torch.manual_seed(1337)


@dataclass
class Config:
    n_embd: int = 32
    n_head: int = 4
    block: int = 16
    vocab: int = 20
    n_layer: int = 2
    dropout: float = 0.1
    bias: bool = True


class NewGELU(nn.Module):
    def forward(self, x):
        return (
            0.5
            * x
            * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))
        )


class LayerNorm(nn.Module):
    def __init__(self, n, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n)) if bias else None

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-05)


class Attn(nn.Module):
    def __init__(self, c):
        super().__init__()
        assert c.n_embd % c.n_head == 0
        self.c_attn = nn.Linear(c.n_embd, 3 * c.n_embd)
        self.c_proj = nn.Linear(c.n_embd, c.n_embd)
        self.d1 = nn.Dropout(c.dropout)
        self.d2 = nn.Dropout(c.dropout)
        self.register_buffer(
            "bias", torch.tril(torch.ones(c.block, c.block)).view(1, 1, c.block, c.block)
        )
        self.n_head = c.n_head
        self.n_embd = c.n_embd
        self.flash = hasattr(F, "scaled_dot_product_attention") and False

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.n_embd, dim=2)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        att = q @ k.transpose(-2, -1) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
        att = F.softmax(att, dim=-1)
        att = self.d1(att)
        y = (att @ v).transpose(1, 2).contiguous().view(B, T, C)
        return self.d2(self.c_proj(y))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.ln_1 = LayerNorm(c.n_embd, c.bias)
        self.attn = Attn(c)
        self.ln_2 = nn.LayerNorm(c.n_embd)
        self.mlp = nn.ModuleDict(
            dict(
                c_fc=nn.Linear(c.n_embd, 4 * c.n_embd),
                c_proj=nn.Linear(4 * c.n_embd, c.n_embd),
                act=NewGELU(),
                dropout=nn.Dropout(c.dropout),
            )
        )
        m = self.mlp
        self.mlpf = lambda x: m.dropout(m.c_proj(m.act(m.c_fc(x))))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlpf(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.transformer = nn.ModuleDict(
            dict(
                wte=nn.Embedding(c.vocab, c.n_embd),
                wpe=nn.Embedding(c.block, c.n_embd),
                drop=nn.Dropout(c.dropout),
                h=nn.ModuleList([Block(c) for _ in range(c.n_layer)]),
                ln_f=LayerNorm(c.n_embd, c.bias),
            )
        )
        self.lm_head = nn.Linear(c.n_embd, c.vocab, bias=False)
        self.transformer.wte.weight = self.lm_head.weight
        self.apply(self._init)
        for pn, p in self.named_parameters():
            if pn.endswith("c_proj.weight"):
                torch.nn.init.normal_(p, mean=0.0, std=0.02 / math.sqrt(2 * c.n_layer))
        print(
            "number of parameters: %.4fM"
            % (sum(p.numel() for p in self.parameters()) / 1000000.0,)
        )

    def _init(self, m):
        if isinstance(m, nn.Linear):
            torch.nn.init.normal_(m.weight, mean=0.0, std=0.02)
            if m.bias is not None:
                torch.nn.init.zeros_(m.bias)
        elif isinstance(m, nn.Embedding):
            torch.nn.init.normal_(m.weight, mean=0.0, std=0.02)

    def forward(self, idx, targets=None):
        b, t = idx.size()
        pos = torch.arange(0, t, dtype=torch.long, device=idx.device)
        x = self.transformer.drop(self.transformer.wte(idx) + self.transformer.wpe(pos))
        for blk in self.transformer.h:
            x = blk(x)
        x = self.transformer.ln_f(x)
        if targets is None:
            return (self.lm_head(x[:, [-1], :]), None)
        lo = self.lm_head(x)
        return (lo, F.cross_entropy(lo.view(-1, lo.size(-1)), targets.view(-1), ignore_index=-1))

    def optimizer(self, wd, lr, betas):
        d = {n: p for n, p in self.named_parameters() if p.requires_grad}
        a = [p for p in d.values() if p.dim() >= 2]
        b = [p for p in d.values() if p.dim() < 2]
        print(len(a), len(b))
        return torch.optim.AdamW(
            [{"params": a, "weight_decay": wd}, {"params": b, "weight_decay": 0.0}],
            lr=lr,
            betas=betas,
        )

    @torch.no_grad()
    def generate(self, idx, n, temperature=1.0, top_k=None):
        for _ in range(n):
            ic = idx if idx.size(1) <= self.c.block else idx[:, -self.c.block :]
            lo, _ = self(ic)
            lo = lo[:, -1, :] / temperature
            if top_k is not None:
                v, _ = torch.topk(lo, min(top_k, lo.size(-1)))
                lo[lo < v[:, [-1]]] = -float("Inf")
            idx = torch.cat((idx, torch.multinomial(F.softmax(lo, dim=-1), num_samples=1)), dim=1)
        return idx


g = GPT(Config())
print(g)
opt = g.optimizer(0.1, 0.001, (0.9, 0.95))
data = torch.randint(0, 20, (500,))


def get_lr(it):
    return (
        0.001 * (it + 1) / 5
        if it < 5
        else 0.0001 + 0.5 * (1 + math.cos(math.pi * (it - 5) / 20)) * 0.0009
    )


for it in range(15):
    for pg in opt.param_groups:
        pg["lr"] = get_lr(it)
    for micro in range(2):
        ix = torch.randint(len(data) - 16, (4,))
        x = torch.stack([data[i : i + 16] for i in ix])
        y = torch.stack([data[i + 1 : i + 17] for i in ix])
        with torch.amp.autocast(device_type="cpu", dtype=torch.bfloat16, enabled=False):
            _, loss = g(x, y)
        (loss / 2).backward()
    n = torch.nn.utils.clip_grad_norm_(g.parameters(), 1.0)
    opt.step()
    opt.zero_grad(set_to_none=True)
    if it % 3 == 0:
        print(it, f"{loss.item():.4f} {n.item():.4f}")
g.eval()
print(g.generate(torch.zeros((1, 1), dtype=torch.long), 20, 0.9, 5)[0].tolist())
print([n for n, _ in g.named_buffers()], len(list(g.state_dict())))
