"""Forward mode: levels and their nesting, views and writes, with reverse mode, with vmap."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import rushlight as torch
from rushlight import _core
from rushlight.autograd import forward_ad, functional, interpreters
from rushlight.autograd.forward_level import jvp_level, make_dual_at, primal_at, tangent_at
from rushlight.autograd.vmap import mapped
from rushlight.compiler.record import record
from rushlight.nn import functional as F


def drawn(*shape, seed=0):
    return torch.tensor(np.random.RandomState(seed).uniform(-1.5, 1.5, shape))


def jvp(function, inputs, tangents):
    with jvp_level() as level:
        duals = [make_dual_at(level, x, t) for x, t in zip(inputs, tangents, strict=True)]
        out = function(*duals)
        found = tangent_at(level, out)
        return primal_at(level, out), torch.zeros_like(out) if found is None else found


def close(a, b, tolerance=1e-12):
    assert a.shape == b.shape
    assert torch.allclose(a, b, rtol=tolerance, atol=tolerance), (a, b)


@pytest.fixture(autouse=True)
def nothing_stays():
    yield
    assert _core.ctx.handler is None
    assert forward_ad._current_level == -1


# ---- levels --------------------------------------------------------------------------------------


def test_derivatives_of_derivatives():
    def f(x):
        return x.sin() * x.exp()

    def derivative(g):
        return lambda x: jvp(g, (x,), (torch.ones_like(x),))[1]

    x = torch.tensor(1.3, dtype=torch.float64)
    wanted = leaf = x.clone().requires_grad_()
    wanted, function = f(leaf), f
    for _ in range(4):
        (wanted,) = torch.autograd.grad(wanted, leaf, create_graph=True)
        function = derivative(function)
        close(function(x), wanted.detach())


def test_levels_are_not_confused():
    x = torch.tensor(1.3, dtype=torch.float64)
    one = torch.ones_like(x)

    def outer(x):
        return x * jvp(lambda y: x * y, (x,), (one,))[1]

    close(jvp(outer, (x,), (one,))[1], 2 * x)


def test_a_tangent_ends_with_its_level():
    x, t = drawn(3), drawn(3, seed=1)
    with forward_ad.dual_level():
        y = forward_ad.make_dual(x, t) * 2
        alive = weakref.ref(forward_ad.unpack_dual(y).tangent)
    with forward_ad.dual_level():
        assert forward_ad.unpack_dual(y).tangent is None
        assert forward_ad.unpack_dual(y * 3).tangent is None
    del y
    gc.collect()
    assert alive() is None


def test_a_level_is_left_when_something_is_raised():
    with pytest.raises(ZeroDivisionError), forward_ad.dual_level():
        1 / 0  # noqa: B018
    with pytest.raises(ZeroDivisionError), jvp_level(), jvp_level():
        1 / 0  # noqa: B018


def test_other_threads_are_not_affected():
    x, t = drawn(4), drawn(4, seed=1)
    barrier = threading.Barrier(4)
    results = []

    def work():
        barrier.wait()
        for _ in range(20):
            value, tangent = jvp(lambda x: (x.sin() * x).exp().sum(), (x,), (t,))
        results.append((float(value), float(tangent)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len(set(results)) == 1


def test_an_interpreter_that_does_nothing_changes_nothing():
    class Idle(interpreters.Interpreter):
        __slots__ = ()

        def belongs(self, t):
            return False

    def step():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(), torch.nn.ReLU())
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        x = torch.rand(5, 3)
        for _ in range(2):
            optimizer.zero_grad()
            model(x).sum().backward()
            optimizer.step()
        x[0] = 1
        x.view(3, 5).t_()
        return [p.detach().clone() for p in model.parameters()] + [x]

    plain = step()
    with Idle():
        assert isinstance(interpreters.current(), Idle)
        same = step()
    for a, b in zip(plain, same, strict=True):
        assert torch.equal(a, b)


def test_levels_above_a_recorder():
    x, t = drawn(3), drawn(3, seed=1)
    found, program = record(lambda x, t: jvp(torch.sin, (x,), (t,))[1], x, t)
    close(found, t * x.cos())
    y, u = drawn(3, seed=2), drawn(3, seed=3)
    close(program.replay(y, u), u * y.cos())


# ---- what is dual --------------------------------------------------------------------------------


def test_tangents_of_views_share_memory():
    with forward_ad.dual_level():
        base = torch.zeros(2, 3, dtype=torch.float64)
        row, column = base[1], base.t()[0]
        row.copy_(forward_ad.make_dual(drawn(3), drawn(3, seed=1)))
        close(forward_ad.unpack_dual(base).tangent[1], drawn(3, seed=1))
        close(forward_ad.unpack_dual(column).tangent[1], drawn(3, seed=1)[0])
        base.mul_(2)
        close(forward_ad.unpack_dual(row).tangent, 2 * drawn(3, seed=1))
        forward_ad.unpack_dual(column).tangent.zero_()
        assert forward_ad.unpack_dual(base).tangent[1, 0] == 0


def test_primal_of_a_view_is_not_dual():
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(drawn(4), drawn(4, seed=1))
        primal = forward_ad.unpack_dual(dual[1:]).primal
        assert forward_ad.unpack_dual(primal).tangent is None
        assert forward_ad.unpack_dual(primal * 2).tangent is None
        primal.mul_(2)
        assert forward_ad.unpack_dual(primal[0]).tangent is None


def test_what_is_saved_for_backward_is_not_what_was_overwritten():
    x = drawn(3).requires_grad_()
    with jvp_level() as level:
        dual = make_dual_at(level, x, drawn(3, seed=1))
        y = dual.clone()
        y.mul_(y.detach().clone())
        (g,) = torch.autograd.grad(y.sum(), x)
        close(tangent_at(level, y), drawn(3, seed=1) * x.detach())
    close(g, x.detach())


def test_reads_see_the_value():
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(torch.tensor(2.0), torch.tensor(1.0))
        assert dual.item() == 2
        assert bool(dual > 1)
        assert dual.numpy() == 2
        assert dual.tolist() == 2


def test_batch_norm_counts_once():
    x = drawn(6, 4)
    bn, plain = torch.nn.BatchNorm1d(4).double(), torch.nn.BatchNorm1d(4).double()
    with forward_ad.dual_level():
        bn(forward_ad.make_dual(x, drawn(6, 4, seed=1)))
    plain(x)
    assert int(bn.num_batches_tracked) == 1
    assert torch.equal(bn.running_mean, plain.running_mean)
    assert torch.equal(bn.running_var, plain.running_var)


def test_random_numbers_are_drawn_once():
    x = torch.ones(50)
    torch.manual_seed(0)
    wanted = F.dropout(x)
    torch.manual_seed(0)
    with forward_ad.dual_level():
        found = F.dropout(forward_ad.make_dual(x, 3 * x))
        assert torch.equal(forward_ad.unpack_dual(found).tangent, 3 * wanted)
    assert torch.equal(found, wanted)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.nn.LSTM(4, 3, num_layers=2), lambda: torch.nn.GRU(4, 3, bidirectional=True),
        lambda: torch.nn.MultiheadAttention(4, 2),
        lambda: torch.nn.Conv1d(3, 2, 2), lambda: torch.nn.Bilinear(4, 4, 2),
    ],
    ids=["LSTM", "GRU", "Attention", "Conv1d", "Bilinear"],
)  # fmt: skip
def test_layers_against_differences(make):
    torch.manual_seed(0)
    layer = make().double()
    x, u = drawn(5, 3, 4), drawn(5, 3, 4, seed=1)

    def f(x):
        several = {torch.nn.Bilinear: 2, torch.nn.MultiheadAttention: 3}
        out = layer(*[x] * several.get(type(layer), 1))
        return out[0] if isinstance(out, tuple) else out

    step = 1e-5
    with torch.no_grad():
        wanted = (f(x + step * u) - f(x - step * u)) / (2 * step)
    _, found = jvp(f, (x,), (u,))
    close(found, wanted, 1e-8)


# ---- both modes ----------------------------------------------------------------------------------


def network():
    """A loss as a function of its weights, the weights, and directions for them."""
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    x = drawn(6, 4, seed=9)

    def loss(w, b, scale, shift, v):
        h = F.layer_norm(F.linear(x, w, b).tanh(), (5,), scale, shift)
        return F.cross_entropy(h @ v, y) + (w * w).sum().sqrt()

    shapes = [(5, 4), (5,), (5,), (5,), (5, 3)]
    weights = [drawn(*s, seed=i).requires_grad_() for i, s in enumerate(shapes)]
    return loss, weights, [drawn(*s, seed=10 + i) for i, s in enumerate(shapes)]


def twice_reversed(loss, weights, directions):
    first = torch.autograd.grad(loss(*weights), weights, create_graph=True)
    product = sum((g * v).sum() for g, v in zip(first, directions, strict=True))
    return torch.autograd.grad(product, weights)


def test_forward_over_reverse_is_the_hessian_product():
    loss, weights, directions = network()
    wanted = twice_reversed(loss, weights, directions)
    with jvp_level() as level:
        duals = [make_dual_at(level, w, v) for w, v in zip(weights, directions, strict=True)]
        found = torch.autograd.grad(loss(*duals), duals)
        tangents = [tangent_at(level, g) for g in found]
    for a, b in zip(tangents, wanted, strict=True):
        close(a, b)
        assert not a.requires_grad


def test_reverse_over_forward_is_the_hessian_product():
    loss, weights, directions = network()
    wanted = twice_reversed(loss, weights, directions)
    _, tangent = jvp(loss, weights, directions)
    for a, b in zip(torch.autograd.grad(tangent, weights), wanted, strict=True):
        close(a, b)


def test_backward_fills_grads_that_are_not_dual():
    loss, weights, directions = network()
    wanted = torch.autograd.grad(loss(*weights), weights)
    with jvp_level() as level:
        loss(*[make_dual_at(level, w, v) for w, v in zip(weights, directions, strict=True)]
             ).backward()  # fmt: skip
        for w, g in zip(weights, wanted, strict=True):
            assert tangent_at(level, w.grad) is None
            close(w.grad, g)
        first = weights[0].grad
        loss(*weights).backward()
        assert weights[0].grad is first


def test_tangent_does_not_keep_the_history_walked():
    """Each op's second pass stops at its arguments, whatever their history."""
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    with jvp_level() as level:
        y = make_dual_at(level, x, torch.ones(2, dtype=torch.float64))
        for _ in range(200):
            y = y.softmax(0) + 1
        tangent = tangent_at(level, y)
    (g,) = torch.autograd.grad(tangent.sum(), x)
    assert g.shape == (2,)


def test_graphs_of_tangents_are_freed():
    x = drawn(3).requires_grad_()
    gc.collect()
    gc.disable()
    try:
        with jvp_level() as level:
            y = make_dual_at(level, x.detach(), drawn(3, seed=1)).softmax(0).mul(2)
            seen = weakref.ref(y)
        del y
        assert seen() is None
    finally:
        gc.enable()


# ---- Function ------------------------------------------------------------------------------------


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        out = x * x
        ctx.save_for_backward(x, out)
        ctx.save_for_forward(x, out)
        return out * x

    @staticmethod
    def backward(ctx, g):
        _, square = ctx.saved_tensors
        return 3 * g * square

    @staticmethod
    def jvp(ctx, t):
        x, _ = ctx.saved_tensors
        return 3 * t * x * x


def test_function_in_nested_levels():
    x = torch.tensor(1.3, dtype=torch.float64)
    one = torch.ones_like(x)

    def first(x):
        return jvp(Cube.apply, (x,), (one,))[1]

    close(first(x), 3 * x * x)
    close(jvp(first, (x,), (one,))[1], 6 * x)


class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        out = x.exp()
        ctx.save_for_backward(out)
        ctx.save_for_forward(out)
        return out

    @staticmethod
    def backward(ctx, g):
        (out,) = ctx.saved_tensors
        return g * out

    @staticmethod
    def jvp(ctx, t):
        (out,) = ctx.saved_tensors
        return t * out


def test_forward_over_reverse_of_a_function():
    x, t = drawn(3).requires_grad_(), drawn(3, seed=1)
    with jvp_level() as level:
        dual = make_dual_at(level, x, t)
        (g,) = torch.autograd.grad(Exp.apply(dual).sum(), dual)
        close(tangent_at(level, g), t * x.detach().exp())


# ---- with vmap -----------------------------------------------------------------------------------


def eye(*shape):
    n = int(np.prod(shape))
    return torch.eye(n, dtype=torch.float64).view(n, *shape)


W = drawn(5, 4, seed=7)


def curved(x):
    return F.softmax(W @ x, -1).cumsum(0) * x.sum().exp()


def test_vmap_of_jvp():
    xs, ts = drawn(7, 4), drawn(7, 4, seed=1)
    values, tangents = mapped(lambda x, t: list(jvp(curved, (x,), (t,))), 7, [xs, ts])
    for i in range(7):
        value, tangent = jvp(curved, (xs[i],), (ts[i],))
        close(values[i], value)
        close(tangents[i], tangent)


def test_jvp_of_vmap():
    xs, ts = drawn(7, 4), drawn(7, 4, seed=1)
    _, found = jvp(lambda xs: mapped(lambda x: [curved(x)], 7, [xs])[0], (xs,), (ts,))
    for i in range(7):
        close(found[i], jvp(curved, (xs[i],), (ts[i],))[1])


def test_many_directions_at_one_point_compute_the_value_once():
    x = drawn(4)
    shapes = []

    def f(x):
        shapes.append((W @ x)._batched is None)
        return curved(x)

    (found,) = mapped(lambda t: [jvp(f, (x,), (t,))[1]], 4, [eye(4)])
    close(found.t(), functional.jacobian(curved, x))
    assert shapes == [True]


def test_one_point_meets_many():
    x, ts, cs = drawn(4), drawn(7, 4, seed=1), drawn(7, 4, seed=2)

    def f(x, c):
        return (W @ (x * c).exp()) + x.sum()

    (found,) = mapped(lambda t, c: [jvp(lambda x: f(x, c), (x,), (t,))[1]], 7, [ts, cs])
    for i in range(7):
        close(found[i], jvp(lambda x, i=i: f(x, cs[i]), (x,), (ts[i],))[1])


def test_writes_of_batched_tangents():
    x, ts = drawn(4), drawn(3, 4, seed=1)

    def f(x):
        y = torch.zeros(2, 4, dtype=torch.float64)
        y[1].copy_(x)
        z = x.clone()
        z.mul_(2).add_(y[1])
        return (y * z).sum(0)

    (found,) = mapped(lambda t: [jvp(f, (x,), (t,))[1]], 3, [ts])
    close(found, 6 * x * ts)


def test_jacobians_for_many_points():
    xs = drawn(7, 4)

    def jacobian(x):
        return mapped(lambda t: [jvp(curved, (x,), (t,))[1]], 4, [eye(4)])

    (found,) = mapped(jacobian, 7, [xs])
    for i in range(7):
        close(found[i].t(), functional.jacobian(curved, xs[i]))


def test_forward_over_forward_hessian():
    def f(x):
        return (x**3).sum() * x.exp().prod()

    def gradient(x):
        return mapped(lambda t: [jvp(f, (x,), (t,))[1]], 4, [eye(4)])[0]

    x = drawn(4)
    (found,) = mapped(lambda t: [jvp(gradient, (x,), (t,))[1]], 4, [eye(4)])
    close(found, functional.hessian(f, x))


@pytest.mark.parametrize("vectorize", [False, True])
def test_vectorized_reverse_jacobian(vectorize):
    x, y = drawn(3), drawn(2, 2, seed=1)

    def f(x, y):
        return x.sum() * y.exp(), (x.outer(y[0]) @ y).sin()

    plain = functional.jacobian(f, (x, y))
    found = functional.jacobian(f, (x, y), vectorize=vectorize)
    ahead = functional.jacobian(f, (x, y), vectorize=True, strategy="forward-mode")
    for a, b, c in zip(plain, found, ahead, strict=True):
        for p, q, r in zip(a, b, c, strict=True):
            close(q, p)
            close(r, p)


@pytest.mark.parametrize("outer", ["forward-mode", "reverse-mode"])
def test_vectorized_hessian(outer):
    def f(x, y):
        return (x.exp() * y).sum() * y.prod()

    inputs = drawn(3), drawn(3, seed=1)
    plain = functional.hessian(f, inputs)
    found = functional.hessian(f, inputs, vectorize=True, outer_jacobian_strategy=outer)
    for a, b in zip(plain, found, strict=True):
        for p, q in zip(a, b, strict=True):
            close(q.detach(), p)


# ---- gradcheck -----------------------------------------------------------------------------------


def test_gradcheck_of_both_modes():
    x, y = drawn(3).requires_grad_(), drawn(3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, y: (x * y.exp(), x.sum()), (x, y), check_forward_ad=True,
        check_batched_grad=True, check_batched_forward_grad=True,
    )  # fmt: skip
    assert torch.autograd.gradgradcheck(
        lambda x: x.softmax(0), (x,), check_fwd_over_rev=True, check_rev_over_rev=False,
        check_undefined_grad=False,
    )  # fmt: skip


def test_gradcheck_finds_a_wrong_tangent():
    class Wrong(Cube):
        @staticmethod
        def jvp(ctx, t):
            return t

    x = drawn(3).requires_grad_()
    for fast in (False, True):
        with pytest.raises(RuntimeError, match="^Jacobian computed with forward mode mismatch"):
            torch.autograd.gradcheck(Wrong.apply, (x,), check_forward_ad=True, fast_mode=fast)
    assert torch.autograd.gradcheck(Wrong.apply, (x,))


# ---- complex -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        torch.exp, torch.abs, torch.angle, torch.conj, torch.real, torch.imag, torch.sgn,
        lambda z: z.conj() * z, lambda z: z / (1 + z), lambda z: z.prod(), lambda z: z.norm(),
        lambda z: torch.outer(z, z.conj()), lambda z: torch.complex(z.real * 2, z.imag),
        lambda z: z.real * z.imag, lambda z: (z @ z).abs(), lambda z: z.mean().log(),
    ],
)  # fmt: skip
def test_complex_functions_against_differences(function):
    z = torch.complex(drawn(3), drawn(3, seed=1))
    u = torch.complex(drawn(3, seed=2), drawn(3, seed=3))
    step = 1e-5
    wanted = (function(z + step * u) - function(z - step * u)) / (2 * step)
    close(jvp(function, (z,), (u,))[1], wanted, 1e-8)
