"""The training steps that are timed: ordinary PyTorch code over a `torch` that is handed in.

Each maker returns a function that does one step. `facts` of the same names: see README.md here.
"""


def _mlp(torch, sizes, batch, make_optimizer):
    nn, functional = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    layers = []
    for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
        layers.append(nn.Linear(a, b))
        if i < len(sizes) - 2:
            layers.append(nn.ReLU())
    model = nn.Sequential(*layers)
    optimizer = make_optimizer(model.parameters())
    x = torch.randn(batch, sizes[0])
    y = torch.randint(0, sizes[-1], (batch,))

    def step():
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def linear1(torch):
    """Linear(1, 1) on three rows, MSE, SGD."""
    torch.manual_seed(0)
    model = torch.nn.Linear(1, 1)
    x = torch.tensor([[1.0], [2.0], [3.0]])
    y = torch.tensor([[2.0], [4.0], [6.0]])
    criterion = torch.nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def mlp_small(torch):
    """64-64-64-10, ReLU, batch 32, cross entropy, Adam."""
    return _mlp(torch, (64, 64, 64, 10), 32, lambda p: torch.optim.Adam(p))


def mlp_mnist(torch):
    """784-256-128-10, ReLU, batch 128, cross entropy, Adam."""
    return _mlp(torch, (784, 256, 128, 10), 128, lambda p: torch.optim.Adam(p))


def mlp_wide(torch):
    """2048-2048-2048-10, ReLU, batch 256, cross entropy, SGD."""
    return _mlp(torch, (2048, 2048, 2048, 10), 256, lambda p: torch.optim.SGD(p, lr=0.01))


def cnn(torch):
    """Two 3x3 convolutions (1-16-32), two max pools, linear; 28x28, batch 64, Adam."""
    nn, functional = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 49, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters())
    x = torch.randn(64, 1, 28, 28)
    y = torch.randint(0, 10, (64,))

    def step():
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def chain(torch):
    """20,000 dependent scalar ops and backward."""
    w = torch.tensor(0.9999, requires_grad=True)
    b = torch.tensor(1e-6, requires_grad=True)

    def step():
        w.grad = b.grad = None
        y = torch.tensor(1.0)
        for _ in range(10_000):
            y = y * w + b
        y.backward()
        return y

    return step


def _ops(torch, backward):
    w = torch.ones(4, requires_grad=True)
    b = torch.zeros(4, requires_grad=True)
    start = torch.ones(4)
    one = torch.ones(4)

    def step():
        w.grad = b.grad = None
        y = start
        for _ in range(1000):
            y = y * w + b
        if backward:
            y.backward(one)
        return y

    return step


def op_forward(torch):
    """2,000 dependent elementwise ops on float32[4], recorded, without backward."""
    return _ops(torch, backward=False)


def op_backward(torch):
    """2,000 dependent elementwise ops on float32[4], and backward through them."""
    return _ops(torch, backward=True)


#: name -> (maker, operations in a step, the largest ratio to PyTorch that is wanted)
WORKLOADS = {
    "linear1": (linear1, 1, 0.5),
    "mlp_small": (mlp_small, 1, 0.6),
    "mlp_mnist": (mlp_mnist, 1, 0.6),
    "mlp_wide": (mlp_wide, 1, 0.5),
    "chain": (chain, 1, 0.6),
    "op_forward": (op_forward, 2000, 0.8),
    "op_backward": (op_backward, 2000, 0.63),
    "cnn": (cnn, 1, None),
}
