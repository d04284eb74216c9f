"""The graph: names, leaves, hooks, accumulation, in-place and views, Function, modes, anomaly."""

from __future__ import annotations

import gc

KIND = "sum"


def chain(node, depth=8):
    """The names along the first edges, then all edges of the first node."""
    names = []
    while node is not None and len(names) < depth:
        names.append(node.name())
        node = node.next_functions[0][0] if node.next_functions else None
    return names


def attempt(function):
    """The result of a call, or its error's type and first line."""
    try:
        return function()
    except Exception as error:
        return type(error).__name__, str(error).splitlines()[0]


def leaf(torch, *values, **options):
    return torch.tensor([float(v) for v in values], requires_grad=True, **options)


def case_graph_names(torch):
    x = leaf(torch, 1, 2, 3)
    results = [x * 2, x + 1, 1 - x, x / 2, 2 / x, x ** 2, -x, x.exp(), x.sum(), x.sum(0), x.mean(),
               x.max(), x.max(0)[0], x[0], x[1:], x[[0, 2]], x.view(3, 1), x.reshape(3, 1), x.t(),
               x.unsqueeze(0), x.expand(2, 3), x.repeat(2), x.clone(), x.double(), x.norm(),
               x.prod(), x.std(), x.var(), x.cumsum(0), x.softmax(0), x.log_softmax(0), x.abs(),
               x.clamp(0, 1), x.clamp(min=0), x.relu(), x.sigmoid(), x.tanh(), x.sqrt(), x.log(),
               torch.cat([x, x]), torch.stack([x, x]), x @ x, x.outer(x), torch.where(x > 1, x, x),
               x.masked_fill(x > 1, 0), x.sort()[0], x.topk(2)[0], x.flip(0), x.roll(1),
               x.chunk(2)[0],
               x.split(2)[0], x.unbind()[1], x.gather(0, torch.tensor([0])), x.diag(),
               x.view(1, 3).tril(), x.logsumexp(0), x.argmax(), x * x, x - x, x.rsqrt(),
               x.view(1, 3) @ x.view(3, 1), x.view(1, 1, 3) @ x.view(1, 3, 1), x.squeeze(),
               x.transpose(0, 0), x.contiguous(), x.to(torch.float64), x.float(),
               x.detach()]  # fmt: skip
    return [type(r.grad_fn).__name__ for r in results]


def case_graph_chain(torch):
    x = leaf(torch, 1, 2)
    y = ((x * 2 + 1).exp().sum() / 3).log()
    edges = [[(None if f is None else f.name(), n) for f, n in node.next_functions]
             for node in (y.grad_fn, (x * x).grad_fn, torch.cat([x, x.detach(), x]).grad_fn)]
    return chain(y.grad_fn), edges


def case_functional_chain(torch):
    F = torch.nn.functional
    x = torch.linspace(-1, 1, 12).reshape(3, 4).requires_grad_()
    w = torch.ones(2, 4, requires_grad=True)
    b = torch.ones(2, requires_grad=True)
    image = torch.ones(1, 1, 4, 4, requires_grad=True)
    kernel = torch.ones(2, 1, 3, 3, requires_grad=True)
    target = torch.tensor([0, 1, 0])
    outs = [F.linear(x, w, b), F.linear(x, w), F.relu(x), F.mse_loss(x, x * 2),
            F.cross_entropy(F.linear(x, w), target), F.nll_loss(x.log_softmax(1), target),
            F.binary_cross_entropy_with_logits(x, x.detach().sigmoid()), F.l1_loss(x, x.detach()),
            F.conv2d(image, kernel), F.max_pool2d(image, 2), F.layer_norm(x, (4,)),
            F.batch_norm(x, None, None, training=True), F.dropout(x, 0.5), F.gelu(x), F.silu(x),
            F.elu(x), F.leaky_relu(x), F.softplus(x), F.embedding(target, w), F.log_softmax(x, 1)]
    return [chain(o.grad_fn) for o in outs]


def case_leaves_and_grad(torch):
    x = leaf(torch, 1, 2)
    y = x * 2
    z = y.detach()
    facts = [(t.is_leaf, t.requires_grad, t.grad is None, t.grad_fn is None) for t in (x, y, z)]
    (y * y).sum().backward()
    return facts, x.grad, z.grad, x.grad.requires_grad, x.grad.is_leaf


def case_accumulation(torch):
    x = leaf(torch, 1, 2)
    out = []
    for _ in range(3):
        (x * x).sum().backward()
        out.append(x.grad.clone())
    before = x.grad
    (x * 2).sum().backward()
    out.append(before is x.grad)
    x.grad = None
    (x * 3).sum().backward()
    return out, x.grad


def case_grad_layout(torch):
    w = torch.ones(3, 4, requires_grad=True)
    x = torch.arange(8.0).reshape(2, 4)
    (x @ w.t()).sum().backward()
    v = torch.ones(4, 3).t().requires_grad_()
    (v * 2).sum().backward()
    u = torch.ones(3).expand(2, 3).requires_grad_()
    (u * 2).sum().backward()
    s = torch.ones(3, requires_grad=True)
    s.sum().backward()
    q = torch.ones(2, 3, requires_grad=True)
    q.t().sum(0).backward(torch.ones(2))
    return [t.grad for t in (w, v, u, s, q)], [t.grad.stride() for t in (w, v, u, s, q)]


def case_grad_aliasing(torch):
    x, y = leaf(torch, 1, 2), leaf(torch, 3, 4)
    g = torch.ones(2)
    (x + y).backward(g)
    x.grad.add_(1)
    return x.grad, y.grad, g


def case_backward_arguments(torch):
    x = leaf(torch, 1, 2)
    y = x * x
    y.backward(torch.tensor([1.0, 0.5]), retain_graph=True)
    y.backward(gradient=torch.ones(2), inputs=[x])
    w = leaf(torch, 5, 6)
    z = leaf(torch, 7, 8)
    (w * z).sum().backward(inputs=[w])
    return x.grad, w.grad, z.grad


def case_autograd_grad(torch):
    x, y = leaf(torch, 1, 2), leaf(torch, 3, 4)
    z = (x * y).sum() + (x ** 3).sum()
    first = torch.autograd.grad(z, [x, y], create_graph=True)
    second = torch.autograd.grad(first[0].sum(), [x, y], retain_graph=True)
    unused = leaf(torch, 1)
    third = torch.autograd.grad(first[0].sum(), [x, unused], allow_unused=True)
    fourth = torch.autograd.grad((x * 2).sum(), [x, unused], materialize_grads=True)
    several = torch.autograd.grad([x * 2, x * 3], x, [torch.ones(2), torch.ones(2)])
    inner = x * 2
    middle = torch.autograd.grad(inner.exp().sum(), inner)
    return first, second, third, fourth, several, middle, x.grad


def case_batched_grad(torch):
    x = leaf(torch, 1, 2)
    y = x ** 2
    return torch.autograd.grad(y, x, torch.eye(2), is_grads_batched=True)


def case_higher_order(torch):
    x = leaf(torch, 1.5)
    y = x ** 4
    found = []
    for _ in range(4):
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        found.append((y, chain(y.grad_fn)))
    return [f[0] for f in found]


def case_double_backward_names(torch):
    x = leaf(torch, 1.5, 2)
    out = []
    for f in (torch.exp, torch.sin, torch.tanh, torch.sigmoid, torch.log, lambda t: t * t,
              lambda t: t ** 3, lambda t: t / (t + 1), torch.sqrt, torch.relu):
        (g,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
        out.append(type(g.grad_fn).__name__)
    return out


def case_backward_create_graph(torch):
    x = leaf(torch, 1, 2)
    (x ** 3).sum().backward(create_graph=True)
    g = x.grad
    x.grad = None
    g.sum().backward()
    return g, x.grad


def case_hook_order(torch):
    log = []
    x = leaf(torch, 1, 2)
    y = x * 2
    z = y * 3
    x.register_hook(lambda g: log.append(("x1", g.clone())))
    x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: log.append(("x3", g.clone())))
    y.register_hook(lambda g: log.append(("y", g.clone())))
    z.register_hook(lambda g: log.append(("z", g.clone())))
    y.retain_grad()
    x.register_post_accumulate_grad_hook(lambda p: log.append(("post", p.grad.clone())))
    z.grad_fn.register_hook(lambda gi, go: log.append(("node", len(gi), len(go))))
    z.grad_fn.register_prehook(lambda go: log.append(("pre", len(go))))
    z.sum().backward()
    return log, x.grad, y.grad


def case_hook_changes_gradient(torch):
    x = leaf(torch, 1, 2)
    y = x * 2
    handle = y.register_hook(lambda g: g + 1)
    y.sum().backward()
    first = x.grad.clone()
    handle.remove()
    (x * 2).sum().backward()
    return first, x.grad


def case_hook_errors(torch):
    x = leaf(torch, 1)
    return [attempt(lambda: torch.ones(1).register_hook(print)),
            attempt(lambda: torch.ones(1).retain_grad()),
            attempt(lambda: (x * 2).register_post_accumulate_grad_hook(print)),
            attempt(lambda: x.register_hook(3))]


def case_retain_grad(torch):
    x = leaf(torch, 1, 2)
    y = x * 2
    y.retain_grad()
    z = y.exp()
    z.retain_grad()
    z.sum().backward()
    return y.grad, z.grad, y.retains_grad, x.retains_grad


def case_non_leaf_grad(torch):
    x = leaf(torch, 1)
    y = x * 2
    y.sum().backward()
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = y.grad
    return value, [(w.category.__name__, str(w.message)[:60]) for w in caught]


def case_modes(torch):
    x = leaf(torch, 1)
    out = []
    with torch.no_grad():
        y = x * 2
        out.append((y.requires_grad, torch.is_grad_enabled()))
        with torch.enable_grad():
            out.append(((x * 2).requires_grad, torch.is_grad_enabled()))
        out.append(torch.is_grad_enabled())

    @torch.no_grad()
    def f(t):
        return t * 2

    @torch.no_grad
    def g(t):
        return t * 2

    @torch.enable_grad()
    def h(t):
        return t * 2

    out += [f(x).requires_grad, g(x).requires_grad]
    with torch.no_grad():
        out.append(h(x).requires_grad)
    with torch.set_grad_enabled(False):
        out.append((x * 2).requires_grad)
    torch.set_grad_enabled(False)
    out.append((x * 2).requires_grad)
    torch.set_grad_enabled(True)
    with torch.inference_mode():
        y = x * 2
        out += [y.requires_grad, y.is_inference(), torch.is_inference_mode_enabled()]
    out.append(attempt(lambda: y.requires_grad_()))
    out.append(attempt(lambda: y.add_(1)))
    out.append(attempt(lambda: (x * y).sum()))
    out.append((y * 2).requires_grad)

    @torch.no_grad()
    def generator():
        yield torch.is_grad_enabled()
        yield (x * 2).requires_grad

    out.append(list(generator()))
    try:
        with torch.no_grad():
            raise ValueError
    except ValueError:
        out.append(torch.is_grad_enabled())
    return out


def case_classic_errors(torch):
    x = leaf(torch, 1, 2)
    y = x.exp()
    saved = y.add_(1)
    z = (x * 2).sum()
    z.backward()
    u = (x ** 2).sum()
    u.backward()
    v = leaf(torch, 1, 2)

    def changed_input():
        w = v * 1
        r = w * w
        w.add_(1)
        r.sum().backward()

    def changed_matrix():
        m = torch.ones(2, 2, requires_grad=True) * 1
        r = m @ m
        m[0, 0] = 5
        r.sum().backward()

    def changed_slice():
        m = torch.ones(4, requires_grad=True) * 1
        r = m[1:].exp() * m[1:]
        m.zero_()
        r.sum().backward()

    return [attempt(lambda: saved.sum().backward()), attempt(lambda: u.backward()),
            attempt(lambda: v.add_(1)), attempt(lambda: v[0].add_(1)),
            attempt(lambda: v.__setitem__(0, 1)), attempt(lambda: (v * 2).backward()),
            attempt(lambda: torch.ones(2).sum().backward()), attempt(changed_input),
            attempt(changed_matrix), attempt(changed_slice),
            attempt(lambda: v.view(-1).mul_(2)), attempt(lambda: v.requires_grad_(False)),
            attempt(lambda: (v * 2).requires_grad_(False)), attempt(lambda: v.detach_()),
            attempt(lambda: torch.ones(2, requires_grad=True).sum().backward(torch.ones(3))),
            attempt(lambda: (v.sum() if v.requires_grad else 0))]  # fmt: skip


def case_in_place_allowed(torch):
    x = leaf(torch, 1, 2)
    h = x * 1
    mask = torch.ones(2)
    y = h * mask
    h.add_(1)
    y.sum().backward()
    a = x * 3
    a.mul_(2).add_(1)
    a[0] = 7
    a.sum().backward()
    with torch.no_grad():
        x.add_(1)
        x[0] = 9
    x.data.mul_(2)
    return x, x.grad, x._version, chain(a.grad_fn)


def case_views_and_in_place(torch):
    out = []
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 1
    v = y[0]
    w = y.view(-1)
    v.mul_(3)
    out += [y, w, type(v.grad_fn).__name__, type(w.grad_fn).__name__, type(y.grad_fn).__name__]
    (y.sum() + w[:2].sum() * 2).backward()
    out.append(x.grad)
    z = torch.zeros(2, 3)
    u = z[1]
    p = leaf(torch, 1, 2, 3)
    u.copy_(p)
    out += [z, z.requires_grad, type(z.grad_fn).__name__, type(u.grad_fn).__name__, u._base is z]
    (z * 2).sum().backward()
    out.append(p.grad)
    s = torch.zeros(3)
    s[0] = p[0] * 2
    s[1:] = p[1:].exp()
    s.sum().backward()
    out += [s, p.grad]
    with torch.no_grad():
        q = (p * 1)[0:1]
    out.append(attempt(lambda: q.mul_(2).requires_grad))
    return out


def case_chain_of_views(torch):
    x = torch.arange(24.0).reshape(2, 3, 4).requires_grad_()
    y = x * 1
    v = y.transpose(0, 2)[1:3].reshape(2, 3, 2)[:, 1]
    v.mul_(2)
    t = y.permute(2, 0, 1)[0]
    t.add_(y[0, 0, 0].detach())
    d = y[0].t().diagonal()
    d.zero_()
    (y * torch.arange(24.0).reshape(2, 3, 4)).sum().backward()
    return y, x.grad, v, t, d


def case_detach_shares(torch):
    x = leaf(torch, 1, 2)
    y = x.detach()
    y[0] = 5
    z = x.data
    z[1] = 6
    n = x.detach().numpy()
    n += 1
    return x, y, z, x._version, y._version, y.requires_grad_() is y


def case_requires_grad_later(torch):
    x = torch.ones(2)
    y = x * 2
    x.requires_grad_()
    z = x * 3
    return y.requires_grad, z.requires_grad, x.is_leaf


def case_custom_function(torch):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x)
            ctx.scale = scale
            return x ** 3 * scale

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x ** 2 * ctx.scale, None

    x = leaf(torch, 1, 2)
    y = Cube.apply(x, 2.0)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    return y, g, h, type(y.grad_fn).__name__, y.grad_fn.name(), repr(Cube.apply(x, 1.0))


def case_custom_function_options(torch):
    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y, k=3):
            ctx.mark_non_differentiable(out := (x > y))
            ctx.save_for_backward(x, y)
            return x * y, x + y, out

        @staticmethod
        def backward(ctx, a, b, c):
            x, y = ctx.saved_tensors
            log.append((a, b, c, ctx.needs_input_grad))
            return a * y + b, a * x + b, None

    log = []
    x, y = leaf(torch, 1, 2), leaf(torch, 3, 1)
    outs = Two.apply(x, y)
    outs[0].sum().backward()
    first = x.grad.clone()
    Two.apply(x, y.detach(), 5)[1].sum().backward()
    return outs, log, first, x.grad, y.grad


def case_custom_function_in_place(torch):
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(torch, 1, 2)
    y = x * 1
    z = Double.apply(y)
    z.sum().backward()
    return x.grad, z is y, y, attempt(lambda: Double.apply(x))


def case_custom_function_setup_context(torch):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = leaf(torch, 3)
    (g,) = torch.autograd.grad(Square.apply(x).sum(), x, create_graph=True)
    return g, attempt(lambda: torch.autograd.grad(g.sum(), x))


def case_custom_function_errors(torch):
    def build(backward):
        class Bad(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, y):
                return x * 2

        Bad.backward = staticmethod(backward)
        return Bad

    x = leaf(torch, 1, 2)

    def run(backward):
        return attempt(lambda: build(backward).apply(x, 1).sum().backward())

    class NoBackward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    return [run(lambda ctx, g: g), run(lambda ctx, g: (g, None, None)),
            run(lambda ctx, g: (3, None)),
            run(lambda ctx, g: (torch.ones(5), None)), run(lambda ctx, g: (g, g)),
            attempt(lambda: NoBackward.apply(x).sum().backward()), attempt(lambda: NoBackward()),
            attempt(lambda: NoBackward()(x))]  # fmt: skip


def case_anomaly(torch):
    import warnings

    x = leaf(torch, -1)
    out = []
    with warnings.catch_warnings(record=True), torch.autograd.detect_anomaly():
        out.append(attempt(lambda: (x.sqrt() * 0 + x).sum().backward()))
    with torch.autograd.set_detect_anomaly(True):
        out.append(torch.is_anomaly_enabled())
    out.append(torch.is_anomaly_enabled())
    return out


def case_gradcheck(torch):
    x = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, t):
            return t * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    return [gradcheck(torch.sin, (x,)), gradgradcheck(lambda t: t ** 3, (x,)),
            gradcheck(Wrong.apply, (x,), raise_exception=False),
            attempt(lambda: gradcheck(torch.sin, (x.detach(),)))]


def case_functional_derivatives(torch):
    f = torch.autograd.functional
    x = torch.tensor([1.0, 2.0])
    return (f.jacobian(lambda t: t ** 2, x), f.hessian(lambda t: (t ** 3).sum(), x),
            f.vjp(lambda t: t ** 2, x, torch.ones(2)), f.jvp(lambda t: t ** 2, x, torch.ones(2)),
            f.hvp(lambda t: (t ** 3).sum(), x, torch.ones(2)))  # fmt: skip


def case_saved_tensors_hooks(torch):
    log = []
    x = leaf(torch, 1, 2)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (log.append("pack"), t)[1],
                                                  lambda t: (log.append("unpack"), t)[1]):
        y = (x * x).exp()
    y.sum().backward()
    return log, x.grad


def case_saved_attributes(torch):
    x, y = leaf(torch, 1, 2), leaf(torch, 3, 4)
    z = x * y
    s = x.sum(0)
    p = x ** 3
    return [z.grad_fn._saved_self, z.grad_fn._saved_other, x.exp().grad_fn._saved_result,
            p.grad_fn._saved_exponent, s.grad_fn._saved_dim if hasattr(s.grad_fn, "_saved_dim")
            else None]


def case_deep_chain(torch):
    x = leaf(torch, 1)
    y = x
    for _ in range(20000):
        y = y + 1
    y.sum().backward()
    del y
    gc.collect()
    return x.grad


def case_diamond(torch):
    x = leaf(torch, 1, 2)
    y = x * 2
    a, b = y * 3, y.exp()
    c = a * b + y
    c.sum().backward()
    return x.grad


def case_topk_max_outputs(torch):
    x = leaf(torch, 3, 1, 2)
    values, indices = x.max(0)
    s = x.sort(descending=True)
    u = x.unbind()
    (values * 2 + s.values[1] * 3 + u[2] ** 2 + x.topk(1).values.sum()).backward()
    return x.grad, indices.requires_grad, u[1].grad_fn.next_functions[0][1], s.values.grad_fn.name()


def case_mixed_dtypes_gradients(torch):
    x = leaf(torch, 1, 2)
    y = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    h = torch.tensor([1.0, 2.0], dtype=torch.float16, requires_grad=True)
    z = (x * y).sum() + (x * h).sum() + (x * torch.tensor([1, 2])).sum() + x.double().sum()
    z.backward()
    return z, x.grad, y.grad, h.grad


def case_broadcast_gradients(torch):
    x = leaf(torch, 1, 2, 3)
    y = torch.ones(2, 1, requires_grad=True)
    s = torch.tensor(2.0, requires_grad=True)
    (x * y + s).sum().backward()
    return x.grad, y.grad, s.grad


def case_zero_gradients(torch):
    x = leaf(torch, 1, 2)
    y, z = torch.split(x * 1, 1)
    y.sum().backward()
    w = leaf(torch, 4, 5)
    (w.detach() * 2 + w * 0).sum().backward()
    return x.grad, w.grad


def case_no_gradient_through(torch):
    x = leaf(torch, 1.5, 2.5)
    return [(r.requires_grad, r.dtype) for r in (x > 1, x.argmax(), x.round(), x.floor(), x.sign(),
            x.int(), x.bool(), x.isnan(), x.ceil(), x.eq(1), torch.ones_like(x), x.new_zeros(2),
            torch.zeros_like(x), torch.tensor(x.tolist()), x.detach().clone())]  # fmt: skip


def case_tensor_hooks_survive(torch):
    x = leaf(torch, 1)
    log = []
    x.register_hook(lambda g: log.append(g.clone()))
    for _ in range(2):
        (x * 2).sum().backward()
    x.requires_grad_(False)
    x.requires_grad_(True)
    (x * 4).sum().backward()
    return log, x.grad


def case_checkpoint(torch):
    import importlib

    checkpoint = importlib.import_module("torch.utils.checkpoint").checkpoint
    x = leaf(torch, 1, 2)
    y = checkpoint(lambda t: (t * t).exp(), x, use_reentrant=False)
    y.sum().backward()
    return y, x.grad


def case_threads(torch):
    import threading

    results = {}

    def work(n):
        x = leaf(torch, n, n + 1)
        with torch.no_grad():
            results[n, "off"] = (x * 2).requires_grad
        (x ** 2).sum().backward()
        results[n, "grad"] = x.grad

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return [results[n, k] for n in range(4) for k in ("off", "grad")]


def case_copy_and_pickle(torch):
    import copy
    import pickle

    x = leaf(torch, 1, 2)
    x.sum().backward()
    y = copy.deepcopy(x)
    z = pickle.loads(pickle.dumps(x))
    return y, y.grad, y.requires_grad, z, z.requires_grad, z.grad, copy.copy(x), attempt(
        lambda: copy.deepcopy(x * 2))
