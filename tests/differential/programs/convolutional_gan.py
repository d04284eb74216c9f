"""Transposed convolutions, weights set by apply, two optimizers."""

import random

import torch
import torch.nn as nn
import torch.optim as optim

manualSeed = 999
print("Random Seed: ", manualSeed)
random.seed(manualSeed)
torch.manual_seed(manualSeed)
try:
    torch.use_deterministic_algorithms(True)
except Exception as e:
    print(e)
nz, ngf, ndf, nc = (10, 4, 4, 1)
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


class G(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, x):
        return self.main(x)


class D(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.main(x)


netG = G().to(device)
netG.apply(weights_init)
print(netG)
netD = D().to(device)
netD.apply(weights_init)
print(netD)
criterion = nn.BCELoss()
fixed = torch.randn(4, nz, 1, 1, device=device)
optD = optim.Adam(netD.parameters(), lr=0.0002, betas=(0.5, 0.999))
optG = optim.Adam(netG.parameters(), lr=0.0002, betas=(0.5, 0.999))
for i in range(6):
    netD.zero_grad()
    real = torch.rand(8, 1, 16, 16) * 2 - 1
    label = torch.full((8,), 1.0, dtype=torch.float, device=device)
    out = netD(real).view(-1)
    eD = criterion(out, label)
    eD.backward()
    Dx = out.mean().item()
    fake = netG(torch.randn(8, nz, 1, 1, device=device))
    label.fill_(0.0)
    out = netD(fake.detach()).view(-1)
    eF = criterion(out, label)
    eF.backward()
    D1 = out.mean().item()
    optD.step()
    netG.zero_grad()
    label.fill_(1.0)
    out = netD(fake).view(-1)
    eG = criterion(out, label)
    eG.backward()
    optG.step()
    print(
        "[%d] Loss_D: %.4f Loss_G: %.4f D(x): %.4f D(G(z)): %.4f"
        % (i, (eD + eF).item(), eG.item(), Dx, D1)
    )
for k, v in netG.state_dict().items():
    print(k, v.shape, v.dtype, f"{v.double().sum():.4f}")
