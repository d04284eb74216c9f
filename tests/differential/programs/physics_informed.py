"""A network that solves y'' = -y by its own derivatives."""
import torch
from torch import nn

torch.manual_seed(9)
model = nn.Sequential(
    nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)
).double()
t = torch.linspace(0, 2, 25, dtype=torch.float64).view(-1, 1).requires_grad_(True)
start = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(40):
    y = model(t)
    (dy,) = torch.autograd.grad(y, t, torch.ones_like(y), create_graph=True)
    (ddy,) = torch.autograd.grad(dy, t, torch.ones_like(dy), create_graph=True)
    y0 = model(start)
    (dy0,) = torch.autograd.grad(y0, start, create_graph=True)
    loss = ((ddy + y) ** 2).mean() + (y0 ** 2).sum() + ((dy0 - 1) ** 2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 8 == 0:
        print(f"{step:3d} {loss.item():.4f}")
print(f"{model(torch.ones(1, 1, dtype=torch.float64)).item():.4f}")
