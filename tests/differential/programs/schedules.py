"""Learning-rate schedules while training."""
import torch
from torch import nn

x = torch.randn(30, 4, generator=torch.Generator().manual_seed(1))
y = x.sum(1, keepdim=True).sin()


def train(name, make):
    torch.manual_seed(14)
    network = nn.Sequential(nn.Linear(4, 12), nn.Tanh(), nn.Linear(12, 1))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.2, momentum=0.5)
    scheduler = make(optimizer)
    for epoch in range(12):
        loss = nn.functional.mse_loss(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if epoch % 3 == 0:
            print(name, epoch, f"{loss.item():.4f}", f"{scheduler.get_last_lr()[0]:.6f}")
    return network


schedule = torch.optim.lr_scheduler
step = train("step", lambda o: schedule.StepLR(o, step_size=4, gamma=0.3))
cosine = train("cosine", lambda o: schedule.CosineAnnealingLR(o, T_max=12))
