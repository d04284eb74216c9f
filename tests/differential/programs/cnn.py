"""A convolutional network with batch norm and dropout, trained and evaluated."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        # No bias before batch norm: its gradient is rounding noise, which Adam would amplify.
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(16)
        self.drop = nn.Dropout(0.25)
        self.head = nn.Linear(16 * 4, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        return self.head(self.drop(x.flatten(1)))


torch.manual_seed(3)
images = torch.randn(60, 1, 8, 8)
labels = torch.randint(0, 5, (60,))
images += labels.view(-1, 1, 1, 1) * 0.5
model = Net()
print(model)
print(sum(p.numel() for p in model.parameters()))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(4):
    model.train()
    order = torch.randperm(60)
    total = 0.0
    for batch in order.split(20):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    model.eval()
    with torch.no_grad():
        correct = (model(images).argmax(1) == labels).sum().item()
    print(f"epoch {epoch} loss {total / 60:.4f} correct {correct}")
