"""A Wasserstein critic with the gradient penalty: double backward through a network."""
import torch
from torch import nn

torch.manual_seed(8)
critic = nn.Sequential(
    nn.Linear(3, 16), nn.Tanh(), nn.LayerNorm(16), nn.Linear(16, 8), nn.Softplus(), nn.Linear(8, 1)
)
optimizer = torch.optim.Adam(critic.parameters(), lr=5e-3, betas=(0.0, 0.9))
for step in range(20):
    real, fake = torch.randn(24, 3) + 1, torch.randn(24, 3)
    mix = torch.rand(24, 1)
    between = (mix * real + (1 - mix) * fake).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = ((gradient.norm(2, dim=1) - 1) ** 2).mean()
    loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 4 == 0:
        print(f"{step} {loss.item():.4f} {penalty.item():.4f}")
