"""Train a small convolutional network to read handwritten digits.

An ordinary PyTorch program: `rushlight run examples/digits.py` runs it with rushlight, and
`python examples/digits.py` with PyTorch where that is installed. Both print the same losses.
"""

import argparse
import gzip
import pathlib
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

HERE = pathlib.Path(__file__).resolve().parent


class Net(nn.Module):
    """Two convolutions with batch norm, one hidden layer with dropout."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(32)
        self.dropout = nn.Dropout(0.3)
        self.hidden = nn.Linear(32 * 4 * 4, 64)
        self.output = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        x = F.relu(self.hidden(torch.flatten(x, 1)))
        return self.output(self.dropout(x))


def load_digits():
    """The 1,797 images in a fixed random order: 1,437 to train on, 360 to test on."""
    with gzip.open(HERE / "data" / "digits.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    order = np.random.RandomState(0).permutation(len(table))
    images = torch.from_numpy(table[order, :-1] / 16).reshape(-1, 1, 8, 8)
    labels = torch.from_numpy(table[order, -1].astype(np.int64))
    train, test = slice(0, 1437), slice(1437, None)
    return TensorDataset(images[train], labels[train]), TensorDataset(images[test], labels[test])


def progress(epoch, done, total, loss):
    """A bar on the terminal; nothing where the output goes to a file."""
    if sys.stderr.isatty():
        bar = "#" * (30 * done // total)
        end = "\r" if done < total else "\r" + " " * 70 + "\r"
        print(f"epoch {epoch:2d} [{bar:30s}] loss {loss:.4f}", end=end, file=sys.stderr, flush=True)


def train_epoch(model, loader, optimizer, epoch):
    model.train()
    total = 0.0
    for step, (images, labels) in enumerate(loader, 1):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
        progress(epoch, step, len(loader), loss.item())
    return total / len(loader)


@torch.no_grad()
def evaluate(model, dataset):
    """Accuracy, and how often each digit was taken for each other."""
    model.eval()
    images, labels = dataset.tensors
    predictions = model(images).argmax(dim=1)
    confusion = torch.zeros(10, 10, dtype=torch.int64)
    for truth, found in zip(labels.tolist(), predictions.tolist()):
        confusion[truth, found] += 1
    return (predictions == labels).float().mean().item(), confusion


def draw_curve(losses, path):
    """The training loss as a PNG, if matplotlib is installed."""
    try:
        import matplotlib
    except ImportError:
        print("no curve drawn: pip install matplotlib")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    axes.semilogy(range(1, len(losses) + 1), losses, marker="o", markersize=3)
    axes.set(xlabel="epoch", ylabel="training loss", title="Handwritten digits")
    axes.grid(True, which="both", alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f"loss curve: {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("digits-output"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(options.seed)
    train, test = load_digits()
    loader = DataLoader(train, batch_size=64, shuffle=True)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.epochs)

    began = time.perf_counter()
    losses = []
    for epoch in range(1, options.epochs + 1):
        losses.append(train_epoch(model, loader, optimizer, epoch))
        scheduler.step()
        print(f"epoch {epoch:2d}  loss {losses[-1]:.4f}")
    seconds = time.perf_counter() - began

    accuracy, confusion = evaluate(model, test)
    print(f"test accuracy {100 * accuracy:.2f} % of {len(test)} images")
    print("confusion (rows: truth, columns: prediction)")
    print(confusion)
    checkpoint = options.output / "digits.pt"
    torch.save(model.state_dict(), checkpoint)
    print(f"checkpoint: {checkpoint}")
    draw_curve(losses, options.output / "digits-loss.png")
    print(f"trained in {seconds:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
