"""An autoencoder with Sequential halves and an L1 term."""
import torch
from torch import nn

torch.manual_seed(4)
data = torch.rand(48, 12)


class AutoEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(12, 8), nn.GELU(), nn.Linear(8, 3))
        self.decoder = nn.Sequential(
            nn.Linear(3, 8), nn.LeakyReLU(0.1), nn.Linear(8, 12), nn.Sigmoid()
        )

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code), code


model = AutoEncoder()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
criterion, l1 = nn.MSELoss(), nn.L1Loss()
for step in range(60):
    rebuilt, code = model(data)
    loss = criterion(rebuilt, data) + 0.1 * l1(rebuilt, data) + 1e-3 * code.abs().mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if step % 12 == 0:
        print(step, f"{loss.item():.4f}")
print(model)
