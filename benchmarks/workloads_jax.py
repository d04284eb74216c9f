"""The workloads of `workloads.py` as JAX programs: the whole step under one `jax.jit`.

Each maker gets the parameters (in the order of the PyTorch module's) and the data that rushlight
begins with, so that losses can be compared, and returns ``(state, step)`` with
``step(state) -> (state, loss)``. The state (parameters and optimizer's moments) is donated.
Convolutions run in NHWC and the LSTM's recurrence is a `lax.scan`, the quicker choices on CPUs.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax


def _adam(lr, decay=0.0):
    def start(parameters):
        zeros = [jnp.zeros_like(p) for p in parameters]
        return zeros, [jnp.zeros_like(p) for p in parameters], jnp.zeros(())

    def update(parameters, gradients, state):
        first, second, t = state
        t = t + 1
        one = -jnp.expm1(t * math.log(0.9))
        two = jnp.sqrt(-jnp.expm1(t * math.log(0.999)))
        first = [0.9 * m + 0.1 * g for m, g in zip(first, gradients)]
        second = [0.999 * v + 0.001 * g * g for v, g in zip(second, gradients)]
        parameters = [
            p * (1 - lr * decay) - lr / one * m / (jnp.sqrt(v) / two + 1e-8)
            for p, m, v in zip(parameters, first, second)
        ]
        return parameters, (first, second, t)

    return start, update


def _sgd(lr, momentum=0.0):
    def start(parameters):
        return [jnp.zeros_like(p) for p in parameters] if momentum else ()

    def update(parameters, gradients, state):
        if momentum:
            gradients = state = [momentum * b + g for b, g in zip(state, gradients)]
        return [p - lr * g for p, g in zip(parameters, gradients)], state

    return start, update


def _training(loss, parameters, optimizer, *data):
    """State and step of a loss of ``(parameters, *data)``."""
    start, update = optimizer

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state, *data):
        parameters, moments = state
        value, gradients = jax.value_and_grad(loss)(parameters, *data)
        return update(parameters, gradients, moments), value

    parameters = [jnp.array(p) for p in parameters]
    return (parameters, start(parameters)), step, data


def _cross_entropy(logits, labels):
    log = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log, labels[:, None], 1).mean()


def linear1(p, data):
    def loss(p, x, y):
        return ((x @ p[0].T + p[1] - y) ** 2).mean()

    return _training(loss, p, _sgd(0.01), data["x"], data["y"])


def _mlp(p, data, optimizer):
    def loss(p, x, y):
        for i in range(0, len(p), 2):
            x = x @ p[i].T + p[i + 1]
            if i < len(p) - 2:
                x = jax.nn.relu(x)
        return _cross_entropy(x, y)

    return _training(loss, p, optimizer, data["x"], data["y"])


def mlp_small(p, data):
    return _mlp(p, data, _adam(1e-3))


def mlp_mnist(p, data):
    return _mlp(p, data, _adam(1e-3))


def mlp_wide(p, data):
    return _mlp(p, data, _sgd(0.01))


def _conv(x, w):
    return lax.conv_general_dilated(
        x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _channels_last(p):
    """Filters from OIHW to HWIO."""
    return [jnp.transpose(jnp.array(w), (2, 3, 1, 0)) if w.ndim == 4 else w for w in p]


def cnn(p, data):
    def pool(x):
        n, h, w, c = x.shape
        return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))

    def loss(p, x, y):
        x = pool(jax.nn.relu(_conv(x, p[0]) + p[1]))
        x = pool(jax.nn.relu(_conv(x, p[2]) + p[3]))
        x = jnp.transpose(x, (0, 3, 1, 2)).reshape(len(x), -1)
        return _cross_entropy(x @ p[4].T + p[5], y)

    x = jnp.transpose(data["x"], (0, 2, 3, 1))
    return _training(loss, _channels_last(p), _adam(1e-3), x, data["y"])


def resnet_block(p, data):
    """Running statistics are left out (an advantage of JAX's)."""

    def norm(x, scale, shift):
        mean = x.mean((0, 1, 2))
        variance = jnp.square(x - mean).mean((0, 1, 2))
        return (x - mean) * (lax.rsqrt(variance + 1e-5) * scale) + shift

    def loss(p, x, y):
        x = jax.nn.relu(norm(_conv(x, p[0]), p[1], p[2]))
        for i in (3, 9, 15):
            inner = jax.nn.relu(norm(_conv(x, p[i]), p[i + 1], p[i + 2]))
            x = jax.nn.relu(x + norm(_conv(inner, p[i + 3]), p[i + 4], p[i + 5]))
        return _cross_entropy(x.mean((1, 2)) @ p[21].T + p[22], y)

    x = jnp.transpose(data["x"], (0, 2, 3, 1))
    return _training(loss, _channels_last(p), _sgd(0.01, 0.9), x, data["y"])


def lstm(p, data):
    def loss(p, x, y):
        inputs = x @ p[0].T + (p[2] + p[3])
        recurrent = p[1].T

        def cell(carry, row):
            h, c = carry
            i, f, g, o = jnp.split(row + h @ recurrent, 4, 1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zeros = jnp.zeros((x.shape[1], recurrent.shape[0]), x.dtype)
        (h, _), _ = lax.scan(cell, (zeros, zeros), inputs)
        return _cross_entropy(h @ p[4].T + p[5], y)

    return _training(loss, p, _adam(1e-3), data["x"], data["y"])


def gpt(p, data):
    heads = 4

    def norm(x, scale, shift):
        mean = x.mean(-1, keepdims=True)
        variance = jnp.square(x - mean).mean(-1, keepdims=True)
        return (x - mean) * lax.rsqrt(variance + 1e-5) * scale + shift

    def block(p, x):
        n, t, c = x.shape
        q, k, v = jnp.split(norm(x, p[0], p[1]) @ p[2].T + p[3], 3, 2)
        q, k, v = (z.reshape(n, t, heads, c // heads) for z in (q, k, v))
        scores = jnp.einsum("nthd,nshd->nhts", q, k) / math.sqrt(c // heads)
        scores = jnp.where(jnp.tri(t, dtype=bool), scores, -jnp.inf)
        y = jnp.einsum("nhts,nshd->nthd", jax.nn.softmax(scores), v).reshape(n, t, c)
        x = x + y @ p[4].T + p[5]
        y = jax.nn.gelu(norm(x, p[6], p[7]) @ p[8].T + p[9], approximate=False)
        return x + y @ p[10].T + p[11]

    def loss(p, x, y):
        h = p[0][x] + p[1]
        for i in range(2, 2 + 4 * 12, 12):
            h = block(p[i : i + 12], h)
        logits = norm(h, p[50], p[51]) @ p[52].T
        return _cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))

    return _training(loss, p, _adam(3e-4, 1e-2), data["x"], data["y"])


def pinn(p, data):
    """The derivatives by reverse mode twice, as the PyTorch program takes them."""

    def model(p, x):
        for i in range(0, len(p), 2):
            x = x @ p[i].T + p[i + 1]
            if i < len(p) - 2:
                x = jnp.tanh(x)
        return x

    def loss(p, x):
        def du(x):
            return jax.grad(lambda x: model(p, x).sum())(x)

        d2u, first = jax.grad(lambda x: (lambda d: (d[:, 0].sum(), d))(du(x)), has_aux=True)(x)
        return ((first[:, 1] - d2u[:, 0]) ** 2).mean()

    return _training(loss, p, _adam(1e-3), data["points"])


def pointwise(p, data):
    @functools.partial(jax.jit, donate_argnums=0)
    def step(old, x):
        def loss(x):
            return (jnp.exp(jnp.tanh(2 * x + 1) * x) * jax.nn.sigmoid(x)).mean()

        value, gradient = jax.value_and_grad(loss)(x)
        return gradient, value

    return jnp.zeros_like(data["x"]), step, (data["x"],)


WORKLOADS = {
    f.__name__: f
    for f in (linear1, mlp_small, mlp_mnist, mlp_wide, cnn, resnet_block, gpt, lstm, pinn,
              pointwise)
}  # fmt: skip
