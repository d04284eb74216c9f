"""Runs one call of `torch.nn.functional` and sums up what it gives, for PyTorch and rushlight."""

from __future__ import annotations

import numpy as np


def draw(spec, random):
    """The array that a specification describes."""
    if isinstance(spec, list):
        return np.array(spec)
    shape = tuple(spec["shape"])
    kind = spec["kind"]
    if kind == "integer":
        return random.randint(0, spec["high"], shape, dtype=np.int64)
    if kind == "unit":
        return np.asarray(random.random_sample(shape) * 0.9 + 0.05)
    values = np.asarray(random.standard_normal(shape)) * spec["scale"]
    return np.abs(values) + 0.1 if kind == "positive" else values


def summary(array, seed):
    """Shape, dtype and the inner product with fixed random numbers."""
    if array is None:
        return None
    weights = np.random.RandomState(seed).standard_normal(array.size)
    inner = float(np.dot(weights, array.reshape(-1).astype(np.float64)))
    return [list(array.shape), str(array.dtype), float(f"{inner:.14g}")]


def plain(t):
    return None if t is None else np.array(t.detach().numpy())


def run(torch, functional, expression, inputs):
    """Results, first and second gradients of `expression` of the inputs a, b, c ..., or its error.

    The second gradients are those of a random projection of the first ones, in the inputs and in
    the gradient that came in.
    """
    random = np.random.RandomState(1234)
    names = {"torch": torch, "F": functional, "L": torch.tensor, "o": torch.ones}
    torch.manual_seed(0)
    names["R"] = lambda *shape: torch.zeros(*shape).add(1).requires_grad_()
    names["x4"] = lambda: names["R"](2, 3, 4, 4)
    leaves = []
    for name, spec in zip("abcde", inputs, strict=False):
        array = draw(spec, random)
        t = names[name] = torch.from_numpy(np.array(array))
        if array.dtype.kind == "f":
            t.requires_grad_(True)
            leaves.append(t)
    try:
        result = eval(expression, names)
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error).partition("\n")[0]}
    results = result if isinstance(result, tuple) else (result,)
    first = results[0]
    found = {"results": [summary(plain(t), i) for i, t in enumerate(results)],
             "node": type(first.grad_fn).__name__ if first.grad_fn is not None else None}
    if not (leaves and first.requires_grad):
        return found
    # A mean of absolute values and the like: PyTorch cannot show its symbolic zeros.
    weights = np.random.RandomState(7).standard_normal(tuple(first.shape))
    g = torch.from_numpy(np.asarray(weights).astype(plain(first).dtype)).requires_grad_(True)
    try:
        gradients = torch.autograd.grad(first, leaves, g, create_graph=True, allow_unused=True)
    except RuntimeError as error:
        return {**found, "once": str(error)}
    found["first"] = [summary(plain(t), 10 + i) for i, t in enumerate(gradients)]
    total = None
    for i, t in enumerate(gradients):
        if t is not None and t.requires_grad:
            numbers = np.random.RandomState(20 + i).standard_normal(tuple(t.shape))
            term = (t * torch.from_numpy(np.asarray(numbers))).sum()
            total = term if total is None else total + term
    if total is None:
        return found
    try:
        second = torch.autograd.grad(total, [*leaves, g], allow_unused=True)
        found["second"] = [summary(plain(t), 30 + i) for i, t in enumerate(second)]
    except RuntimeError:
        found["second"] = None  # PyTorch has no such derivative, or a zero it cannot show
    return found
