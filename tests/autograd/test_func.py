"""torch.func: transforms nested in one another against derivatives written out, and what they leave
behind. The differential suite compares them with real PyTorch."""

import gc
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import rushlight as torch
from rushlight._core import ctx
from rushlight.autograd.vmap import active
from rushlight.compiler.record import record
from rushlight.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    stack_module_state,
    value_and_grad,
    vjp,
    vmap,
)  # fmt: skip


def points(*shape, seed=0):
    values = np.random.default_rng(seed).uniform(-1, 1, shape)
    return torch.tensor(values, dtype=torch.float64)


def close(found, wanted):
    found, wanted = (t.detach().numpy() for t in (found, wanted))
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


@pytest.fixture(autouse=True)
def nothing_left():
    yield
    assert ctx.handler is None
    assert not active()


# f(x) = sum of sin(x)^2 x: its derivatives, elementwise.


def f(x):
    return (x.sin() ** 2 * x).sum()


def first(x):
    return 2 * x.sin() * x.cos() * x + x.sin() ** 2


def second(x):
    return 2 * (2 * x).cos() * x + 2 * (2 * x).sin()


def third(x):
    return -4 * (2 * x).sin() * x + 6 * (2 * x).cos()


y = points(4)
xs = points(3, 4, seed=1)
us = points(3, 4, seed=2)
ones = torch.ones(4, dtype=torch.float64)


COMPOSITIONS = {
    "grad": lambda: (grad(f)(y), first(y)),
    "grad(grad)": lambda: (grad(lambda x: grad(f)(x).sum())(y), second(y)),
    "grad(grad(grad))": lambda: (
        grad(lambda x: grad(lambda x: grad(f)(x).sum())(x).sum())(y), third(y)),
    "vmap(grad)": lambda: (vmap(grad(f))(xs), first(xs)),
    "grad(vmap)": lambda: (grad(lambda x: vmap(f)(x).sum())(xs), first(xs)),
    "grad(vmap(grad))": lambda: (grad(lambda x: vmap(grad(f))(x).sum())(xs), second(xs)),
    "vmap(grad(grad))": lambda: (
        vmap(grad(lambda x: grad(f)(x).sum()))(xs), second(xs)),
    "vmap(vmap(grad))": lambda: (vmap(vmap(grad(f)))(xs), first(xs)),
    "vmap(vmap(grad(grad)))": lambda: (vmap(vmap(grad(grad(f))))(xs), second(xs)),
    "jacrev": lambda: (jacrev(first)(y), second(y).diag()),
    "jacrev in chunks": lambda: (jacrev(first, chunk_size=3)(y), second(y).diag()),
    "jacfwd": lambda: (jacfwd(first)(y), second(y).diag()),
    "hessian": lambda: (hessian(f)(y), second(y).diag()),
    "jacrev(jacrev)": lambda: (jacrev(jacrev(f))(y), second(y).diag()),
    "jacfwd(jacfwd)": lambda: (jacfwd(jacfwd(f))(y), second(y).diag()),
    "jacrev(jacfwd)": lambda: (jacrev(jacfwd(f))(y), second(y).diag()),
    "vmap(hessian)": lambda: (vmap(hessian(f))(xs), second(xs).diag_embed()),
    "vmap(jacfwd)": lambda: (vmap(jacfwd(first))(xs), second(xs).diag_embed()),
    "vmap(jacrev)": lambda: (vmap(jacrev(first))(xs), second(xs).diag_embed()),
    "jvp": lambda: (jvp(first, (y,), (us[0],))[1], second(y) * us[0]),
    "jvp(grad)": lambda: (jvp(grad(f), (y,), (us[0],))[1], second(y) * us[0]),
    "jvp(jvp)": lambda: (
        jvp(lambda x: jvp(f, (x,), (ones,))[1], (y,), (us[0],))[1], (second(y) * us[0]).sum()),
    "jvp(grad(grad))": lambda: (
        jvp(grad(lambda x: grad(f)(x).sum()), (y,), (us[0],))[1], third(y) * us[0]),
    "grad(jvp)": lambda: (
        grad(lambda x: jvp(f, (x,), (us[0],))[1])(y), second(y) * us[0]),
    "grad(jvp(grad))": lambda: (
        grad(lambda x: jvp(grad(f), (x,), (us[0],))[1].sum())(y), third(y) * us[0]),
    "vmap(jvp)": lambda: (
        vmap(lambda x, u: jvp(f, (x,), (u,))[1])(xs, us), (first(xs) * us).sum(1)),
    "vmap(jvp), one point": lambda: (
        vmap(lambda u: jvp(f, (y,), (u,))[1])(us), (first(y) * us).sum(1)),
    "jvp(vmap)": lambda: (jvp(vmap(f), (xs,), (us,))[1], (first(xs) * us).sum(1)),
    "vmap(jvp(grad))": lambda: (
        vmap(lambda x, u: jvp(grad(f), (x,), (u,))[1])(xs, us), second(xs) * us),
    "jvp(vmap(grad))": lambda: (jvp(vmap(grad(f)), (xs,), (us,))[1], second(xs) * us),
    "vmap(grad(jvp))": lambda: (
        vmap(lambda x, u: grad(lambda x: jvp(f, (x,), (u,))[1])(x))(xs, us), second(xs) * us),
    "vmap(vjp)": lambda: (
        vmap(lambda x, u: vjp(first, x)[1](u)[0])(xs, us), second(xs) * us),
    "vmap of a pull-back": lambda: (vmap(vjp(first, y)[1])(us)[0], second(y) * us),
    "a pull-back in two levels": lambda: (
        vmap(lambda x: vmap(lambda u: vjp(first, x)[1](u)[0])(us))(xs),
        second(xs)[:, None] * us),
    "grad of a pull-back": lambda: (
        grad(lambda u: (vjp(first, y)[1](u)[0] ** 2).sum())(us[0]), 2 * second(y) ** 2 * us[0]),
    "linearize": lambda: (linearize(first, y)[1](us[0]), second(y) * us[0]),
    "grad of a mean over a batch, weights shared": lambda: (
        grad(lambda w: vmap(lambda x: f(w * x))(xs).sum())(ones), (first(xs) * xs).sum(0)),
    "vmap(grad), weights shared": lambda: (
        vmap(grad(lambda w, x: f(w * x)), (None, 0))(ones, xs), first(xs) * xs),
    "grad by what is captured": lambda: (
        grad(lambda w: grad(lambda x: f(w * x))(y).sum())(ones), first(y) + second(y) * y),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_composition(name):
    found, wanted = COMPOSITIONS[name]()
    close(found, wanted)


def test_the_outer_graph_sees_through():
    w = points(4, seed=3).requires_grad_()
    for value, slope in (
        (grad(f)(w).sum(), second(w)),
        (vmap(grad(f))(w).sum(), second(w)),
        (hessian(f)(w).sum(), third(w)),
        (jvp(f, (y,), (w,))[1], first(y)),
        (grad(lambda x: f(w * x))(ones).sum(), first(w) + second(w) * w),
    ):
        close(torch.autograd.grad(value, w)[0], slope)


def test_results_hang_in_no_graph_of_their_own():
    gradient, (value, aux) = grad_and_value(lambda x: (f(x), x * 2), has_aux=True)(y)
    output, pull = vjp(first, y)
    for t in (gradient, value, aux, output, pull(ones)[0], hessian(f)(y), jvp(f, (y,), (ones,))[1]):
        assert not t.requires_grad
        assert t.is_leaf


def test_gradients_are_taken_under_no_grad():
    w = points(4).requires_grad_()
    with torch.no_grad():
        found = grad(f)(w)
        assert not torch.is_grad_enabled()
    close(found, first(w))
    assert not found.requires_grad


def test_no_grad_inside_makes_constants():
    def frozen(x):
        with torch.no_grad():
            c = grad(f)(x)
        return (c * x).sum()

    close(grad(frozen)(y), first(y))


def test_trees_and_extra_results():
    def g(d, k):
        return (d["a"] * d["b"][0]).sum() * k, {"k": d["a"] * k}

    tree = {"a": y, "b": [y.exp()]}
    found, aux = grad(g, has_aux=True)(tree, 3.0)
    close(found["a"], 3 * y.exp())
    close(found["b"][0], 3 * y)
    close(aux["k"], 3 * y)
    value, both = value_and_grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(y, y.cos())
    close(value, (y * y.cos()).sum())
    close(both[0], y.cos())
    close(both[1], y)


def test_in_and_out_dims():
    a = points(2, 3, 4)
    found = vmap(lambda d, s: (d["x"] * s, d["x"].sum()), ({"x": 1}, None), (2, 0))({"x": a}, 2.0)
    close(found[0], (a * 2).permute(0, 2, 1))
    close(found[1], a.sum((0, 2)))
    close(vmap(lambda x: x.sum(), chunk_size=2)(a.permute(1, 0, 2)), a.sum((0, 2)))
    close(vmap(vmap(torch.dot, (None, 0)), (0, None))(us, xs), us @ xs.T)


def test_in_place_changes_reach_the_argument_and_views():
    x = xs.clone()

    def change(v):
        v[0] = 7
        v[1:].mul_(2)
        view = v.view(2, 2).t()
        view[0].add_(v[2:])
        return v

    found = vmap(change)(x)
    wanted = torch.stack([change(row.clone()) for row in xs])
    close(found, wanted)
    close(x, wanted)


def test_per_sample_gradients_of_a_network():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.GroupNorm(1, 2), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(8, 3),
    ).double()  # fmt: skip
    x, t = points(5, 1, 4, 4), torch.tensor([0, 2, 1, 1, 0])
    parameters = {k: p.detach() for k, p in net.named_parameters()}

    def loss(p, x, t):
        out = functional_call(net, p, (x[None],))
        return torch.nn.functional.cross_entropy(out, t[None])

    found = vmap(grad(loss), (None, 0, 0))(parameters, x, t)
    for i in range(5):
        net.zero_grad()
        torch.nn.functional.cross_entropy(net(x[i : i + 1]), t[i : i + 1]).backward()
        for name, p in net.named_parameters():
            close(found[name][i], p.grad)


def test_an_ensemble_runs_as_one():
    torch.manual_seed(0)
    models = [
        torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh())
        for _ in range(3)
    ]
    parameters, buffers = stack_module_state(models)
    assert all(p.is_leaf and p.requires_grad for p in parameters.values())
    x = torch.randn(6, 3)

    def call(p, b, x):
        return functional_call(models[0], (p, b), (x,))

    out = vmap(call, (0, 0, None))(parameters, buffers, x)
    for i, model in enumerate(models):
        np.testing.assert_allclose(out[i].detach(), model(x).detach(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            buffers["1.running_mean"][i], model[1].running_mean, rtol=1e-5, atol=1e-6
        )
    out.sum().backward()
    assert parameters["0.weight"].grad.shape == (3, 4, 3)


def test_functional_call_leaves_the_module_as_it_is():
    layer = torch.nn.Linear(2, 2)
    before = layer.weight
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        functional_call(layer, {"weight": torch.ones(2, 5)}, (torch.ones(1, 2),))
    assert layer.weight is before


def test_randomness():
    x = torch.ones(4, 100)
    dropout = torch.nn.functional.dropout
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(dropout)(x)
    different = vmap(dropout, randomness="different")(x)
    assert not torch.equal(different[0], different[1])
    same = vmap(dropout, randomness="same")(x)
    assert torch.equal(same[0], same[3])
    torch.manual_seed(1)
    wanted = torch.rand(4, 2)
    torch.manual_seed(1)
    found = vmap(lambda row: torch.rand(2) + 0 * row[:2], randomness="different")(x)
    assert torch.equal(found, wanted)


def test_an_error_inside_leaves_nothing_behind():
    def fails(x):
        raise KeyError("mine")

    for transform in (vmap, grad, jacrev, jacfwd, hessian, lambda g: lambda x: vjp(g, x)):
        with pytest.raises(KeyError, match="mine"):
            transform(fails)(y)
        assert ctx.handler is None
        assert torch.is_grad_enabled()


def test_other_threads_are_not_concerned():
    inside, done = threading.Event(), threading.Event()
    seen = []

    def elsewhere():
        inside.wait(10)
        seen.append((points(3) * 2).sum().item())
        done.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()

    def g(x):
        inside.set()
        assert done.wait(10)
        return x.sum()

    close(vmap(g)(xs), xs.sum(1))
    thread.join()
    assert seen == [(points(3) * 2).sum().item()]


def test_nothing_stays_alive():
    x = points(3, 4)
    kept = []

    def g(row):
        kept.append(weakref.ref(row))
        return f(row)

    out = vmap(grad(g))(x)
    gc.collect()
    assert kept[0]() is None
    close(out, first(x))


def test_a_step_with_transforms_is_recorded():
    w = points(4)

    def step(x):
        return vmap(grad(lambda row: f(row * w)))(x)

    found, program = record(step, xs)
    close(found, first(xs * w) * w)
    close(program.replay(us), first(us * w) * w)


def test_batched_gradients_of_autograd():
    w = points(4).requires_grad_()
    rows = torch.eye(4, dtype=torch.float64)
    (found,) = torch.autograd.grad(first(w), w, rows, is_grads_batched=True, create_graph=True)
    close(found, second(w).diag())
    close(torch.autograd.grad(found.sum(), w)[0], third(w))


def test_loading_is_lazy():
    code = (
        "import sys, rushlight as torch\n"
        "assert not {'rushlight.func', 'rushlight.autograd.vmap'} & set(sys.modules)\n"
        "x = torch.ones(3, requires_grad=True); (x * x).sum().backward()\n"
        "assert not {'rushlight.func', 'rushlight.autograd.vmap'} & set(sys.modules)\n"
        "torch.vmap\n"
        "assert 'rushlight.func' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_printed_inside():
    seen = []
    vmap(lambda x: seen.append(repr(x)) or x)(torch.tensor([1.0, 2.0]))
    assert seen == ["BatchedTensor(lvl=1, bdim=0, value=\n    tensor([1., 2.])\n)"]


def test_what_functions_see_of_the_graph():
    seen = []

    def g(x):
        seen.append((x.requires_grad, (x * 2).requires_grad, x.detach().requires_grad))
        return f(x)

    grad(g)(y)
    vmap(grad(g))(xs)
    assert seen == [(True, True, False)] * 2
    vmap(g)(xs)
    jvp(g, (y,), (y,))
    assert seen[2:] == [(False, False, False)] * 2


def test_autograd_grad_inside():
    def g(x):
        (slope,) = torch.autograd.grad(f(x), x, create_graph=True)
        return slope.sum()

    close(grad(g)(y), second(y))
    close(vmap(grad(g))(xs), second(xs))


@pytest.mark.parametrize(
    "call",
    [
        lambda: grad(lambda x: f(x).backward())(y),
        lambda: vmap(lambda x: f(x).backward())(xs),
        lambda: vjp(lambda x: torch.autograd.backward(f(x)), y),
    ],
)
def test_backward_inside_is_refused(call):
    with pytest.raises(RuntimeError, match=r"backward\(\) called inside a functorch transform"):
        call()
    y.clone().requires_grad_().sum().backward()


def test_dual_levels_inside():
    """Only the tangents differ from example to example; the points do one level further out."""
    forward = torch.autograd.forward_ad

    def by_columns(x):
        def column(u):
            with forward.dual_level():
                return forward.unpack_dual(grad(f)(forward.make_dual(x, u))).tangent

        return vmap(column)(torch.eye(4, dtype=torch.float64))

    close(by_columns(y), second(y).diag())
    close(vmap(by_columns)(xs), second(xs).diag_embed())


def test_strict_products():
    with pytest.raises(RuntimeError, match="independent of the inputs"):
        jvp(lambda x: (x, ones), (y,), (y,), strict=True)
    assert not jvp(lambda x: ones, (y,), (y,))[1].any()


def test_complex_numbers():
    z = torch.complex(y, y.cos())
    close(grad(lambda z: (z * z.conj()).real.sum())(z), 2 * z)
    close(vmap(grad(lambda z: (z * z.conj()).real))(z), 2 * z)
    with pytest.raises(RuntimeError, match="Expected all inputs to be real"):
        jacrev(lambda z: z)(z)


def test_functions_with_a_rule():
    class Cube(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, w):
            return x**3 * w

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            return 3 * x**2 * w * g, x**3 * g

    close(vmap(Cube.apply, (0, None))(xs, y), xs**3 * y)
    found = vmap(grad(lambda x, w: Cube.apply(x, w).sum(), (0, 1)), (0, None))(xs, y)
    close(found[0], 3 * xs**2 * y)
    close(found[1], xs**3)
    found = grad(lambda w: vmap(Cube.apply, (0, None))(xs, w).sum())(y)
    close(found, (xs**3).sum(0))
    close(vmap(jacrev(jacrev(lambda x: Cube.apply(x, y).sum())))(xs), (6 * xs * y).diag_embed())


def test_rearrange():
    x = points(2, 3, 4, 5)
    rearrange = torch.func.rearrange
    close(rearrange(x, "a b c d -> (a c) (b d)"), x.permute(0, 2, 1, 3).reshape(8, 15))
    close(rearrange(x, "a b (c e) d -> e a d b c", c=2),
          x.reshape(2, 3, 2, 2, 5).permute(3, 0, 4, 1, 2))  # fmt: skip
    close(rearrange(x, "a ... -> (...) a 1"), x.reshape(2, 60).T[..., None])
    with pytest.raises(ValueError, match="only on one side"):
        rearrange(x, "a b c d -> a b c")


def test_functionalize_is_named():
    with pytest.raises(NotImplementedError, match="functionalize"):
        torch.func.functionalize(f)
