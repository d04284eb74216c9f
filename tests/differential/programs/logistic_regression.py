"""Logistic regression with a weight decay group and an accuracy."""
import torch
from torch import nn

torch.manual_seed(1)
x = torch.cat([torch.randn(80, 2) + 1, torch.randn(80, 2) - 1])
y = torch.cat([torch.ones(80), torch.zeros(80)])
model = nn.Linear(2, 1)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(
    [{"params": [model.weight], "weight_decay": 0.01}, {"params": [model.bias]}], lr=0.5
)
for epoch in range(40):
    logits = model(x).squeeze(1)
    loss = criterion(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 8 == 0:
        accuracy = ((logits > 0).float() == y).float().mean()
        print(f"epoch {epoch:2d} loss {loss.item():.4f} accuracy {accuracy:.3f}")
print(optimizer)
