"""REINFORCE, DQN with a target network, PPO on a toy environment."""

import random
from collections import deque, namedtuple

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(543)
np.random.seed(0)
random.seed(0)


class Env:
    def __init__(self):
        self.rng = np.random.RandomState(1)

    def reset(self):
        self.s = self.rng.uniform(-0.05, 0.05, 4)
        self.t = 0
        return self.s.astype(np.float32).copy()

    def step(self, a):
        f = 1.0 if a == 1 else -1.0
        self.s = self.s + 0.1 * np.array([self.s[1], f + self.s[2], self.s[3], f * 0.5 - self.s[2]])
        self.t += 1
        return (
            self.s.astype(np.float32).copy(),
            1.0,
            bool(abs(self.s[0]) > 1.5 or self.t >= 30),
            {},
        )


env = Env()


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 32)
        self.dropout = nn.Dropout(p=0.2)
        self.affine2 = nn.Linear(32, 2)
        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        return F.softmax(self.affine2(F.relu(self.dropout(self.affine1(x)))), dim=1)


p = Policy()
opt = torch.optim.Adam(p.parameters(), lr=0.01)
eps = np.finfo(np.float32).eps.item()
for ep in range(8):
    s = env.reset()
    done = False
    R = 0
    while not done:
        st = torch.from_numpy(s).float().unsqueeze(0)
        probs = p(st)
        a = torch.multinomial(probs, 1).item()
        p.saved_log_probs.append(torch.log(probs[0, a]).reshape(1))
        s, r, done, _ = env.step(a)
        p.rewards.append(r)
    returns = deque()
    for r in p.rewards[::-1]:
        R = r + 0.99 * R
        returns.appendleft(R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    pl = [-lp * R for lp, R in zip(p.saved_log_probs, returns)]
    opt.zero_grad()
    l = torch.cat(pl).sum()
    l.backward()
    opt.step()
    print(ep, len(p.rewards), f"{l.item():.4f}")
    del p.rewards[:]
    del p.saved_log_probs[:]
Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))
policy = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
target = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
target.load_state_dict(policy.state_dict())
opt = torch.optim.AdamW(policy.parameters(), lr=0.001, amsgrad=True)
mem = deque([], maxlen=200)
for ep in range(4):
    s = torch.tensor(env.reset(), dtype=torch.float32, device="cpu").unsqueeze(0)
    n = 0
    ls = []
    while True:
        if random.random() > 0.5:
            with torch.no_grad():
                a = policy(s).max(1).indices.view(1, 1)
        else:
            a = torch.tensor([[random.randrange(2)]], dtype=torch.long)
        o, r, d, _ = env.step(a.item())
        n += 1
        ns = None if d else torch.tensor(o, dtype=torch.float32).unsqueeze(0)
        mem.append(Transition(s, a, ns, torch.tensor([r])))
        s = ns
        if len(mem) >= 16:
            b = Transition(*zip(*random.sample(mem, 16)))
            mask = torch.tensor(tuple(map(lambda s: s is not None, b.next_state)), dtype=torch.bool)
            nf = torch.cat([x for x in b.next_state if x is not None])
            q = policy(torch.cat(b.state)).gather(1, torch.cat(b.action))
            nv = torch.zeros(16)
            with torch.no_grad():
                nv[mask] = target(nf).max(1).values
            loss = nn.SmoothL1Loss()(q, (nv * 0.99 + torch.cat(b.reward)).unsqueeze(1))
            opt.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_value_(policy.parameters(), 100)
            opt.step()
            ls.append(loss.item())
            tsd = target.state_dict()
            psd = policy.state_dict()
            for k in psd:
                tsd[k] = psd[k] * 0.005 + tsd[k] * 0.995
            target.load_state_dict(tsd)
        if d:
            break
    print(ep, n, f"{(np.mean(ls) if ls else 0):.5f}")
ac = nn.ModuleDict(
    {
        "pi": nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2)),
        "v": nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1)),
    }
)
for m in ac.modules():
    if isinstance(m, nn.Linear):
        nn.init.orthogonal_(m.weight, gain=np.sqrt(2))
        nn.init.zeros_(m.bias)
opt = torch.optim.Adam(ac.parameters(), lr=0.0003, eps=1e-05)
obs = torch.randn(64, 4)
act = torch.randint(0, 2, (64,))
adv = torch.randn(64)
ret = torch.randn(64)
with torch.no_grad():
    old = F.log_softmax(ac["pi"](obs), -1).gather(1, act[:, None]).squeeze(1)
for e in range(3):
    for mb in torch.randperm(64).split(16):
        lp = F.log_softmax(ac["pi"](obs[mb]), -1)
        new = lp.gather(1, act[mb, None]).squeeze(-1)
        ratio = (new - old[mb]).exp()
        a = adv[mb]
        a = (a - a.mean()) / (a.std() + 1e-08)
        pg = torch.max(-a * ratio, -a * torch.clamp(ratio, 0.8, 1.2)).mean()
        ent = -(lp.exp() * lp).sum(-1).mean()
        v = ac["v"](obs[mb]).flatten()
        vl = 0.5 * ((v - ret[mb]) ** 2).mean()
        loss = pg - 0.01 * ent + 0.5 * vl
        opt.zero_grad()
        loss.backward()
        gn = nn.utils.clip_grad_norm_(ac.parameters(), 0.5)
        opt.step()
    print(
        f"{loss.item():.4f} {pg.item():.4f} {vl.item():.4f} {ent.item():.4f} {gn.item():.4f} kl {(ratio - 1 - ratio.log()).mean().item():.6f}"
    )
print(ac)
print([k for k in ac.state_dict()])
