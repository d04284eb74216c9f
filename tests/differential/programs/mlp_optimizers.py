"""One network under each optimizer."""
import torch
from torch import nn, optim

torch.manual_seed(2)
x = torch.randn(64, 8)
y = torch.randint(0, 3, (64,))


def train(name, make):
    torch.manual_seed(7)
    network = nn.Sequential(
        nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3)
    )
    optimizer = make(network.parameters())
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(name, " ".join(f"{v:.4f}" for v in losses[::6]), f"{losses[-1]:.4f}")
    return network


sgd = train("sgd", lambda p: optim.SGD(p, lr=0.1))
momentum = train("momentum", lambda p: optim.SGD(p, lr=0.05, momentum=0.9))
nesterov = train(
    "nesterov",
    lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
)
adam = train("adam", lambda p: optim.Adam(p, lr=0.01))
amsgrad = train("amsgrad", lambda p: optim.Adam(p, lr=0.01, amsgrad=True))
adamw = train("adamw", lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1))
