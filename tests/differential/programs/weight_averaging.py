"""Averages of weights, their schedule, batch norm statistics anew."""

import torch
from torch import nn
from torch.optim.swa_utils import (
    SWALR,
    AveragedModel,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    update_bn,
)

torch.manual_seed(0)
m = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
opt = torch.optim.SGD(m.parameters(), lr=0.01, momentum=0.5)
swa = AveragedModel(m)
ema = AveragedModel(m, avg_fn=lambda a, p, n: 0.9 * a + 0.1 * p)
ema2 = AveragedModel(m, multi_avg_fn=get_ema_multi_avg_fn(0.95), use_buffers=True)
ema3 = AveragedModel(m, avg_fn=get_ema_avg_fn(0.5))
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=10)
ss = SWALR(opt, swa_lr=0.05, anneal_epochs=3)
ss2 = SWALR(
    torch.optim.SGD(m.parameters(), lr=1.0), swa_lr=0.1, anneal_strategy="linear", anneal_epochs=4
)
X = torch.randn(32, 4)
Y = X.sum(1, keepdim=True)
for e in range(8):
    l = nn.functional.mse_loss(m(X), Y)
    opt.zero_grad()
    l.backward()
    opt.step()
    if e > 3:
        swa.update_parameters(m)
        ss.step()
    else:
        sched.step()
    ss2.optimizer.step()
    ss2.step()
    for k in (ema, ema2, ema3):
        k.update_parameters(m)
    print(
        f"{l.item():.2f}",
        [round(g["lr"], 5) for g in opt.param_groups],
        ss2.get_last_lr(),
        swa.n_averaged,
    )
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), 8)
swa.train()
update_bn(loader, swa)
print(swa.module[1].running_mean, swa.training, swa.module[1].momentum)
with torch.no_grad():
    for k in (swa, ema, ema2, ema3):
        k.eval()
        print(f"{nn.functional.mse_loss(k(X), Y).item():.2f}")
print(swa)
print(list(swa.state_dict()))
print(ss.state_dict())
print(opt.param_groups[0]["swa_lr"])
for f in (
    lambda: AveragedModel(m, avg_fn=print, multi_avg_fn=print),
    lambda: get_ema_avg_fn(2.0),
    lambda: SWALR(opt, 0.1, anneal_strategy="x"),
    lambda: SWALR(opt, 0.1, anneal_epochs=-1),
    lambda: SWALR(opt, [0.1, 0.2]),
    lambda: get_ema_multi_avg_fn(-1),
):
    try:
        f()
        print("ok")
    except Exception as e:
        print(type(e).__name__, e)
print(type(m.parameters()), swa.module is m, torch.optim.swa_utils.AveragedModel.__module__)
