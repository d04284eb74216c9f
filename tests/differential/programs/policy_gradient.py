"""A policy trained by sampling actions and weighting log probabilities with returns."""
import torch
from torch import nn

torch.manual_seed(10)
policy = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(dim=-1))
optimizer = torch.optim.Adam(policy.parameters(), lr=0.02)
goal = torch.randn(4, 3)
for episode in range(25):
    logs, rewards = [], []
    state = torch.randn(4)
    for _ in range(8):
        probabilities = policy(state)
        action = torch.multinomial(probabilities, 1).item()
        logs.append(torch.log(probabilities[action]))
        rewards.append(float((state @ goal).argmax().item() == action))
        state = 0.5 * state + torch.randn(4)
    returns, total = [], 0.0
    for r in reversed(rewards):
        total = r + 0.9 * total
        returns.insert(0, total)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + 1e-8)
    loss = -(torch.stack(logs) * returns).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if episode % 5 == 0:
        print(f"{episode} {loss.item():.4f} {sum(rewards):.0f}")
