"""Linear regression by hand and by nn.Linear."""
import torch

torch.manual_seed(0)
x = torch.randn(100, 3)
true = torch.tensor([[1.5], [-2.0], [0.5]])
y = x @ true + 0.3 + 0.1 * torch.randn(100, 1)

w = torch.zeros(3, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for step in range(50):
    loss = ((x @ w + b - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        b -= 0.1 * b.grad
        w.grad.zero_()
        b.grad.zero_()
    if step % 10 == 0:
        print(f"{step} {loss.item():.4f}")
print(w, b)

model = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(50):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"{step} {loss.item():.4f}")
print(model, model.weight, model.bias)
