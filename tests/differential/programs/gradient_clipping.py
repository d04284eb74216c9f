"""Clipping by norm and by value, gradient accumulation over micro-batches."""
import torch
from torch import nn

torch.manual_seed(15)
model = nn.Sequential(nn.Linear(5, 20), nn.ELU(), nn.Linear(20, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
x = torch.randn(48, 5) * 3
y = (x ** 2).sum(1, keepdim=True)
for step in range(20):
    optimizer.zero_grad()
    total = 0.0
    for part in range(4):
        rows = slice(part * 12, part * 12 + 12)
        loss = nn.functional.mse_loss(model(x[rows]), y[rows]) / 4
        loss.backward()
        total += loss.item()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    if step % 2:
        torch.nn.utils.clip_grad_value_(model.parameters(), 0.1)
    optimizer.step()
    if step % 5 == 0:
        print(f"{step} {total:.2f} {norm:.2f}")
