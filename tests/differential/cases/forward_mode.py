"""Forward mode: values and tangents through ops, views, writes and Functions; its errors."""

from __future__ import annotations

KIND = "second"  # some tangents are the result of two passes


def attempt(function):
    """The result of a call, or its error's type and first line."""
    try:
        return function()
    except Exception as error:
        return type(error).__name__, str(error).splitlines()[0]


def point(torch, *shape, seed=0):
    values = torch.linspace(-1.3, 1.7, max(torch.Size(shape).numel(), 1), dtype=torch.float64)
    return ((1 + 2 * seed) * values).cos().reshape(shape) if seed else values.reshape(shape)


def pushed(torch, function, *tensors):
    """What `function` makes of duals: (primal, tangent) for each output."""
    forward_ad = torch.autograd.forward_ad
    with forward_ad.dual_level():
        duals = [
            forward_ad.make_dual(x, point(torch, *x.shape, seed=i + 1))
            for i, x in enumerate(tensors)
        ]
        out = function(*duals)
        outs = out if isinstance(out, (tuple, list)) else (out,)
        found = []
        for o in outs:
            primal, tangent = forward_ad.unpack_dual(o)
            found.append((primal.detach().clone(), None if tangent is None else tangent.clone()))
        return found


def case_pointwise(torch):
    x = point(torch, 5)
    F = torch.nn.functional
    functions = [
        torch.sin, torch.exp, torch.tanh, torch.sigmoid, torch.relu, torch.abs, torch.sign,
        torch.floor, torch.round, torch.square, torch.atan, torch.erf, torch.sinc, torch.neg,
        torch.expm1, torch.frac, torch.cosh, torch.sinh, torch.asinh, torch.erfc, torch.exp2,
        torch.deg2rad, torch.nan_to_num, torch.logit, torch.trunc, F.gelu, F.silu, F.elu, F.selu,
        F.softplus, F.hardtanh, F.leaky_relu, F.mish, F.hardswish, F.logsigmoid, F.celu,
        F.hardsigmoid, F.softsign, F.tanhshrink, F.softshrink, F.hardshrink, F.relu6,
        lambda t: t ** 3, lambda t: 2.0 ** t, lambda t: t.clamp(-0.5, 0.5), lambda t: 1 - t,
        lambda t: 3 / t, lambda t: t % 0.7, lambda t: t.to(torch.float32), lambda t: t * 2 + 1,
        lambda t: t.fill_diagonal_(0) if t.dim() == 2 else t, lambda t: t.float().half(),
    ]  # fmt: skip
    return [attempt(lambda f=f: pushed(torch, f, x)) for f in functions]


def case_binary(torch):
    a, b = point(torch, 3, 4), point(torch, 4, seed=3) + 2.5
    functions = [
        torch.add, torch.sub, torch.mul, torch.div, torch.pow, torch.maximum, torch.minimum,
        torch.atan2, torch.hypot, torch.fmod, torch.remainder, torch.logaddexp, torch.xlogy,
        torch.copysign, torch.fmax, torch.fmin, lambda x, y: torch.lerp(x, y, 0.3),
        lambda x, y: torch.where(x > 0, x, y), lambda x, y: torch.addcmul(x, x, y, value=2),
        lambda x, y: torch.addcdiv(x, x, y, value=2), lambda x, y: x.clamp(y - 3, y),
        lambda x, y: torch.add(x, y, alpha=3), lambda x, y: x > y, lambda x, y: x.dist(y),
        lambda x, y: x * 2 + y.detach(), lambda x, y: x.float() + y, lambda x, y: x + y.float(),
    ]  # fmt: skip
    swapped = [lambda x, y, f=f: f(y.expand(3, 4).abs(), x) for f in functions[:5]]
    return [attempt(lambda f=f: pushed(torch, f, a.abs() + 0.2, b)) for f in functions + swapped]


def case_one_input_dual(torch):
    x, y = point(torch, 3, 4), point(torch, 4, seed=2) + 3
    m = point(torch, 4, 2, seed=1)
    functions = [
        lambda t: t + y, lambda t: y - t, lambda t: t * y, lambda t: y / (t + 5), lambda t: t @ m,
        lambda t: m.t() @ t.t(), lambda t: torch.addmm(m[:3], t, m), lambda t: torch.cat([y[None],
        t]), lambda t: torch.stack([x, t]), lambda t: torch.where(t > 0, y, t),
        lambda t: torch.nn.functional.linear(t, m.t()), lambda t: torch.lerp(t, y, 0.25),
        lambda t: torch.nn.functional.mse_loss(t, x), lambda t: (t, y, t.sum(), 3 * y),
    ]  # fmt: skip
    return [attempt(lambda f=f: pushed(torch, f, x)[:1]) for f in functions]


def case_reductions(torch):
    x = point(torch, 3, 4)
    functions = [
        lambda t: t.sum(), lambda t: t.sum(0), lambda t: t.sum((0, 1), keepdim=True),
        lambda t: t.mean(1), lambda t: t.prod(), lambda t: t.prod(1), lambda t: t.var(0),
        lambda t: t.std(1), lambda t: t.std(), lambda t: torch.var_mean(t, 1), lambda t: t.max(),
        lambda t: t.max(1), lambda t: t.min(0), lambda t: t.amax(1), lambda t: t.median(1),
        lambda t: t.logsumexp(1), lambda t: t.softmax(1), lambda t: t.log_softmax(0),
        lambda t: t.norm(), lambda t: t.norm(dim=1), lambda t: t.norm(p=1), lambda t: t.norm(p=3),
        lambda t: t.cumsum(1), lambda t: t.cumprod(0),
        lambda t: t.cummax(1), lambda t: t.sort(1), lambda t: t.topk(2, 1), lambda t: t.argmax(),
        lambda t: t.kthvalue(2, 1), lambda t: t.mode(1), lambda t: t.nansum(), lambda t: t.trace(),
        lambda t: t.any(), lambda t: t.unique(), lambda t: t.aminmax(dim=1),
        lambda t: t.count_nonzero(), lambda t: torch.renorm(t, 2, 0, 1.0),
        lambda t: torch.nn.functional.normalize(t, dim=1),
    ]  # fmt: skip
    return [attempt(lambda f=f: pushed(torch, f, x)) for f in functions]


def case_movement(torch):
    x = point(torch, 2, 3, 4)
    index = torch.tensor([2, 0])
    functions = [
        lambda t: t.view(6, 4), lambda t: t.reshape(-1), lambda t: t.permute(2, 0, 1),
        lambda t: t.transpose(0, 1), lambda t: t[0], lambda t: t[:, 1:], lambda t: t[..., -1],
        lambda t: t[:, index], lambda t: t[t > 0], lambda t: t.unsqueeze(1), lambda t: t.flip(0),
        lambda t: t.expand(2, 2, 3, 4), lambda t: t.repeat(1, 2, 1), lambda t: t.roll(1, 2),
        lambda t: t.unbind(1), lambda t: t.split(2, 2), lambda t: t.chunk(2, 0), lambda t: t.mT,
        lambda t: t.diagonal(0, 1, 2), lambda t: t.tril(), lambda t: t.triu(1), lambda t: t.clone(),
        lambda t: t.gather(1, torch.zeros(2, 1, 4, dtype=torch.int64)),
        lambda t: t.index_select(1, index), lambda t: t.masked_fill(t > 0, 3.0),
        lambda t: t.masked_select(t < 0), lambda t: t.take(torch.tensor([0, 5])),
        lambda t: torch.nn.functional.pad(t, (1, 2), value=4.0), lambda t: t.unfold(2, 2, 1),
        lambda t: t.as_strided((2, 2), (12, 1)), lambda t: t.squeeze(), lambda t: t.flatten(1),
        lambda t: t.movedim(0, 2), lambda t: t.swapaxes(0, 1), lambda t: t.contiguous(),
        lambda t: torch.cat([t, 2 * t], 1), lambda t: torch.stack([t, t]), lambda t: t.detach(),
        lambda t: torch.nn.functional.pad(t, (1, 1), mode="reflect"), lambda t: t.data,
        lambda t: torch.tensor_split(t, 2, 1), lambda t: t.ravel(), lambda t: t.rot90(),
        lambda t: torch.zeros_like(t), lambda t: torch.ones_like(t) * t, lambda t: t.real,
        lambda t: torch.block_diag(t[0], t[1]), lambda t: torch.meshgrid(t[0, 0], t[0, 1]),
    ]  # fmt: skip
    return [attempt(lambda f=f: pushed(torch, f, x)) for f in functions[:-1]]


def case_products(torch):
    a, b, v = point(torch, 3, 4), point(torch, 4, 2, seed=2), point(torch, 4, seed=5)
    A, B = point(torch, 2, 3, 4), point(torch, 2, 4, 2, seed=2)
    two = [
        (lambda x, y: x @ y, a, b), (torch.mv, a, v), (torch.dot, v, v * 2), (torch.outer, v, v),
        (torch.bmm, A, B), (torch.matmul, A, b),
        (lambda x, y: torch.einsum("ij,jk->k", x, y), a, b),
        (lambda x, y: torch.addmm(x[:, :2], x, y, beta=2, alpha=3), a, b),
        (lambda x, y: torch.baddbmm(x[..., :2], x, y), A, B),
        (lambda x, y: torch.addmv(x[:, 0], x, y), a, v), (torch.kron, a, b),
        (lambda x, y: torch.tensordot(x, y, 1), a, b), (torch.chain_matmul, a, b),
        (lambda x, y: torch.nn.functional.linear(x, y.t(), y[0]), a, b),
        (lambda x, y: torch.nn.functional.cosine_similarity(x, y.sum(1)), a, b),
    ]  # fmt: skip
    return [attempt(lambda f=f, s=s: pushed(torch, f, *s)) for f, *s in two]


def case_layers(torch):
    F = torch.nn.functional
    image, kernel, bias = point(torch, 2, 2, 5, 5), point(torch, 3, 2, 3, 3), point(torch, 3)
    x, w, b = point(torch, 4, 6), point(torch, 6, seed=2), point(torch, 6, seed=3)
    target = torch.tensor([0, 2, 1, 5])
    calls = [
        (lambda i, k, c: F.conv2d(i, k, c, padding=1), image, kernel, bias),
        (lambda i, k, c: F.conv2d(i, k, c, stride=2), image, kernel, bias),
        (lambda i, k: F.conv_transpose2d(i, k.transpose(0, 1)), image, kernel),
        (lambda i: F.max_pool2d(i, 2), image), (lambda i: F.avg_pool2d(i, 2), image),
        (lambda i: F.adaptive_avg_pool2d(i, 2), image),
        (lambda i: F.interpolate(i, scale_factor=2.0, mode="nearest"), image),
        (lambda i: F.interpolate(i, scale_factor=2.0, mode="bilinear"), image),
        (lambda t, u, c: F.layer_norm(t, (6,), u, c), x, w, b),
        (lambda t, u, c: F.batch_norm(t, None, None, u, c, training=True), x, w, b),
        (lambda t, u, c: F.batch_norm(t, b.detach(), w.abs() + 1, u, c), x, w, b),
        (lambda t, u, c: F.group_norm(t, 2, u, c), x, w, b), (lambda i: F.instance_norm(i), image),
        (lambda t: F.cross_entropy(t, target), x), (lambda t: F.nll_loss(t, target), x),
        (lambda t: F.binary_cross_entropy_with_logits(t, t.detach().sigmoid()), x),
        (lambda t: F.binary_cross_entropy(t.sigmoid(), t.detach().sigmoid()), x),
        (lambda t, u: F.mse_loss(t, u), x, x * 2), (lambda t, u: F.l1_loss(t, u), x, x * 2),
        (lambda t, u: F.smooth_l1_loss(t, u), x, x * 2),
        (lambda t, u: F.huber_loss(t, u), x, x * 2),
        (lambda t, u: F.kl_div(t, u.softmax(1)), x, x * 2), (lambda t: F.embedding(target, t), x),
        (lambda t: F.embedding(target, t, padding_idx=2), x), (lambda t: F.glu(t), x),
        (lambda t: F.prelu(t, torch.tensor([0.3], dtype=torch.float64)), x),
        (lambda t: F.multi_margin_loss(t, target), x),
        (lambda t: F.soft_margin_loss(t, x.sign()), x),
        (lambda t: F.dropout(t, 0.5, training=False), x), (lambda t: F.unfold(t, 2), image),
        (lambda t, u: F.scaled_dot_product_attention(t[None], u[None], u[None]), x, x * 2),
        (lambda t: F.pixel_shuffle(t[:, :1].expand(2, 4, 5, 5), 2), image),
    ]  # fmt: skip
    torch.manual_seed(0)
    return [attempt(lambda f=f, s=s: pushed(torch, f, *s)) for f, *s in calls]


def case_in_place(torch):
    def doubled(t):
        y = t.clone()
        y.mul_(2).add_(t)
        return y

    def view_of_dual(t):
        y = t.clone()
        y[1:].mul_(3)
        return y, y[0], y.view(-1)

    def base_of_view(t):
        y = t.clone()
        view = y.view(-1)
        y.exp_()
        return view, y

    def constant_overwritten(t):
        y = torch.zeros(5, dtype=torch.float64)
        y[1:3] = t[:2]
        y[4] = 7.0
        return y, y[1:], y.view(5, 1)

    def written_through_a_view(t):
        y = torch.ones(2, 4, dtype=torch.float64)
        row, column = y[1], y[:, 0]
        row.mul_(t)
        return y, row, column

    def dual_overwritten(t):
        y = t.clone()
        y.copy_(torch.ones(4, dtype=torch.float64))
        z = t.clone()
        z[0] = 5.0
        u = t.clone().fill_(2.0)
        return y, z, u, t.clone().zero_()

    def indexed(t):
        y = t.clone()
        y[torch.tensor([0, 2])] = t[torch.tensor([1, 3])] * 2
        z = t.clone()
        z[z > 0] = 0.5
        u = t.clone().index_add_(0, torch.tensor([0, 0]), t[:2])
        return y, z, u, t.clone().masked_fill_(t > 0, 9.0), t.clone().scatter_(
            0, torch.tensor([1]), t[:1])  # fmt: skip

    def shape(t):
        y = t.clone().view(2, 2)
        y.t_()
        return y, t.clone().unsqueeze_(0), t.clone().view(1, 4).squeeze_()

    def clamped(t):
        return t.clone().clamp_(-0.5, 0.5), t.clone().relu_(), t.clone().sub_(t, alpha=2)

    functions = [doubled, view_of_dual, base_of_view, constant_overwritten, written_through_a_view,
                 dual_overwritten, indexed, shape, clamped]  # fmt: skip
    return [attempt(lambda f=f: pushed(torch, f, point(torch, 4))) for f in functions]


def case_the_tangent_is_written_too(torch):
    forward_ad = torch.autograd.forward_ad
    x, t = point(torch, 3), point(torch, 3, seed=4)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, t)
        dual.mul_(2)
        kept = forward_ad.unpack_dual(dual).tangent
        dual.sin_()
        return x.clone(), t.clone(), kept is t, forward_ad.unpack_dual(dual).tangent is t


def case_levels(torch):
    forward_ad = torch.autograd.forward_ad
    x, t = point(torch, 3), point(torch, 3, seed=4)
    found = [attempt(lambda: forward_ad.make_dual(x, t)), attempt(forward_ad.exit_dual_level),
             attempt(lambda: forward_ad.exit_dual_level(level=2)),
             tuple(forward_ad.unpack_dual(x))]  # fmt: skip
    with forward_ad.dual_level() as level:
        dual = forward_ad.make_dual(x, t)
        found += [
            level, attempt(forward_ad.enter_dual_level),
            attempt(lambda: forward_ad.exit_dual_level(level=3)),
            attempt(lambda: forward_ad.make_dual(x, t[:2])),
            attempt(lambda: forward_ad.make_dual(x, torch.arange(3))),
            attempt(lambda: forward_ad.make_dual(torch.arange(3), t)),
            attempt(lambda: forward_ad.make_dual(x, 3)),
            attempt(lambda: forward_ad.make_dual(x, None)),
            attempt(lambda: forward_ad.make_dual(dual, t)),
            attempt(lambda: forward_ad.make_dual(x, dual)),
            attempt(lambda: forward_ad.make_dual(x, t, level=4)),
            attempt(lambda: forward_ad.unpack_dual(3)),
            attempt(lambda: forward_ad.unpack_dual(x, level=3)), repr(dual), repr(dual.sum()),
            repr(forward_ad.unpack_dual(dual)), type(forward_ad.unpack_dual(dual)).__name__,
            attempt(lambda: torch.add(dual, 1, out=torch.zeros(3, dtype=torch.float64))),
            forward_ad.unpack_dual(dual).tangent is t, dual.requires_grad, dual.is_leaf,
        ]  # fmt: skip
        with torch.no_grad():
            found.append(forward_ad.unpack_dual(dual * 2).tangent)
        with torch.inference_mode():
            found.append(forward_ad.unpack_dual(dual * 2).tangent)
        with forward_ad._set_fwd_grad_enabled(False):
            found.append(forward_ad.unpack_dual(dual * 2).tangent)
        found.append(forward_ad._is_fwd_grad_enabled())
    found.append(tuple(forward_ad.unpack_dual(dual)))
    with forward_ad.dual_level():
        found.append(forward_ad.unpack_dual(dual).tangent)
    return found


def case_with_reverse_mode(torch):
    forward_ad = torch.autograd.forward_ad
    x = point(torch, 4).requires_grad_()
    t = point(torch, 4, seed=2).requires_grad_()
    w = point(torch, 4, 4, seed=1)

    def f(x):
        return ((w @ x).tanh() * x.exp()).sum() + (x * x).prod()

    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, t)
        out = f(dual)
        primal, tangent = forward_ad.unpack_dual(out)
        back = torch.autograd.grad(tangent, (x, t), retain_graph=True)
        (g,) = torch.autograd.grad(out, x, create_graph=True)
        over = forward_ad.unpack_dual(g).tangent
        third = torch.autograd.grad(over.sum(), x, retain_graph=True)
        out.backward()
        accumulated = forward_ad.unpack_dual(x.grad)
        names = [type(dual.grad_fn).__name__, primal.requires_grad]
    return (primal.detach(), tangent.detach(), *back, g.detach(), over.detach(), *third, names,
            accumulated.tangent, x.grad.clone())  # fmt: skip


def functions_of(torch):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(x, factor):
            return factor * x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.factor = inputs
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * ctx.factor * x**2, None

        @staticmethod
        def jvp(ctx, t, _):
            (x,) = ctx.saved_tensors
            return t * 3 * ctx.factor * x**2

    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_forward(x, y)
            out = (x > y).double()
            ctx.mark_non_differentiable(out)
            return x * y, out

        @staticmethod
        def jvp(ctx, tx, ty):
            x, y = ctx.saved_tensors
            return tx * y + x * ty, None

    class InPlace(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def jvp(ctx, t):
            return t.mul_(2)

    class Without(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    return Cube, Two, InPlace, Without


def case_custom_functions(torch):
    cube, two, in_place, without = functions_of(torch)
    x, y = point(torch, 3), point(torch, 3, seed=3)
    return [
        attempt(lambda: pushed(torch, lambda t: cube.apply(t, 2.0), x)),
        attempt(lambda: pushed(torch, lambda t, u: two.apply(t, u), x, y)),
        attempt(lambda: pushed(torch, lambda t: two.apply(t, y), x)),
        attempt(lambda: pushed(torch, lambda t: in_place.apply(t.clone()), x)),
        attempt(lambda: pushed(torch, without.apply, x)),
        attempt(lambda: pushed(torch, lambda t: without.apply(x) + t, x)),
    ]


def case_custom_function_mistakes(torch):
    def made(jvp, forward=lambda ctx, x: x * 2):
        return type("Made", (torch.autograd.Function,), {
            "forward": staticmethod(forward), "jvp": staticmethod(jvp)})  # fmt: skip

    def written(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    def constant(ctx, x):
        y = x * 2
        ctx.mark_non_differentiable(y)
        return y

    x = point(torch, 3)
    functions = [
        made(lambda ctx, t: (t, t)), made(lambda ctx, t: t[:2]), made(lambda ctx, t: 3),
        made(lambda ctx, t: t * 2, written), made(lambda ctx, t: t, lambda ctx, x: x.view(-1)),
        made(lambda ctx, t: t.clone(), lambda ctx, x: x), made(lambda ctx, t: t, constant),
        made(lambda ctx, t: t.view(-1), lambda ctx, x: x.view(-1)),
        made(lambda ctx, t: None, constant), made(lambda ctx, t: (t * 2,)),
    ]  # fmt: skip
    return [
        attempt(lambda f=f: pushed(torch, lambda t: f.apply(t.clone()), x)) for f in functions
    ]


def case_jacobians(torch):
    functional = torch.autograd.functional
    x, y = point(torch, 3), point(torch, 3, seed=2)

    def two(a, b):
        return a * b.exp(), (a * a).sum()

    def one(a):
        return (a**3).sum() * a.prod()

    forward = {"strategy": "forward-mode"}
    outer = {"outer_jacobian_strategy": "forward-mode"}
    calls = [
        lambda: functional.jacobian(two, (x, y), vectorize=True, **forward),
        lambda: functional.jacobian(two, (x, y), vectorize=True),
        lambda: functional.jacobian(torch.sin, x, vectorize=True, **forward),
        lambda: functional.jacobian(torch.sin, x, **forward),
        lambda: functional.jacobian(torch.sin, x, strict=True, **forward),
        lambda: functional.jacobian(torch.sin, x, create_graph=True, vectorize=True, **forward),
        lambda: functional.jacobian(torch.sin, x, strategy="sideways"),
        lambda: functional.jacobian(torch.sin, torch.arange(3), vectorize=True, **forward),
        lambda: functional.jacobian(lambda a: torch.ones(2), x, vectorize=True, **forward),
        lambda: functional.jacobian(lambda a: 3, x, vectorize=True, **forward),
        lambda: functional.jacobian(lambda a: a.reshape(3, 1) * a, x, vectorize=True, **forward),
        lambda: functional.hessian(one, x, vectorize=True, **outer).detach(),
        lambda: functional.hessian(one, x, vectorize=True).detach(),
        lambda: functional.hessian(one, x, **outer),
        lambda: functional.hessian(one, x, outer_jacobian_strategy="sideways"),
        lambda: [[h.detach() for h in row] for row in functional.hessian(
            lambda a, b: (a * b * b).sum(), (x, y), vectorize=True, **outer)],
    ]  # fmt: skip
    return [attempt(call) for call in calls]


def case_gradcheck(torch):
    cube, two, _, without = functions_of(torch)
    x = point(torch, 3).requires_grad_()
    z = torch.tensor([1 + 2j, 0.5 - 1j], dtype=torch.complex128, requires_grad=True)

    class Wrong(cube):
        @staticmethod
        def jvp(ctx, t, _):
            return t * 2

    check, again = torch.autograd.gradcheck, torch.autograd.gradgradcheck
    calls = [
        lambda: check(torch.sin, (x,), check_forward_ad=True),
        lambda: check(torch.sin, (x,), check_forward_ad=True, check_backward_ad=False),
        lambda: check(torch.sin, (x,), check_backward_ad=False),
        lambda: check(torch.sin, (x,), check_batched_forward_grad=True),
        lambda: check(torch.sin, (x,), check_batched_grad=True, check_backward_ad=False,
                      check_forward_ad=True),
        lambda: check(torch.sin, (x,), check_batched_grad=True, check_forward_ad=True,
                      check_batched_forward_grad=True),
        lambda: check(lambda a: cube.apply(a, 2.0), (x,), check_forward_ad=True),
        lambda: check(lambda a: Wrong.apply(a, 2.0), (x,), check_forward_ad=True),
        lambda: check(lambda a: Wrong.apply(a, 2.0), (x,)),
        lambda: check(lambda a: Wrong.apply(a, 2.0), (x,), check_forward_ad=True, fast_mode=True),
        lambda: check(lambda a: Wrong.apply(a, 2.0), (x,), check_forward_ad=True,
                      raise_exception=False),
        lambda: check(torch.sin, (z,), check_forward_ad=True),
        lambda: check(torch.abs, (z,), check_forward_ad=True),
        lambda: check(lambda a: a.conj() * a, (z,), check_forward_ad=True, fast_mode=True),
        lambda: again(torch.sin, (x,), check_fwd_over_rev=True),
        lambda: again(torch.sin, (x,), check_fwd_over_rev=True, check_rev_over_rev=False),
        lambda: again(torch.sin, (x,), check_fwd_over_rev=True, check_rev_over_rev=False,
                      check_undefined_grad=False),
    ]  # fmt: skip
    return [attempt(call) for call in calls]


def case_complex(torch):
    z = torch.tensor([1 + 2j, 0.5 - 1j, -0.3 + 0.1j], dtype=torch.complex128)
    t = torch.tensor([0.3 - 1j, 2 + 0.5j, 1j], dtype=torch.complex128)
    forward_ad = torch.autograd.forward_ad
    functions = [
        torch.exp, torch.sin, torch.abs, torch.angle, torch.conj, torch.real, torch.imag,
        torch.view_as_real, lambda a: a * a, lambda a: a.conj() * a, lambda a: a / (a + 1),
        lambda a: a.sum(), lambda a: a.abs().pow(2).sum(), lambda a: a.real * a.imag, torch.sgn,
        lambda a: a.prod(), lambda a: a**2, torch.sqrt, torch.log, torch.tanh, torch.reciprocal,
        lambda a: torch.outer(a, a.conj()), lambda a: a.norm(), lambda a: a.cumsum(0),
        lambda a: torch.complex(a.real, a.imag * 2), lambda a: a.mean(), lambda a: a @ a,
    ]  # fmt: skip
    found = []
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(z, t)
        for f in functions:
            found.append(attempt(lambda f=f: forward_ad.unpack_dual(f(dual)).tangent.clone()))
    return found
