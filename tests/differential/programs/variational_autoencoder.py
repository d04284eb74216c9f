"""Reparameterised draws, binary cross entropy, its errors."""

import torch
from torch import nn, optim
from torch.nn import functional as F

torch.manual_seed(0)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 40)
        self.fc21 = nn.Linear(40, 5)
        self.fc22 = nn.Linear(40, 5)
        self.fc3 = nn.Linear(5, 40)
        self.fc4 = nn.Linear(40, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return (self.fc21(h1), self.fc22(h1))

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        z = self.reparameterize(mu, logvar)
        return (self.decode(z), mu, logvar)


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


model = VAE()
opt = optim.Adam(model.parameters(), lr=0.001)
data = torch.bernoulli(torch.rand(10, 32, 1, 8, 8))
for ep in range(3):
    model.train()
    tl = 0
    for b in data:
        opt.zero_grad()
        r, mu, lv = model(b)
        loss = loss_function(r, b, mu, lv)
        loss.backward()
        tl += loss.item()
        opt.step()
    print(f"====> Epoch: {ep} Average loss: {tl / 320:.4f}")
with torch.no_grad():
    s = model.decode(torch.randn(4, 5))
    print(s.view(4, 1, 8, 8)[0])
try:
    F.binary_cross_entropy(torch.tensor([1.5]), torch.tensor([1.0]))
except Exception as e:
    print(type(e).__name__, e)
try:
    F.binary_cross_entropy(torch.rand(3), torch.rand(4))
except Exception as e:
    print(type(e).__name__, e)
