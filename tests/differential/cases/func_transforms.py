"""torch.func and torch.vmap: transforms alone, nested, around modules; random numbers; errors."""
# ruff: noqa: E501 - a case is one line, however long.

from __future__ import annotations

import numpy as np

KIND = "second"  # derivatives of derivatives, and batches that add in another order


def attempt(function):
    """The result of a call, or its error's type and first line."""
    try:
        return function()
    except Exception as error:
        return type(error).__name__, str(error).splitlines()[0]


def point(torch, *shape, seed=0):
    n = 1
    for size in shape:
        n *= size
    values = torch.linspace(-1.3, 1.7, max(n, 1), dtype=torch.float64)
    return ((1 + 2 * seed) * values).cos().reshape(shape) if seed else values.reshape(shape)


def rough(torch, *shape, seed=0):
    """Numbers without a pattern: norms of smooth ones would magnify rounding."""
    numbers = np.random.RandomState(seed).uniform(-1, 1, shape)
    return torch.tensor(numbers.tolist(), dtype=torch.float64).reshape(shape)


def values(case):
    """The case without the strides of its results: how a batch lies in memory is not promised."""

    def settled(value):
        if isinstance(value, dict):
            return {k: settled(v) for k, v in value.items()}
        if isinstance(value, (tuple, list)):
            parts = [settled(v) for v in value]
            return tuple(parts) if isinstance(value, tuple) else parts
        return value.contiguous() if hasattr(value, "contiguous") else value

    def run(torch):
        return settled(case(torch))

    return run


def wave(x):
    return (x.sin() * x).sum()


# ---- one transform, and one inside the other -----------------------------------------------------


@values
def case_gradients(torch):
    grad, F = torch.func.grad, torch.func
    y = point(torch, 4)
    return [
        grad(wave)(y),
        grad(lambda a, b: (a * b).sum(), argnums=1)(y, 2 * y),
        grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(y, 2 * y),
        grad(lambda a, b: (a * b).sum(), argnums=-1)(y, 2 * y),
        grad(lambda x: (wave(x), {"twice": x * 2}), has_aux=True)(y),
        F.grad_and_value(wave)(y),
        F.grad_and_value(lambda x: (wave(x), x * 2), has_aux=True)(y),
        grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": y, "b": [y.exp()]}),
        grad(lambda x: torch.ones(()))(y),
        grad(lambda x, scale=1: wave(x) * scale)(y, scale=3),
        grad(lambda x: (x.detach() * x).sum())(y),
        grad(grad(lambda x: x ** 3))(torch.tensor(2.0)),
        grad(grad(grad(lambda x: x ** 4)))(torch.tensor(2.0)),
    ]


@values
def case_products(torch):
    F = torch.func
    y, w = point(torch, 4), point(torch, 5, 4, seed=1)

    def layer(x):
        return torch.tanh(w @ x)

    output, pull = F.vjp(layer, y)
    several, pull_two = F.vjp(lambda a, b: {"s": a * b, "t": a.sum()}, y, y.exp())
    return [
        output, pull(torch.ones(5, dtype=torch.float64)),
        several, pull_two({"s": y, "t": torch.tensor(2.0, dtype=torch.float64)}),
        F.vjp(lambda x: (layer(x), x), y, has_aux=True)[2],
        F.jvp(layer, (y,), (y.cos(),)),
        F.jvp(lambda a, b: (a * b, a), (y, y.exp()), (y.cos(), y.sin())),
        F.jvp(lambda x: (layer(x), x * 2), (y,), (y,), has_aux=True),
        F.jvp(lambda x: torch.ones(2), (y,), (y,)),
        F.linearize(layer, y)[0], F.linearize(layer, y)[1](y.cos()),
    ]  # fmt: skip


@values
def case_jacobians(torch):
    F = torch.func
    y, w = point(torch, 4), point(torch, 5, 4, seed=1)

    def layer(x):
        return torch.tanh(w @ x)

    tree = {"a": y[:2], "b": y[2:]}

    def of_tree(d):
        return {"o": d["a"] * 2, "p": d["a"].sum() * d["b"]}

    return [
        F.jacrev(layer)(y), F.jacfwd(layer)(y),
        F.jacrev(layer, chunk_size=2)(y), F.jacrev(layer, chunk_size=1)(y),
        F.jacrev(of_tree)(tree), F.jacfwd(of_tree)(tree),
        F.jacrev(lambda a, b: a * b.sum(), argnums=(0, 1))(y, y.exp()),
        F.jacfwd(lambda a, b: a * b.sum(), argnums=(0, 1))(y, y.exp()),
        F.jacrev(lambda x: (x * 2, x * 3), has_aux=True)(y),
        F.jacfwd(lambda x: (x * 2, x * 3), has_aux=True)(y),
        F.jacrev(lambda x: torch.ones(2, dtype=x.dtype))(y),
        F.jacfwd(lambda x: torch.ones(2, dtype=x.dtype))(y),
        F.jacrev(lambda x: x.sum())(y), F.jacfwd(lambda x: x.sum())(y),
        F.jacrev(torch.sin)(torch.tensor(0.5)), F.jacfwd(torch.sin)(torch.tensor(0.5)),
    ]  # fmt: skip


@values
def case_hessians(torch):
    F = torch.func
    y, x = point(torch, 4), point(torch, 3, 4, seed=1)
    return [
        F.hessian(wave)(y), F.jacrev(F.jacrev(wave))(y), F.jacfwd(F.jacfwd(wave))(y),
        F.jacrev(F.jacfwd(wave))(y),
        F.hessian(lambda a, b: (a * b).sum() ** 2, argnums=(0, 1))(y[:2], y[2:]),
        F.hessian(lambda v: v ** 3)(y),
        F.vmap(F.hessian(wave))(x), F.vmap(F.jacrev(F.jacrev(wave)))(x),
        F.vmap(F.jacfwd(F.jacfwd(wave)))(x),
        F.jacfwd(F.vmap(F.grad(wave)))(x), F.jacrev(F.vmap(F.grad(wave)))(x),
    ]  # fmt: skip


@values
def case_nested(torch):
    F = torch.func
    grad, vmap, jvp = F.grad, F.vmap, F.jvp
    y, x = point(torch, 4), point(torch, 3, 4, seed=1)
    one = torch.ones(4, dtype=torch.float64)
    return [
        vmap(grad(wave))(x), grad(lambda x: vmap(wave)(x).sum())(x),
        grad(lambda x: vmap(grad(wave))(x).sum())(x), vmap(vmap(grad(torch.sin)))(x),
        vmap(F.jacrev(torch.tanh))(x), vmap(F.jacfwd(torch.tanh))(x),
        vmap(F.vjp(torch.tanh, y)[1])(x),
        jvp(grad(wave), (y,), (one,)), grad(lambda x: jvp(wave, (x,), (one,))[1])(y),
        jvp(lambda x: jvp(wave, (x,), (one,))[1], (y,), (y,)),
        vmap(lambda x, v: jvp(wave, (x,), (v,)))(x, x.cos()), jvp(vmap(wave), (x,), (x,)),
        vmap(lambda x, v: jvp(grad(wave), (x,), (v,)))(x, x.cos()),
        vmap(lambda x, v: jvp(grad(wave), (x,), (v,)), (None, 0))(y, x),
        vmap(lambda x, v: grad(lambda a: jvp(wave, (a,), (v,))[1])(x), (None, 0))(y, x),
        vmap(lambda a: vmap(lambda c: grad(lambda q: (q * a).sin().sum() * c.sum())(c))(x))(x),
        vmap(grad(grad(lambda s: torch.sin(s * 2))))(y),
        vmap(lambda a: vmap(lambda b: (a * b).sum())(x), out_dims=0)(y[:, None] * one),
    ]  # fmt: skip


@values
def case_outside_graph(torch):
    """What requires grad outside is differentiated again by the ordinary backward."""
    F = torch.func
    y = point(torch, 4)
    w = point(torch, 4, seed=2).requires_grad_()

    def of(value):
        return torch.autograd.grad(value, w)

    with torch.no_grad():
        quiet = F.grad(lambda x: (x * w).sum() ** 2)(w)

    def frozen(x):
        with torch.no_grad():
            c = x ** 2
        return (c * x).sum()

    def inner_frozen(x):
        with torch.no_grad():
            c = F.grad(wave)(x)
        return (c * x).sum()

    return [
        F.grad(lambda x: (x * w).sum() ** 2)(y).requires_grad, F.grad(wave)(y).requires_grad,
        of(F.grad(lambda x: (x * w).sum() ** 2)(y).sum()),
        of(F.grad(lambda x: (x ** 3).sum())(w).sum()),
        of(F.vmap(F.grad(lambda x: x ** 3))(w).sum()),
        of(F.hessian(lambda x: (x ** 3).sum())(w).sum()),
        of(F.jvp(lambda x: (x ** 3).sum(), (y,), (w,))[1].sum()),
        of(F.vjp(torch.sin, y)[1](w)[0].sum()),
        of(F.vmap(lambda x: (x * w).sum().sin())(y[:, None] * y).sum()),
        quiet.requires_grad, F.grad(frozen)(y), F.grad(inner_frozen)(y),
        torch.autograd.grad(w * w, w, torch.eye(4, dtype=torch.float64), is_grads_batched=True),
    ]  # fmt: skip


@values
def case_in_place(torch):
    F = torch.func
    x = point(torch, 3, 4)

    def product(v):
        return v.clone().mul_(v).add_(v).sum()

    def assigned(v):
        z = torch.zeros_like(v)
        z[1:] = v[:-1] ** 2
        z[0] = v[3]
        return (z * z).sum()

    def through_view(v):
        z = v.clone()
        z[:2].mul_(3)
        z.view(2, 2).t()[0].add_(v[:2])
        return (z * v).sum()

    def new(v):
        z = v.new_zeros(4)
        z += v
        return z.exp_().sum()

    found = []
    for f in (product, assigned, through_view, new):
        found += [F.grad(f)(x[0]), F.vmap(f)(x), F.vmap(F.grad(f))(x)]
    return found, x


# ---- operations -----------------------------------------------------------------------------------


@values
def case_operations(torch):
    """Functions of one example, mapped: values, and the gradients of all examples."""
    F = torch.nn.functional
    x = point(torch, 3, 4, 5, seed=1)
    w = point(torch, 5, 5, seed=2)
    v = point(torch, 5, seed=3)
    index = torch.tensor([0, 2, 1, 1])
    eye = torch.eye(5, dtype=torch.float64)
    functions = [
        lambda a: a + v, lambda a: a @ w, lambda a: w @ a.t(), lambda a: a @ v, lambda a: a @ a.t(),
        lambda a: a.sum(), lambda a: a.sum(0), lambda a: a.mean((0, 1), keepdim=True),
        lambda a: a.max(), lambda a: a.max(1)[0], lambda a: a.argmax(), lambda a: a.argmax(1),
        lambda a: a.min(0)[1], lambda a: a.var(1), lambda a: a.std(), lambda a: a.norm(dim=1),
        lambda a: a.prod(1), lambda a: a.cumsum(0), lambda a: a.cumprod(1),
        lambda a: a.logsumexp(0), lambda a: a.softmax(-1), lambda a: a.log_softmax(0),
        lambda a: a.sort(1)[0], lambda a: a.topk(2)[0], lambda a: a.median(1)[0],
        lambda a: a.amax(), lambda a: a.all(), lambda a: a.any(1), lambda a: a.median(),
        lambda a: a.reshape(-1), lambda a: a.view(2, 10), lambda a: a.t(), lambda a: a.permute(1, 0),
        lambda a: a.unsqueeze(1), lambda a: a[None].squeeze(0), lambda a: a.expand(2, 4, 5),
        lambda a: a.repeat(2, 1, 1), lambda a: a.flip(0), lambda a: a.roll(1), lambda a: a.roll(1, 1),
        lambda a: a[0], lambda a: a[:, 1:3], lambda a: a[..., -1], lambda a: a[index],
        lambda a: a[:, index], lambda a: a[index, index], lambda a: a[index, None, index],
        lambda a: a[1:, [0, 1]], lambda a: a.index_select(0, index),
        lambda a: a.gather(0, index.expand(5, 4).t()), lambda a: torch.take(a, index),
        lambda a: a.diagonal(), lambda a: a.tril(), lambda a: torch.diag_embed(a), lambda a: a[:4, :4].trace(),
        lambda a: torch.cat([a, a * 2], 1), lambda a: torch.stack([a, w[:4]]),
        lambda a: a.chunk(2)[1], lambda a: a.split(2, 1)[0], lambda a: a.unbind(1)[2],
        lambda a: torch.where(a > 0, a, v), lambda a: a.masked_fill(a > 0, 1.0),
        lambda a: a.clamp(-0.5, 0.5), lambda a: torch.maximum(a, v), lambda a: a.abs().sqrt(),
        lambda a: torch.einsum("ij,jk->ik", a, w), lambda a: torch.tensordot(a, w, 1),
        lambda a: torch.outer(a[0], v), lambda a: torch.dot(a[0], a[1]), lambda a: torch.mv(w, a[0]),
        lambda a: torch.addmm(v, a, w), lambda a: torch.baddbmm(a[None], a[None], w[None]),
        lambda a: torch.bmm(a[None], w[None]), lambda a: torch.kron(a[0], v),
        lambda a: a.scatter(0, index.expand(5, 4).t(), 1.0), lambda a: a.index_add(0, index, a),
        lambda a: a.scatter_add(0, index.expand(5, 4).t(), a), lambda a: a.index_fill(1, index, 0.0),
        lambda a: torch.meshgrid(a[0], v, indexing="ij")[0], lambda a: a.unfold(1, 2, 1),
        lambda a: F.relu(a), lambda a: F.gelu(a), lambda a: F.glu(a[:, :4]), lambda a: F.silu(a),
        lambda a: F.pad(a, (1, 2)), lambda a: F.pad(a[None], (1, 1), mode="reflect"),
        lambda a: F.one_hot(index, 4) * a.sum(), lambda a: F.cosine_similarity(a, w[:4]),
        lambda a: F.layer_norm(a, (5,), v), lambda a: F.group_norm(a[None, :, :4], 2),
        lambda a: F.normalize(a), lambda a: torch.cdist(a, w),
        lambda a: torch.linalg.norm(a), lambda a: torch.linalg.inv(eye + a.t() @ a),
        lambda a: torch.linalg.solve(eye + a.t() @ a, v), lambda a: torch.linalg.det(eye + a.t() @ a),
        lambda a: a.triu(1), lambda a: torch.nan_to_num(a), lambda a: a.double().int(),
        lambda a: (a > 0).sum(), lambda a: a.movedim(0, 1), lambda a: a.flatten(), lambda a: a.ravel(),
        lambda a: torch.atleast_3d(a), lambda a: a.new_ones(2) * a[0, 0], lambda a: a.bool(),
        lambda a: torch.count_nonzero(a > 0), lambda a: torch.logcumsumexp(a, 0),
        lambda a: torch.cummax(a, 1)[0], lambda a: a.quantile(0.3), lambda a: a.diff(),
        lambda a: torch.cross(a[:3, :3], w[:3, :3], dim=1), lambda a: torch.vander(v[:3]) * a[0, 0],
        lambda a: torch.searchsorted(v.sort()[0], a), lambda a: a.kthvalue(2)[0], lambda a: a.mode()[0],
        lambda a: torch.bucketize(a, v.sort()[0]), lambda a: torch.isin(index, index) * a[:, 0],
    ]  # fmt: skip
    found = []
    for f in functions:

        def gradients(f=f):
            z = x.clone().requires_grad_()
            out = torch.vmap(f)(z)
            if not out.requires_grad:
                return None
            return torch.autograd.grad((out * out.detach().cos()).sum(), z)

        found += [attempt(lambda f=f: torch.vmap(f)(x)), attempt(gradients)]
    return found


@values
def case_two_batches(torch):
    """Both operands mapped, or one, in other dims."""
    F = torch.nn.functional
    a, b = rough(torch, 3, 4, 4), rough(torch, 4, 3, 4, seed=1)
    functions = [
        torch.add, torch.mul, torch.matmul, torch.mm, lambda x, y: x @ y[0], lambda x, y: x[0] @ y,
        lambda x, y: torch.dot(x[0], y[1]), lambda x, y: torch.outer(x[0], y[0]),
        lambda x, y: F.linear(x, y), lambda x, y: F.linear(x[0], y, y[0]),
        lambda x, y: F.linear(x[None], y), lambda x, y: torch.where(x > y, x, y),
        lambda x, y: torch.cat([x, y]), lambda x, y: torch.addmm(x, x, y), lambda x, y: x[0].dist(y[0]),
        lambda x, y: F.mse_loss(x, y), lambda x, y: F.l1_loss(x, y, reduction="sum"),
        lambda x, y: F.conv1d(x[None], y[:, :, None]), lambda x, y: F.conv1d(x[None], y[None, :, :2]),
        lambda x, y: F.conv_transpose1d(x[None], y[:, :, None]),
        lambda x, y: F.layer_norm(x, (4,), y[0], y[1]), lambda x, y: torch.einsum("ij,jk->i", x, y),
        lambda x, y: x.lerp(y, 0.3), lambda x, y: torch.atan2(x, y), lambda x, y: torch.addcmul(x, x, y),
        lambda x, y: torch.stack([x, y], 1), lambda x, y: x.clamp(min=y), lambda x, y: torch.maximum(x, y),
        lambda x, y: F.cosine_similarity(x, y, 0), lambda x, y: torch.bmm(x[None], y[None]),
        lambda x, y: F.scaled_dot_product_attention(x[None], y[None], y[None]),
        lambda x, y: F.smooth_l1_loss(x, y), lambda x, y: F.binary_cross_entropy_with_logits(x, y.sigmoid()),
        lambda x, y: F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean"),
    ]  # fmt: skip
    found = []
    for f in functions:
        for dims in ((0, 1), (0, None), (None, 1)):
            first = a[0] if dims[0] is None else a
            second = b[:, 0] if dims[1] is None else b

            def both(f=f, dims=dims, first=first, second=second):
                p, q = first.clone().requires_grad_(), second.clone().requires_grad_()
                out = torch.vmap(f, dims)(p, q)
                found_by = torch.autograd.grad((out * out.detach().cos()).sum(), (p, q))
                return out.detach(), found_by

            found.append(attempt(both))
    return found


# ---- modules --------------------------------------------------------------------------------------


def named(torch, module):
    """The module's parameters, filled with known numbers, without their graph."""
    return {
        name: point(torch, *p.shape, seed=i + 1) * 0.5
        for i, (name, p) in enumerate(module.named_parameters())
    }


def networks(torch):
    nn = torch.nn
    return [
        (nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)), (4,)),
        (nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                       nn.Linear(16, 3)), (2, 4, 4)),
        (nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.GroupNorm(2, 4), nn.AvgPool2d(2),
                       nn.Flatten(), nn.Linear(4, 3)), (2, 4, 4)),
        (nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 3)), (4,)),
        (nn.Sequential(nn.ConvTranspose2d(2, 3, 2, bias=False), nn.InstanceNorm2d(3, affine=True), nn.Tanh(),
                       nn.AdaptiveAvgPool2d(1), nn.Flatten()), (2, 4, 4)),
    ]  # fmt: skip


@values
def case_per_sample_gradients(torch):
    F = torch.nn.functional
    found = []
    for net, shape in networks(torch):
        net = net.double()
        parameters = named(torch, net)
        x = rough(torch, 5, *shape, seed=3)
        t = torch.tensor([0, 2, 1, 1, 0])

        def loss(p, x, t, net=net):
            out = torch.func.functional_call(net, p, (x[None],))
            return F.cross_entropy(out, t[None])

        per_sample = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(parameters, x, t)
        found.append(per_sample)
        losses = torch.func.vmap(torch.func.grad_and_value(loss), (None, 0, 0))(parameters, x, t)
        found.append(losses[1])
        chunked = torch.func.vmap(torch.func.grad(loss), (None, 0, 0), chunk_size=2)
        found.append(chunked(parameters, x, t))
    return found


@values
def case_ensemble(torch):
    F = torch.nn.functional
    found = []
    for net, shape in networks(torch):
        import copy

        models = [copy.deepcopy(net).double() for _ in range(3)]
        for i, m in enumerate(models):
            for j, p in enumerate(m.parameters()):
                p.data = point(torch, *p.shape, seed=i + 3 * j + 1) * 0.5
        parameters, buffers = torch.func.stack_module_state(models)
        x, y = rough(torch, 5, *shape, seed=3), torch.tensor([0, 2, 1, 1, 0])

        def call(p, b, x, model=models[0]):
            return torch.func.functional_call(model, (p, b), (x,))

        same = torch.func.vmap(call, (0, 0, None))(parameters, buffers, x)
        own = torch.func.vmap(call)(parameters, buffers, torch.stack([x, x * 2, x * 3]))

        def loss(p, b, x, y, call=call):
            return F.cross_entropy(call(p, b, x), y)

        gradients = torch.func.vmap(torch.func.grad(loss), (0, 0, None, None))(
            parameters, buffers, x, y)  # fmt: skip
        found += [same.detach(), own.detach(), {k: g.detach() for k, g in gradients.items()}]
    return found


@values
def case_meta_learning(torch):
    net = torch.nn.Sequential(torch.nn.Linear(1, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1)).double()
    parameters = named(torch, net)
    x, phase = point(torch, 4, 6, 1, seed=2), point(torch, 4, 1, 1)

    def task(x, phase):
        y = torch.sin(x + phase)

        def loss(p):
            return ((torch.func.functional_call(net, p, (x,)) - y) ** 2).mean()

        def adapted(p):
            for _ in range(2):
                g = torch.func.grad(loss)(p)
                p = {k: v - 0.1 * g[k] for k, v in p.items()}
            return loss(p)

        return adapted

    def outer(p):
        return torch.func.vmap(lambda x, phase: task(x, phase)(p))(x, phase).mean()

    return torch.func.grad_and_value(outer)(parameters)


@values
def case_physics_informed(torch):
    F = torch.func
    net = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1)).double()
    parameters = named(torch, net)
    points = point(torch, 7, 2, seed=2)

    def u(p, x, t):
        return F.functional_call(net, p, (torch.stack([x, t]),))[0]

    def residual(p, x, t):
        u_t = F.grad(u, 2)(p, x, t)
        u_xx = F.grad(F.grad(u, 1), 1)(p, x, t)
        return u_t - 0.1 * u_xx

    def loss(p):
        r = F.vmap(residual, (None, 0, 0))(p, points[:, 0], points[:, 1])
        return (r ** 2).mean()

    h = F.vmap(F.hessian(lambda x: F.functional_call(net, parameters, (x,))[0]))(points)
    return F.grad_and_value(loss)(parameters), h


@values
def case_functional_call(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    tied = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    tied[1].weight = tied[0].weight
    x = point(torch, 4, 3).float()
    parameters = {k: torch.full_like(v, 0.5) for k, v in net.named_parameters()}
    buffers = {k: v.clone() for k, v in net.named_buffers()}
    call = torch.func.functional_call
    before = [p.detach().clone() for p in net.parameters()]
    results = [
        call(net, (parameters, buffers), (x,)), buffers["1.running_mean"],
        net[1].running_mean, call(net, parameters, x),
        call(tied, {"0.weight": torch.ones(2, 2)}, x[:, :2]),
        call(tied, {"0.weight": torch.ones(2, 2)}, x[:, :2], tie_weights=False).shape,
        call(nn.Linear(2, 2), {}, (x[:, :2],)).shape,
        call(nn.Bilinear(3, 3, 1), {}, (x,), {"input2": x}).shape,
    ]  # fmt: skip
    unchanged = all(bool((a == b).all()) for a, b in zip(before, net.parameters(), strict=True))
    errors = [
        attempt(lambda: call(net, {"a": x}, x, strict=True)),
        attempt(lambda: call(net, parameters, x, strict=True)),
        attempt(lambda: call(net, [parameters, parameters], x)),
        attempt(lambda: call(net, 3, x)), attempt(lambda: call(net, {"0.weight": 3}, x)),
        attempt(lambda: call(tied, {"0.weight": x, "1.weight": x + 1}, x)),
        attempt(lambda: torch.func.stack_module_state([])),
        attempt(lambda: torch.func.stack_module_state([nn.Linear(2, 3), nn.ReLU()])),
        attempt(lambda: torch.func.stack_module_state([nn.ReLU(), nn.ReLU().eval()])),
    ]  # fmt: skip
    return results, unchanged, errors


@values
def case_modules_in_vmap(torch):
    """Layers applied to batches of batches, without parameters of each example's own."""
    nn = torch.nn
    x = rough(torch, 2, 3, 4, 6, 6, seed=1)
    layers = [
        nn.Conv2d(4, 2, 3), nn.Conv2d(4, 4, 3, groups=2, stride=2), nn.ConvTranspose2d(4, 2, 2),
        nn.MaxPool2d(2), nn.AvgPool2d(3, 2, 1), nn.AdaptiveMaxPool2d(2), nn.AdaptiveAvgPool2d((2, 3)),
        nn.BatchNorm2d(4, track_running_stats=False), nn.BatchNorm2d(4).eval(), nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4), nn.LayerNorm((6, 6)), nn.PReLU(4), nn.Softmax(1), nn.Flatten(),
        nn.Upsample(scale_factor=2), nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.PixelShuffle(2), nn.ZeroPad2d(1), nn.ReflectionPad2d(1), nn.ReplicationPad2d(1),
        nn.Unfold(2), nn.LocalResponseNorm(2), nn.Dropout(0.5).eval(), nn.Linear(6, 2), nn.Hardswish(),
        nn.LogSoftmax(1), nn.ChannelShuffle(2), nn.LPPool2d(2, 2),
    ]  # fmt: skip
    found = []
    for layer in layers:
        layer = layer.double()
        for i, p in enumerate(layer.parameters()):
            p.data = point(torch, *p.shape, seed=i + 1)

        def both(layer=layer):
            z = x.clone().requires_grad_()
            out = torch.vmap(layer)(z)
            return out.detach(), torch.autograd.grad((out * out.detach().cos()).sum(), z)

        found.append(attempt(both))
    table = nn.Embedding(5, 3).double()
    table.weight.data = point(torch, 5, 3)
    numbers = torch.tensor([[0, 4, 2], [1, 1, 3]])
    found.append(torch.vmap(table)(numbers).detach())
    found.append(torch.vmap(lambda w: torch.nn.functional.embedding(numbers, w))(x[0, :, 0, :5, :3]))
    return found


@values
def case_losses(torch):
    F = torch.nn.functional
    x = point(torch, 3, 5, 4, seed=1)
    y = point(torch, 3, 5, 4, seed=2)
    t = torch.tensor([[0, 1, 2, 3, 1], [3, 3, 0, 1, 2], [0, 0, 1, 1, -100]])
    w = point(torch, 4, seed=3).abs()
    losses = []
    for reduction in ("mean", "sum", "none"):
        losses += [
            lambda a, b, c, r=reduction: F.cross_entropy(a, c, reduction=r),
            lambda a, b, c, r=reduction: F.cross_entropy(a, c, w, reduction=r),
            lambda a, b, c, r=reduction: F.cross_entropy(a, b.softmax(1), reduction=r),
            lambda a, b, c, r=reduction: F.cross_entropy(a[0], c[0], reduction=r),
            lambda a, b, c, r=reduction: F.nll_loss(a, c, w, reduction=r),
            lambda a, b, c, r=reduction: F.mse_loss(a, b, reduction=r),
            lambda a, b, c, r=reduction: F.l1_loss(a, b, reduction=r),
            lambda a, b, c, r=reduction: F.huber_loss(a, b, reduction=r, delta=0.4),
            lambda a, b, c, r=reduction: F.smooth_l1_loss(a, b, reduction=r, beta=0.4),
            lambda a, b, c, r=reduction: F.binary_cross_entropy(a.sigmoid(), b.sigmoid(), reduction=r),
            lambda a, b, c, r=reduction: F.binary_cross_entropy_with_logits(
                a, b.sigmoid(), pos_weight=w, reduction=r),
            lambda a, b, c, r=reduction: F.soft_margin_loss(a, b.sign(), reduction=r),
            lambda a, b, c, r=reduction: F.kl_div(a, b.softmax(1), reduction=r),
            lambda a, b, c, r=reduction: F.poisson_nll_loss(a, b, reduction=r),
            lambda a, b, c, r=reduction: F.hinge_embedding_loss(a, b.sign(), reduction=r),
            lambda a, b, c, r=reduction: F.margin_ranking_loss(a, b, b.sign(), reduction=r),
            lambda a, b, c, r=reduction: F.triplet_margin_loss(a, b, a * b, reduction=r),
            lambda a, b, c, r=reduction: F.cosine_embedding_loss(a, b, b[:, 0].sign(), reduction=r),
            lambda a, b, c, r=reduction: F.multi_margin_loss(a, c.abs() % 4, reduction=r),
            lambda a, b, c, r=reduction: F.multilabel_soft_margin_loss(a, b.sigmoid(), reduction=r),
        ]  # fmt: skip
    found = []
    for f in losses:

        def both(f=f):
            z = x.clone().requires_grad_()
            out = torch.vmap(f)(z, y, t)
            return out.detach(), torch.autograd.grad(out.sum(), z)

        found.append(attempt(both))
        found.append(attempt(lambda f=f: torch.vmap(torch.func.jacrev(f))(x, y, t)))
    return found


@values
def case_rearrange(torch):
    x, rearrange = point(torch, 2, 3, 4), torch.func.rearrange
    patterns = [
        ("a b c -> (a c) b", {}), ("(a d) b c -> c d b a", {"d": 2}), ("a ... -> ... a", {}),
        ("a ... -> (...) a", {}), ("a b c -> a b c 1", {}), ("a b c -> 1 (a b c)", {}),
        ("a b c -> a b", {}), ("a a b -> a b", {}), ("a b -> b a", {}), ("a b c", {}),
        ("a (b d) c -> a b c d", {"d": 2}),
    ]  # fmt: skip
    found = [attempt(lambda p=p, n=n: rearrange(x, p, **n)) for p, n in patterns]
    return found, rearrange([x[0], x[1]], "n a b -> a (n b)")


# ---- random numbers ---------------------------------------------------------------------------------


@values
def case_random_numbers(torch):
    F = torch.nn.functional
    functions = [
        lambda x: F.dropout(x), lambda x: torch.rand(2) + x, lambda x: torch.randn(2) + x,
        lambda x: torch.randint(10, (3,)) + x[:1], lambda x: torch.rand_like(x),
        lambda x: torch.randn_like(x), lambda x: torch.empty_like(x).normal_(),
        lambda x: torch.bernoulli(x * 0.5), lambda x: x.clone().uniform_(),
        lambda x: torch.randperm(3) + x[:1], lambda x: F.dropout2d(x.view(1, 2, 1, 1)),
        lambda x: torch.multinomial(x, 1), lambda x: F.alpha_dropout(x, training=True),
        lambda x: torch.empty(2).normal_() + x,
        lambda x: torch.zeros(2).bernoulli_(0.3) + x, lambda x: torch.poisson(x),
    ]  # fmt: skip
    found = []
    for f in functions:
        for randomness in ("different", "same", "error"):
            torch.manual_seed(3)
            found.append(attempt(
                lambda f=f, r=randomness: torch.vmap(f, randomness=r)(torch.ones(4, 2))
            ))  # fmt: skip
            found.append(torch.rand(1))
    return found


# ---- errors -----------------------------------------------------------------------------------------


@values
def case_vmap_errors(torch):
    vmap, x = torch.vmap, point(torch, 3, 2)
    y = torch.zeros(2, dtype=x.dtype)
    add, sin = torch.add, torch.sin
    calls = [
        lambda: vmap(lambda x: x.sum().item())(x),
        lambda: vmap(lambda x: x if x.sum() > 0 else -x)(x), lambda: vmap(lambda x: int(x[0]))(x),
        lambda: vmap(lambda x: x.numpy())(x), lambda: vmap(lambda x: x.tolist())(x),
        lambda: vmap(lambda x: x.nonzero())(x), lambda: vmap(lambda x: x.masked_select(x > 0))(x),
        lambda: vmap(lambda x: x[x > 0])(x), lambda: vmap(lambda x: x.unique())(x),
        lambda: vmap(lambda x: x + torch.rand(2))(x), lambda: vmap(sin, randomness="no")(x),
        lambda: vmap(lambda x, y: y.copy_(x), (0, None))(x, y),
        lambda: vmap(lambda x, y: y.__setitem__(0, x[0]), (0, None))(x, y),
        lambda: vmap(add)(x, x[:2]), lambda: vmap(lambda a, b, c: a)(x, x[:2], x[:1]),
        lambda: vmap(add, (0,))(x, x), lambda: vmap(add, (0, 5))(x, x),
        lambda: vmap(add, [0, (1, 2)])(x, x), lambda: vmap(add, (0, (1, 2)))(x, x),
        lambda: vmap(add, "a")(x, x), lambda: vmap(add, ("a", 0))(x, x),
        lambda: vmap(add, (None, None))(x, x), lambda: vmap(add, (0, 0))(x, 2),
        lambda: vmap(add)(), lambda: vmap(sin)(torch.tensor(2.0)), lambda: vmap(sin, -3)(x),
        lambda: vmap(sin, out_dims=3)(x), lambda: vmap(sin, out_dims=(0, 0))(x),
        lambda: vmap(lambda x: (x, x), out_dims=(0,))(x),
        lambda: vmap(lambda x: (x, x), out_dims="a")(x), lambda: vmap(lambda x: x, out_dims=None)(x),
        lambda: vmap(lambda x, y: y, (0, None), out_dims=None)(x, x),
        lambda: vmap(lambda x, y: y, (0, None))(x, x), lambda: vmap(lambda x: 2)(x),
        lambda: vmap(lambda x: (x, 2))(x), lambda: vmap(lambda x: None)(x),
        lambda: vmap(sin, chunk_size=0)(x), lambda: vmap(lambda x: x.sum())(x[:0]),
        lambda: vmap(lambda x, y: x + y)(x, y=y), lambda: vmap(lambda x: x.sum().backward())(x),
        lambda: vmap(lambda x: x.data)(x), lambda: vmap(lambda x: torch.equal(x, x))(x),
        lambda: vmap(lambda x: torch.allclose(x, x))(x), lambda: vmap(lambda x: torch.tensor([x[0]]))(x),
        lambda: vmap(lambda x: torch.add(x, x, out=torch.empty(2)))(x), lambda: vmap(len, out_dims=None)(x),
        lambda: vmap(lambda x: x.requires_grad)(x), lambda: vmap(lambda x: {"a": x})(x),
        lambda: vmap(lambda d: d["a"] + 1)({"a": x}), lambda: vmap(lambda d: d["a"], ({"a": 1},))({"a": x}),
        lambda: vmap(lambda x: (x, x), out_dims=(0, 1))(x), lambda: vmap(lambda x: [x], out_dims=1)(x),
        lambda: vmap(torch.nn.BatchNorm1d(2).double())(x[:, None]),
        lambda: vmap(lambda x: repr(x), out_dims=None)(x),
    ]  # fmt: skip
    return [attempt(c) for c in calls]


@values
def case_gradient_errors(torch):
    F, x = torch.func, point(torch, 3, 2)
    grad = F.grad
    calls = [
        lambda: grad(lambda x: x)(x), lambda: grad(lambda x: 2.0)(x),
        lambda: grad(lambda x: (x.sum(), x.sum()))(x), lambda: grad(lambda x: x.sum(), has_aux=True)(x),
        lambda: grad(lambda x: (x.sum(), 2), has_aux=True)(x),
        lambda: grad(lambda x: x.sum(), argnums=2)(x), lambda: grad(lambda x: x.sum(), argnums=(0, 0))(x),
        lambda: grad(lambda x: x.sum(), argnums=(0, -1))(x), lambda: grad(lambda x: x, argnums=())(x),
        lambda: grad(lambda x: x.sum(), argnums="a")(x), lambda: grad(lambda x: x, argnums=("a",))(x),
        lambda: grad(lambda x: x)(2.0), lambda: grad(lambda x: x.sum())(torch.arange(3)),
        lambda: grad(lambda x: (x * 1j).sum())(x),
        lambda: F.vjp(lambda x: (x, x), x)[1](x), lambda: F.vjp(lambda x: x, x)[1]((x,)),
        lambda: F.vjp(lambda x: x, x)[1](x[0]), lambda: F.vjp(lambda x: 2, x),
        lambda: F.vjp(lambda x: x, 2.0), lambda: F.vjp(lambda x: [], x),
        lambda: F.jvp(lambda x: x, x, x), lambda: F.jvp(lambda x: x, (x,), (x, x)),
        lambda: F.jvp(lambda x: x, (x,), (x[0],)), lambda: F.jvp(lambda x: 2, (x,), (x,)),
        lambda: F.jvp(lambda x: x, (2.0,), (x,)), lambda: F.jvp(lambda x: x, (), ()),
        lambda: F.jacrev(lambda x: 2)(x), lambda: F.jacrev(lambda x: x, chunk_size=0)(x),
        lambda: F.jacrev(lambda x: x)(x.long()), lambda: F.jacfwd(lambda x: 2)(x),
    ]  # fmt: skip
    return [attempt(c) for c in calls]


@values
def case_function_in_vmap(torch):
    class Plain(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class Cube(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, w):
            return x ** 3 * w

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            return 3 * x ** 2 * w * g, (x ** 3 * g).sum_to_size(w.shape)

    class Own(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x.exp()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(output)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

        @staticmethod
        def vmap(info, in_dims, x):
            return Own.apply(x) * info.batch_size, in_dims[0]

    class Neither(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g):
            return g

    F, x, w = torch.func, point(torch, 3, 2), point(torch, 2, seed=1)
    return [
        attempt(lambda: F.vmap(Plain.apply)(x)), attempt(lambda: F.vmap(Neither.apply)(x)),
        F.vmap(Cube.apply, (0, None))(x, w), F.vmap(Cube.apply, (0, 0))(x, x.cos()),
        F.vmap(F.grad(lambda x, w: Cube.apply(x, w).sum(), (0, 1)), (0, None))(x, w),
        F.grad(lambda w: F.vmap(Cube.apply, (0, None))(x, w).sum())(w),
        F.vmap(Own.apply)(x), F.vmap(Own.apply, 1)(x), F.grad(lambda x: Own.apply(x).sum())(w),
        F.vmap(F.jacrev(F.jacrev(lambda x: Cube.apply(x, w).sum())))(x),
    ]  # fmt: skip
