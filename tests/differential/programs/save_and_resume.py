"""Training stopped, saved, loaded into fresh objects and resumed equals training through."""
import io
import os
import tempfile

import torch
from torch import nn


# No bias before batch norm: its gradient is rounding noise, which Adam would amplify.
def build():
    torch.manual_seed(13)
    network = nn.Sequential(
        nn.Linear(6, 10, bias=False), nn.BatchNorm1d(10), nn.ReLU(), nn.Linear(10, 2)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    return network, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 5, gamma=0.5)


x, y = torch.randn(32, 6, generator=torch.Generator().manual_seed(0)), torch.arange(32) % 2


def train(network, optimizer, scheduler, steps):
    for _ in range(steps):
        loss = nn.functional.cross_entropy(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(f"{loss.item():.4f} lr {scheduler.get_last_lr()}")


through = build()
train(*through, 16)
first = build()
train(*first, 8)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "checkpoint.pt")
    torch.save({"model": first[0].state_dict(), "optimizer": first[1].state_dict(),
                "scheduler": first[2].state_dict(), "epoch": 8}, path)
    checkpoint = torch.load(path)
second = build()
second[0].load_state_dict(checkpoint["model"])
second[1].load_state_dict(checkpoint["optimizer"])
second[2].load_state_dict(checkpoint["scheduler"])
train(*second, 8)
model = second[0]
pairs = zip(model.state_dict().values(), through[0].state_dict().values())
print(all(torch.equal(a, b) for a, b in pairs))
buffer = io.BytesIO()
torch.save(model.state_dict(), buffer)
buffer.seek(0)
print(list(torch.load(buffer, weights_only=True)))
