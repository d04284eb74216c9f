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


def resnet_block(torch):
    """Stem and 3 residual blocks of 32 channels with batch norm, 32x32, batch 16, SGD momentum."""
    nn, functional = torch.nn, torch.nn.functional
    torch.manual_seed(0)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(32, 32, 3, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(32)
            self.conv2 = nn.Conv2d(32, 32, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(32)

        def forward(self, x):
            y = functional.relu(self.norm1(self.conv1(x)))
            return functional.relu(x + self.norm2(self.conv2(y)))

    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        Block(), Block(), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x = torch.randn(16, 3, 32, 32)
    y = torch.randint(0, 10, (16,))

    def step():
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def lstm(torch):
    """LSTM 64 -> 128 over 32 steps, batch 32, linear on the last output, Adam."""
    nn, functional = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    model = nn.LSTM(64, 128)
    head = nn.Linear(128, 10)
    optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()])
    x = torch.randn(32, 32, 64)
    y = torch.randint(0, 10, (32,))

    def step():
        optimizer.zero_grad()
        output, _ = model(x)
        loss = functional.cross_entropy(head(output[-1]), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def gpt(torch):
    """4 layers, 128 wide, 4 heads, context 64, vocabulary 65, batch 16, AdamW."""
    nn, functional = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    width, heads, context, vocabulary = 128, 4, 64, 65

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1 = nn.LayerNorm(width)
            self.qkv = nn.Linear(width, 3 * width)
            self.out = nn.Linear(width, width)
            self.norm2 = nn.LayerNorm(width)
            self.up = nn.Linear(width, 4 * width)
            self.down = nn.Linear(4 * width, width)

        def forward(self, x):
            n, t, c = x.shape
            q, k, v = self.qkv(self.norm1(x)).split(width, dim=2)
            q, k, v = (z.view(n, t, heads, c // heads).transpose(1, 2) for z in (q, k, v))
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(n, t, c))
            return x + self.down(functional.gelu(self.up(self.norm2(x))))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Embedding(vocabulary, width)
            self.position = nn.Embedding(context, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(4)))
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, vocabulary, bias=False)

        def forward(self, tokens):
            x = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    model = GPT()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    x = torch.randint(0, vocabulary, (16, context))
    y = torch.randint(0, vocabulary, (16, context))

    def step():
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x).view(-1, vocabulary), y.view(-1))
        loss.backward()
        optimizer.step()
        return loss

    return step


def pinn(torch):
    """tanh MLP 2-32-32-32-1, u_t - u_xx by double backward, 1,024 points, Adam."""
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(),
        nn.Linear(32, 1),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters())
    points = torch.rand(1024, 2)

    def step():
        optimizer.zero_grad()
        x = points.clone().requires_grad_()
        u = model(x)
        (du,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        (d2u,) = torch.autograd.grad(du[:, 0].sum(), x, create_graph=True)
        loss = (du[:, 1] - d2u[:, 0]).pow(2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def pointwise(torch):
    """mean(exp(tanh(2x + 1) x) sigmoid(x)) over 4 million floats, and its gradient."""
    torch.manual_seed(0)
    x = torch.randn(4_000_000, requires_grad=True)

    def step():
        x.grad = None
        loss = (torch.exp(torch.tanh(2 * x + 1) * x) * torch.sigmoid(x)).mean()
        loss.backward()
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
    "pinn": (pinn, 1, 0.9),
    "cnn": (cnn, 1, None),
    "resnet_block": (resnet_block, 1, None),
    "lstm": (lstm, 1, None),
    "gpt": (gpt, 1, None),
    "pointwise": (pointwise, 1, None),
}
