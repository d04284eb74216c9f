"""Complete training programs, each written as a user would: a maker gives what one step needs.

Every maker returns a `Program`: the step, batches to feed it, and the tensors that it trains.
"""

from __future__ import annotations

import copy
import importlib
import pathlib
import sys

import rushlight as torch
from rushlight import nn

F = nn.functional
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


class Program:
    """A training step and what it works on.

    Attributes:
        step: called with one batch; returns the loss.
        batches: list of argument tuples.
        tensors: name -> tensor, all state that the step changes.
        optimizers: for their state.
    """

    def __init__(self, step, batches, modules, optimizers=(), extra=()):
        self.step = step
        self.batches = batches
        self.modules = modules
        self.optimizers = list(optimizers)
        self.extra = list(extra)

    def tensors(self):
        found = {}
        for i, m in enumerate(self.modules):
            for name, t in (*m.named_parameters(), *m.named_buffers()):
                found[f"{i}.{name}"] = t
        for i, o in enumerate(self.optimizers):
            for j, state in enumerate(o.state.values()):
                for key, t in state.items():
                    if isinstance(t, torch.Tensor):
                        found[f"opt{i}.{j}.{key}"] = t
        for i, t in enumerate(self.extra):
            found[f"extra{i}"] = t
        return found


def classifier(model, optimizer, shape, classes, count=4, size=8, **options):
    model.train()

    def step(x, y):
        optimizer.zero_grad(**options)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    batches = [
        (torch.randn(size, *shape), torch.randint(0, classes, (size,))) for _ in range(count)
    ]
    return Program(step, batches, [model], [optimizer])


def mlp_with(make_optimizer, **options):
    def maker():
        model = nn.Sequential(
            nn.Linear(12, 33), nn.ReLU(), nn.Linear(33, 17), nn.Tanh(), nn.Linear(17, 5)
        )
        return classifier(model, make_optimizer(model.parameters()), (12,), 5, size=13, **options)

    return maker


def cnn():
    model = nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, stride=2),
        nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(8, 4),
    )  # fmt: skip
    return classifier(model, torch.optim.SGD(model.parameters(), 0.05, 0.9), (2, 11, 11), 4)


def resnet():
    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(width)

        def forward(self, x):
            y = F.relu(self.norm1(self.conv1(x)))
            return F.relu(x + self.norm2(self.conv2(y)))

    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), Block(8), Block(8),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y, label_smoothing=0.1)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        return loss

    batches = [(torch.randn(6, 3, 8, 8), torch.randint(0, 3, (6,))) for _ in range(4)]
    return Program(step, batches, [model], [optimizer])


def vae():
    encoder = nn.Linear(20, 16)
    mean, spread = nn.Linear(16, 4), nn.Linear(16, 4)
    decoder = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 20))
    modules = [encoder, mean, spread, decoder]
    optimizer = torch.optim.Adam([p for m in modules for p in m.parameters()], lr=1e-2)

    def step(x):
        optimizer.zero_grad()
        h = torch.relu(encoder(x))
        mu, logvar = mean(h), spread(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        rebuilt = decoder(z)
        reconstruction = F.binary_cross_entropy_with_logits(rebuilt, x, reduction="sum")
        divergence = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = reconstruction + divergence
        loss.backward()
        optimizer.step()
        return loss

    return Program(step, [(torch.rand(10, 20),) for _ in range(4)], modules, [optimizer])


def gan():
    generator = nn.Sequential(nn.Linear(3, 16), nn.LeakyReLU(0.2), nn.Linear(16, 6))
    critic = nn.Sequential(nn.Linear(6, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    first = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    second = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.999))

    def step(real):
        size = real.shape[0]
        ones, zeros = torch.ones(size, 1), torch.zeros(size, 1)
        second.zero_grad()
        fake = generator(torch.randn(size, 3))
        loss_real = F.binary_cross_entropy_with_logits(critic(real), ones)
        loss_fake = F.binary_cross_entropy_with_logits(critic(fake.detach()), zeros)
        total = loss_real + loss_fake
        total.backward()
        second.step()
        first.zero_grad()
        loss = F.binary_cross_entropy_with_logits(critic(fake), ones)
        loss.backward()
        first.step()
        return loss, total

    batches = [(torch.randn(8, 6),) for _ in range(4)]
    return Program(step, batches, [generator, critic], [first, second])


def lstm():
    layer, head = nn.LSTM(5, 9, num_layers=2, batch_first=True), nn.Linear(9, 2)
    optimizer = torch.optim.RMSprop([*layer.parameters(), *head.parameters()], lr=0.01)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(head(layer(x)[0][:, -1]), y)
        loss.backward()
        optimizer.step()
        return loss

    batches = [(torch.randn(4, 6, 5), torch.randn(4, 2)) for _ in range(4)]
    return Program(step, batches, [layer, head], [optimizer])


class Attention(nn.Module):
    def __init__(self, width, heads, context):
        super().__init__()
        self.heads = heads
        # No bias: the gradient of a key's is zero but for rounding, which Adam blows up to a step.
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)
        self.drop = nn.Dropout(0.1)
        self.register_buffer("mask", torch.tril(torch.ones(context, context)))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).split(c, dim=2)
        q, k, v = (
            a.view(b, t, self.heads, c // self.heads).transpose(1, 2) for a in (q, k, v)
        )
        scores = (q @ k.transpose(-2, -1)) * (c // self.heads) ** -0.5
        scores = scores.masked_fill(self.mask[:t, :t] == 0, float("-inf"))
        y = self.drop(F.softmax(scores, dim=-1)) @ v
        return self.out(y.transpose(1, 2).contiguous().view(b, t, c))


class GPT(nn.Module):
    def __init__(self, vocabulary=13, width=16, heads=2, context=7, layers=2):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(
            nn.ModuleDict({
                "norm1": nn.LayerNorm(width), "attention": Attention(width, heads, context),
                "norm2": nn.LayerNorm(width),
                "mlp": nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(),
                                     nn.Linear(4 * width, width), nn.Dropout(0.1)),
            }) for _ in range(layers)
        )  # fmt: skip
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = x + block["attention"](block["norm1"](x))
            x = x + block["mlp"](block["norm2"](x))
        return self.head(self.norm(x))


def gpt():
    model = GPT()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)

    def step(x, y):
        logits = model(x)
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), y.view(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    batches = [
        (torch.randint(0, 13, (3, 7)), torch.randint(0, 13, (3, 7))) for _ in range(4)
    ]
    return Program(step, batches, [model], [optimizer])


def pinn():
    model = nn.Sequential(
        nn.Linear(2, 10), nn.Tanh(), nn.Linear(10, 10), nn.Tanh(), nn.Linear(10, 1)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def step(points):
        points = points.clone().requires_grad_()
        optimizer.zero_grad()
        u = model(points)
        (slope,) = torch.autograd.grad(u.sum(), points, create_graph=True)
        u_t, u_x = slope[:, 0], slope[:, 1]
        u_xx = torch.autograd.grad(u_x.sum(), points, create_graph=True)[0][:, 1]
        loss = ((u_t - u_xx) ** 2).mean() + (u**2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return Program(step, [(torch.rand(12, 2),) for _ in range(4)], [model], [optimizer])


def gradient_penalty():
    critic = nn.Sequential(nn.Linear(4, 12), nn.SiLU(), nn.Linear(12, 1))
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)

    def step(real, fake):
        optimizer.zero_grad()
        alpha = torch.rand(real.size(0), 1)
        mixed = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        scores = critic(mixed)
        (slope,) = torch.autograd.grad(
            scores, mixed, torch.ones_like(scores), create_graph=True, retain_graph=True
        )
        penalty = ((slope.norm(2, dim=1) - 1) ** 2).mean()
        loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
        loss.backward()
        optimizer.step()
        return loss

    batches = [(torch.randn(6, 4), torch.randn(6, 4)) for _ in range(4)]
    return Program(step, batches, [critic], [optimizer])


def actor_critic():
    body = nn.Sequential(nn.Linear(4, 16), nn.Tanh())
    actor, critic = nn.Linear(16, 3), nn.Linear(16, 1)
    modules = [body, actor, critic]
    parameters = [p for m in modules for p in m.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=3e-3)

    def step(states, actions, returns):
        hidden = body(states)
        logits, values = actor(hidden), critic(hidden).squeeze(-1)
        log_probabilities = F.log_softmax(logits, dim=-1)
        chosen = log_probabilities.gather(1, actions.unsqueeze(1)).squeeze(1)
        advantage = (returns - values).detach()
        entropy = -(log_probabilities.exp() * log_probabilities).sum(-1).mean()
        loss = -(chosen * advantage).mean() + F.smooth_l1_loss(values, returns) - 0.01 * entropy
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        optimizer.step()
        return loss

    batches = [
        (torch.randn(9, 4), torch.randint(0, 3, (9,)), torch.randn(9)) for _ in range(4)
    ]
    return Program(step, batches, modules, [optimizer])


def ema():
    """A moving average of the weights, kept under no_grad, and accumulation of gradients."""
    model = nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 1))
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)

    def step(x, y, u, v):
        optimizer.zero_grad()
        first = F.huber_loss(model(x), y) / 2
        first.backward()
        second = F.l1_loss(model(u), v) / 2
        second.backward()
        optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
                slow.mul_(0.9).add_(fast, alpha=0.1)
        return first + second

    batches = [
        (torch.randn(6, 5), torch.randn(6, 1), torch.randn(6, 5), torch.randn(6, 1))
        for _ in range(4)
    ]
    return Program(step, batches, [model, average], [optimizer])


def dcgan():
    """Two convolutional networks with batch norm, two optimizers, as in the DCGAN paper."""
    generator = nn.Sequential(
        nn.ConvTranspose2d(5, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
        nn.ConvTranspose2d(8, 6, 4, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(True),
        nn.ConvTranspose2d(6, 2, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    critic = nn.Sequential(
        nn.Conv2d(2, 6, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(6, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(8, 1, 4, 1, 0, bias=False),
    )  # fmt: skip
    criterion = nn.BCEWithLogitsLoss()
    first = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    second = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def step(real):
        size = real.size(0)
        critic.zero_grad()
        label = torch.full((size,), 1.0)
        real_loss = criterion(critic(real).view(-1), label)
        real_loss.backward()
        fake = generator(torch.randn(size, 5, 1, 1))
        label.fill_(0.0)
        fake_loss = criterion(critic(fake.detach()).view(-1), label)
        fake_loss.backward()
        second.step()
        generator.zero_grad()
        label.fill_(1.0)
        loss = criterion(critic(fake).view(-1), label)
        loss.backward()
        first.step()
        return loss.detach(), (real_loss + fake_loss).detach()

    batches = [(torch.randn(4, 2, 16, 16),) for _ in range(4)]
    return Program(step, batches, [generator, critic], [first, second])


def shared():
    """An autoencoder whose two halves are one matrix; an optimizer for it, one for the rest."""
    weight = nn.Parameter(torch.randn(6, 14) * 0.3)
    first, second = nn.Parameter(torch.zeros(6)), nn.Parameter(torch.zeros(14))
    optimizers = [torch.optim.Adam([weight], 1e-2), torch.optim.SGD([first, second], 1e-1)]

    def step(x):
        for o in optimizers:
            o.zero_grad()
        hidden = torch.sigmoid(F.linear(x, weight, first))
        loss = F.mse_loss(F.linear(hidden, weight.t(), second), x)
        loss.backward()
        for o in optimizers:
            o.step()
        return loss

    batches = [(torch.randn(7, 14),) for _ in range(4)]
    return Program(step, batches, [], optimizers, [weight, first, second])


def wide():
    """Large enough for two threads."""
    model = nn.Sequential(nn.Linear(200, 300), nn.GELU(), nn.Linear(300, 200), nn.Linear(200, 10))
    # Adam would blow up what the order of sums on several threads does to tiny gradients.
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    return classifier(model, optimizer, (200,), 10, size=150)


def digits():
    """The training step of examples/digits.py, its network and its data."""
    sys.path.insert(0, str(EXAMPLES))
    before = sys.modules.get("torch")
    functional = {"torch.nn": nn, "torch.nn.functional": F, "torch.utils.data": torch.utils.data}
    try:
        sys.modules["torch"] = torch
        kept = {name: sys.modules.get(name) for name in functional}
        sys.modules.update(functional)
        sys.modules.pop("digits", None)
        example = importlib.import_module("digits")
    finally:
        sys.path.remove(str(EXAMPLES))
        for name, module in {"torch": before, **kept}.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
    images, labels = example.load_digits()[0][:128]
    model = example.Net()
    images = images.to(next(model.parameters()).dtype)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    made = classifier(model, optimizer, (1, 8, 8), 10)
    made.batches = [(images[i : i + 32], labels[i : i + 32]) for i in range(0, 128, 32)]
    return made


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-2),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=1e-2, amsgrad=True, weight_decay=1e-2),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-2, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-1),
    "adadelta": lambda p: torch.optim.Adadelta(p),
    "adamax": lambda p: torch.optim.Adamax(p),
    "nadam": lambda p: torch.optim.NAdam(p),
    "radam": lambda p: torch.optim.RAdam(p, lr=1e-2),
    "asgd": lambda p: torch.optim.ASGD(p, lr=1e-1),
    "rprop": lambda p: torch.optim.Rprop(p),
}

PROGRAMS = {
    **{f"mlp_{name}": mlp_with(o) for name, o in OPTIMIZERS.items()},
    "mlp_zeroed": mlp_with(OPTIMIZERS["adam"], set_to_none=False),
    "cnn": cnn, "resnet": resnet, "vae": vae, "gan": gan, "lstm": lstm, "gpt": gpt, "pinn": pinn,
    "dcgan": dcgan, "shared": shared, "wide": wide, "digits": digits,
    "gradient_penalty": gradient_penalty, "actor_critic": actor_critic, "ema": ema,
}  # fmt: skip
