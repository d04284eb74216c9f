"""Inner steps of gradient descent that the outer gradient flows through."""
import torch

torch.manual_seed(17)
w = torch.randn(3, 1, requires_grad=True)
rate = torch.tensor(0.1, requires_grad=True)
optimizer = torch.optim.Adam([w, rate], lr=0.05)
for step in range(15):
    x, target = torch.randn(10, 3), torch.randn(10, 1)
    fast = w
    for _ in range(3):
        inner = ((x @ fast - target) ** 2).mean()
        (g,) = torch.autograd.grad(inner, fast, create_graph=True)
        fast = fast - rate * g
    loss = ((x @ fast - target) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 3 == 0:
        print(f"{step} {loss.item():.4f} {rate.item():.4f}")
print(w, rate)
