"""Mini-batches through a DataLoader, with a validation split, shuffling and dropout."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(16)
x = torch.randn(100, 6)
y = (x[:, 0] * x[:, 1] > 0).long()
train_set, valid_set = random_split(TensorDataset(x, y), [80, 20])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
valid_loader = DataLoader(valid_set, batch_size=20)
model = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 2))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(5):
    model.train()
    running = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        running += loss.item() * inputs.size(0)
    model.eval()
    with torch.no_grad():
        valid = sum(criterion(model(a), b).item() for a, b in valid_loader)
    print(f"epoch {epoch} train {running / len(train_set):.4f} valid {valid:.4f}")
print(torch.rand(2))
