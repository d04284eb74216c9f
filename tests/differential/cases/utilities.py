"""torch.nn.utils, torch.utils.checkpoint, torch.testing, saved tensors, other small modules."""
# ruff: noqa: B023 - the functions are called where they are made

from __future__ import annotations

import copy
import importlib
import pickle
import warnings
from functools import partial

KIND = "sum"


def attempt(function):
    """The result of a call, or its error's type and text, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = function()
        except Exception as error:
            found = type(error).__name__, str(error)
    return found, [(w.category.__name__, str(w.message)) for w in caught]


def module_of(torch, name):
    return importlib.import_module(f"{torch.__name__}.{name}")


def parts(torch, f, inverse=None):
    """A parametrization that computes `f`."""

    class Part(torch.nn.Module):
        def forward(self, *x):
            return f(*x)

    if inverse is not None:
        Part.right_inverse = lambda self, x: inverse(x)
    return Part()


def case_parametrize_errors(torch):
    P = module_of(torch, "nn.utils.parametrize")
    first = [
        (lambda x: x[0], None), (lambda x: x.double(), None), (lambda x: 3, None),
        (lambda x: x, lambda x: x[0]), (lambda x: x, lambda x: x.double()),
        (lambda x: x, lambda x: 3), (lambda x, y: x, lambda x: (x, 3)),
        (lambda x, y: x[0], lambda x: (x, x)), (lambda x, y: x + y, lambda x: (x, x)),
    ]  # fmt: skip
    found = [attempt(lambda: P.register_parametrization(
        torch.nn.Linear(3, 3), "nosuch", torch.nn.Identity()))]  # fmt: skip
    for f, inverse in first:
        layer, part = torch.nn.Linear(3, 3), parts(torch, f, inverse)
        found.append(attempt(lambda: repr(P.register_parametrization(layer, "weight", part))))
        layer = torch.nn.Linear(3, 3)
        P.register_parametrization(layer, "weight", torch.nn.Identity())
        if inverse is None or isinstance(f(torch.ones(3, 3)) if inverse else 0, torch.Tensor):
            found.append(attempt(lambda: repr(P.register_parametrization(layer, "weight", part))))
    return found


def case_parametrize_assign(torch):
    P = module_of(torch, "nn.utils.parametrize")
    found = []
    for inverse in (None, lambda x: x, lambda x: (x,), lambda x: (x, x[0]), lambda x: (x, 3),
                    lambda x: (x, x.double())):  # fmt: skip
        layer = torch.nn.Linear(3, 3)
        part = parts(torch, lambda x, y: x + y, lambda x: (x, x))
        P.register_parametrization(layer, "weight", part)
        if inverse is None:
            del type(part).right_inverse
        else:
            part.right_inverse = inverse
        found.append(attempt(lambda: setattr(layer, "weight", torch.zeros(3, 3))))
    found.append(attempt(lambda: setattr(layer, "weight", torch.nn.Parameter(torch.ones(3, 3)))))
    return found


def case_parametrize_life(torch):
    P = module_of(torch, "nn.utils.parametrize")
    nn = torch.nn
    layer = nn.Linear(3, 3)
    symmetric = parts(torch, lambda x: x.triu() + x.triu(1).T, lambda x: x.triu())
    P.register_parametrization(layer, "weight", symmetric)
    P.register_parametrization(layer, "bias", nn.Tanh(), unsafe=True)
    found = [repr(layer), list(layer.state_dict()), layer.weight, layer.bias, type(layer).__name__]
    with P.cached():
        found.append(layer.weight is layer.weight)
    found.append(layer.weight is layer.weight)
    layer.weight = torch.arange(9.0).reshape(3, 3)
    found += [layer.weight, layer.parametrizations.weight.original]
    twin = copy.deepcopy(layer)
    twin.weight = torch.zeros(3, 3)
    found += [layer.weight, P.is_parametrized(twin), P.is_parametrized(layer, "weight"),
              P.type_before_parametrizations(layer).__name__, attempt(lambda: pickle.dumps(layer))]
    layer(torch.ones(2, 3)).sum().backward()
    found += [p.grad for p in layer.parameters()]
    other = nn.Linear(3, 3)
    P.transfer_parametrizations_and_params(layer, other)
    found += [other.weight, list(other.state_dict()),
              attempt(lambda: P.remove_parametrizations(nn.Linear(1, 1), "weight")),
              repr(P.remove_parametrizations(layer, "weight")), layer.weight,
              repr(P.remove_parametrizations(layer, "bias", leave_parametrized=False)), layer.bias]
    norm = nn.BatchNorm1d(3)
    P.register_parametrization(norm, "running_mean", nn.Identity())
    found += [list(norm.state_dict())]
    several = nn.Linear(2, 2)
    P.register_parametrization(
        several, "weight", parts(torch, lambda x, y: x + y, lambda x: (x, x * 0)))
    found += [list(several.state_dict()),
              attempt(lambda: P.remove_parametrizations(several, "weight", False)),
              repr(P.remove_parametrizations(several, "weight")), list(several.state_dict()),
              attempt(lambda: P.ParametrizationList([], torch.zeros(2)))]
    return found


def trained(torch, layer, x):
    """Output, gradients, state and the output after two steps."""
    out = layer(x)
    (out**2).sum().backward()
    found = [out, [p.grad for p in layer.parameters()], dict(layer.state_dict())]
    optimizer = torch.optim.SGD(layer.parameters(), 0.01)
    for _ in range(2):
        optimizer.step()
        optimizer.zero_grad()
        (layer(x) ** 2).sum().backward()
    return [*found, layer(x), layer.eval()(x), repr(layer)]


def case_norms(torch):
    nn, U = torch.nn, torch.nn.utils
    Z = module_of(torch, "nn.utils.parametrizations")
    image = torch.linspace(-1, 1, 64).reshape(2, 2, 4, 4)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for make in (Z.weight_norm, U.weight_norm, Z.spectral_norm, U.spectral_norm):
            torch.manual_seed(0)
            found.append(trained(torch, make(nn.Conv2d(2, 3, 2)), image))
            found.append(trained(torch, make(nn.ConvTranspose2d(2, 3, 2)), image))
            found.append(trained(torch, make(nn.Linear(4, 3)), image[0, 0]))
            found.append(torch.rand(2))
        for dim in (None, 1, -1):
            for make in (Z.weight_norm, U.weight_norm):
                found.append(trained(torch, make(nn.Conv2d(2, 3, 2), dim=dim), image))
        new, old = Z.weight_norm(nn.Linear(4, 3)), U.weight_norm(nn.Linear(4, 3))
        found += [str(new.load_state_dict(old.state_dict())), new.weight, old.weight]
        found += [U.remove_weight_norm(old).weight, list(old.state_dict())]
        layer = U.spectral_norm(nn.Linear(4, 3), n_power_iterations=2)
        found += [dict(layer.state_dict()._metadata)]
        found += [U.remove_spectral_norm(layer).weight, list(layer.state_dict())]
    found += [attempt(f) for f in (
        lambda: U.weight_norm(U.weight_norm(nn.Linear(2, 2))),
        lambda: U.spectral_norm(U.spectral_norm(nn.Linear(2, 2))),
        lambda: U.weight_norm(nn.Linear(2, 2), "nosuch"),
        lambda: U.spectral_norm(nn.Linear(2, 2), "nosuch"),
        lambda: Z.weight_norm(nn.Linear(2, 2), "nosuch"),
        lambda: Z.spectral_norm(nn.Linear(2, 2), "nosuch"),
        lambda: Z.spectral_norm(nn.Linear(2, 2), n_power_iterations=0),
        lambda: U.spectral_norm(nn.Linear(2, 2), n_power_iterations=0),
        lambda: U.remove_weight_norm(nn.Linear(2, 2)),
        lambda: U.remove_spectral_norm(nn.Linear(2, 2)),
        lambda: Z.orthogonal(nn.Linear(2, 2), "nosuch"),
        lambda: Z.orthogonal(nn.Linear(2, 2), "bias"),
        lambda: Z.orthogonal(nn.Linear(2, 2), "weight", "nosuch"),
    )]  # fmt: skip
    return found


def case_orthogonal(torch):
    nn = torch.nn
    Z = module_of(torch, "nn.utils.parametrizations")
    found = []
    for sizes in ((3, 3), (3, 4), (4, 3)):
        for name in ("householder", "matrix_exp", "cayley"):
            for trivial in (True, False):
                torch.manual_seed(0)
                layer = nn.Linear(*sizes, bias=False, dtype=torch.float64)
                Z.orthogonal(layer, "weight", name, use_trivialization=trivial)
                weight = layer.weight
                numbers = torch.arange(weight.numel(), dtype=torch.float64)
                (weight * numbers.reshape(weight.shape)).sum().backward()
                original = layer.parametrizations.weight.original
                found += [list(layer.state_dict()), weight, original]
                # The order of LAPACK's sums shows in the last digits.
                found.append(original.grad.contiguous().round(decimals=9))
                found.append(attempt(lambda: setattr(layer, "weight", torch.ones(1, 1).double())))
                found.append(attempt(lambda: setattr(layer, "weight", weight.detach())))
                found.append(layer.weight)
    return found


def case_prune(torch):
    nn = torch.nn
    prune = module_of(torch, "nn.utils.prune")
    found = []
    for function, *arguments in (
        (prune.l1_unstructured, 0.4), (prune.l1_unstructured, 2), (prune.l1_unstructured, 0),
        (prune.random_unstructured, 0.3), (prune.random_unstructured, 5),
        (prune.random_structured, 0.5, 1), (prune.random_structured, 1, -1),
        (prune.ln_structured, 0.5, 1, -1), (prune.ln_structured, 2, float("inf"), 1),
        (prune.ln_structured, 1, 2, 0), (prune.identity,),
        (prune.custom_from_mask, torch.eye(3, 4)), (prune.custom_from_mask, torch.eye(3, 3)),
        (prune.l1_unstructured, 1.5), (prune.l1_unstructured, -1), (prune.l1_unstructured, "a"),
        (prune.l1_unstructured, 100), (prune.random_structured, 0.5, 5),
        (prune.random_structured, 9, 0), (prune.ln_structured, 0, 1, 0),
    ):  # fmt: skip
        torch.manual_seed(0)
        layer = nn.Linear(4, 3)
        found += [attempt(lambda: repr(function(layer, "weight", *arguments))),
                  dict(sorted(layer.state_dict().items())), prune.is_pruned(layer)]
        if prune.is_pruned(layer):
            layer(torch.ones(2, 4)).sum().backward()
            found += [layer.weight, layer.weight_orig.grad]
            prune.l1_unstructured(layer, "weight", 2)
            prune.ln_structured(layer, "weight", 1, 2, 0)
            found += [layer.weight_mask, len(next(iter(layer._forward_pre_hooks.values())))]
            prune.remove(layer, "weight")
            found += [layer.weight, list(layer.state_dict())]
    a, b = nn.Linear(4, 3), nn.Linear(4, 3)
    where = [(a, "weight"), (b, "bias"), (b, "weight")]
    prune.global_unstructured(where, prune.L1Unstructured, amount=0.3)
    prune.global_unstructured(where, prune.RandomUnstructured, amount=3)
    found += [a.weight_mask, b.bias_mask, b.weight_mask]
    found += [attempt(f) for f in (
        lambda: prune.remove(nn.Linear(1, 1), "weight"),
        lambda: prune.random_structured(nn.Linear(4, 3), "bias", 1, 0),
        lambda: prune.global_unstructured(3, prune.L1Unstructured, amount=1),
        lambda: prune.global_unstructured(where, prune.L1Unstructured, 3, amount=1),
        lambda: prune.global_unstructured(where, prune.LnStructured, amount=1, n=1),
        lambda: prune.l1_unstructured(nn.Linear(4, 3), "weight", 5, torch.arange(12.0)),
        lambda: prune.PruningContainer().add_pruning_method(3),
        lambda: copy.deepcopy(a),
    )]  # fmt: skip
    layer = prune.l1_unstructured(nn.Linear(4, 3), "weight", 5, torch.arange(12.0).reshape(3, 4))
    found += [layer.weight_mask, prune.L1Unstructured(4).prune(torch.arange(9.0))]
    return found


def case_fusion(torch):
    nn, U = torch.nn, torch.nn.utils
    image = torch.linspace(-1, 1, 150).reshape(2, 3, 5, 5)
    bn = nn.BatchNorm2d(4)
    bn(torch.linspace(-3, 5, 64).reshape(1, 4, 4, 4))
    bn.eval()
    conv, back = nn.Conv2d(3, 4, 2, bias=False).eval(), nn.ConvTranspose2d(3, 4, 2).eval()
    line, bn1 = nn.Linear(5, 4).eval(), nn.BatchNorm1d(4).eval()
    return [
        U.fuse_conv_bn_eval(conv, bn)(image), repr(U.fuse_conv_bn_eval(conv, bn)),
        U.fuse_conv_bn_eval(back, bn, transpose=True)(image),
        U.fuse_linear_bn_eval(line, bn1)(image[0, 0]),
        U.fuse_conv_bn_eval(conv, nn.BatchNorm2d(4, affine=False).eval())(image),
        *(attempt(f) for f in (
            lambda: U.fuse_conv_bn_eval(nn.Conv2d(3, 4, 2), bn),
            lambda: U.fuse_linear_bn_eval(nn.Linear(5, 4), bn1),
            lambda: U.fuse_linear_bn_eval(nn.Linear(5, 3).eval(), bn1),
            lambda: U.fuse_conv_bn_eval(conv, nn.BatchNorm2d(
                4, track_running_stats=False).eval()),
        )),
        U.convert_conv2d_weight_memory_format(conv, torch.channels_last).weight.stride(),
        U.skip_init(nn.Linear, 3, 4).weight.shape, torch.rand(2),
        attempt(lambda: U.skip_init(nn.ReLU)), attempt(lambda: U.skip_init(int)),
    ]  # fmt: skip


def case_checkpoint(torch):
    C = module_of(torch, "utils.checkpoint")
    nn = torch.nn
    x = torch.arange(3.0, requires_grad=True)
    calls = [0]

    def f(a, b=None):
        calls[0] += 1
        return (a * 2).sin() * torch.dropout(a, 0.5, True)

    found = []
    for reentrant in (True, False):
        torch.manual_seed(0)

        def run(g, *inputs, reentrant=reentrant, **options):
            x.grad = None
            out = C.checkpoint(g, *inputs, use_reentrant=reentrant, **options)
            tensors = out if isinstance(out, tuple) else (out,)
            sum(t.sum() for t in tensors if isinstance(t, torch.Tensor)).backward()
            return out, x.grad, type(tensors[0].grad_fn).__name__

        found += [attempt(lambda: run(f, x)), calls[0], torch.rand(2)]
        found += [attempt(g) for g in (
            lambda: run(f, x, preserve_rng_state=False), lambda: run(f, x, b=3),
            lambda: run(f, torch.ones(3)), lambda: run(lambda a: a.detach(), x),
            lambda: run(lambda a, b: (a * 2, b, "s", None), x, torch.ones(3)),
            lambda: run(f, x, context_fn=lambda: (1, 2)), lambda: run(f, x, debug=True),
            lambda: run(f, x, determinism_check="nosuch"),
            lambda: torch.autograd.grad(run(lambda a: a.sin(), x)[0].sum(), x),
            lambda: torch.autograd.grad(
                C.checkpoint(lambda a: a.sin(), x, use_reentrant=reentrant).sum(), x),
        )]  # fmt: skip
        layers = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.Tanh(),
                               nn.Linear(3, 2))  # fmt: skip
        for segments in (1, 2, 3):
            layers.zero_grad()
            out = C.checkpoint_sequential(
                layers, segments, x.reshape(1, 3), use_reentrant=reentrant)
            out.sum().backward()
            found += [out, [p.grad for p in layers.parameters()]]
        found.append(attempt(lambda: C.checkpoint_sequential(
            layers, 2, x.reshape(1, 3), use_reentrant=reentrant, nosuch=1)))  # fmt: skip
    found += [attempt(lambda: C.checkpoint(f, x)), calls[0],
              attempt(lambda: C.checkpoint_sequential(layers, 2, x.reshape(1, 3)))]
    return found


def case_checkpoint_recomputation(torch):
    C = module_of(torch, "utils.checkpoint")
    x = torch.arange(3.0, requires_grad=True)
    found = []

    def first_line(function):
        try:
            return function()
        except Exception as error:
            return type(error).__name__, str(error).partition("\n\nTip")[0]

    for other in (lambda a: a.sin(), lambda a: a.sin().cos() * a, lambda a: a[:2].sin().exp(),
                  lambda a: a.double().sin().exp()):  # fmt: skip
        for early in (True, False):
            count = [0]

            def changing(a, count=count, other=other):
                count[0] += 1
                return a.sin().exp() if count[0] == 1 else other(a)

            with C.set_checkpoint_early_stop(early):
                out = C.checkpoint(changing, x, use_reentrant=False)
            found.append(first_line(lambda: out.sum().backward()))
    steps = []

    def stepping(a):
        b = a.sin()
        steps.append("middle")
        b = b * 2
        steps.append("end")
        return b

    for early in (True, False):
        with C.set_checkpoint_early_stop(early):
            out = C.checkpoint(stepping, x, use_reentrant=False)
        del steps[:]
        out.sum().backward()
        found.append(list(steps))
    out = C.checkpoint(stepping, x, use_reentrant=False)
    out.sum().backward(retain_graph=True)
    found += [x.grad.clone(), attempt(lambda: out.sum().backward()),
              attempt(lambda: out.sum().backward())]

    def nested(a):
        return C.checkpoint(lambda z: z.sin().exp(), a, use_reentrant=False) * a

    x.grad = None
    C.checkpoint(nested, x, use_reentrant=False).sum().backward()
    found.append(x.grad)

    def twice():
        out = C.checkpoint(lambda a: a * 3 + a**3, x, use_reentrant=False)
        g = torch.autograd.grad(out.sum(), x, create_graph=True)[0]
        return torch.autograd.grad(g.sum(), x)

    def changed():
        a = x * 1
        out = C.checkpoint(lambda b: b.sin(), a, use_reentrant=False)
        a.add_(1)
        out.sum().backward()

    found += [attempt(twice), first_line(changed)[0]]
    return found


def case_assert_close(torch):
    T = torch.tensor
    nan, inf = float("nan"), float("inf")
    close = module_of(torch, "testing").assert_close
    calls = [
        ((T([1.0, 2]), T([1.0, 2])), {}), ((T([1.0, 2]), T([1.0, 3])), {}),
        ((T([[1.0, 2], [3, 4]]), T([[1.0, 2], [3, 5]])), {}), ((T(1.0), T(2.0)), {}),
        ((T([1, 2]), T([1, 3])), {}), ((T([True]), T([False])), {}),
        ((T([1.0]), T([1.0]).double()), {}), ((T([1.0]), T([1.0]).double()),
                                              {"check_dtype": False}),
        ((T([1.0]), T([1.0, 2])), {}), ((1, 2), {}), ((1.0, 1.0 + 1e-5), {}), ((1, 1.0), {}),
        ((True, False), {}), ((None, 1), {}), ((None, None), {}), (("a", "a"), {}),
        (([1, 2], [1, 3]), {}), (([1, 2], [1]), {}), (((1,), [1]), {}),
        (({"a": 1}, {"b": 1}), {}), (({"a": [1, T(2)]}, {"a": [1, T(3)]}), {}),
        ((T([nan]), T([nan])), {}), ((T([nan]), T([nan])), {"equal_nan": True}),
        ((nan, nan), {}), ((T([inf, 1]), T([1.0, inf])), {}),
        ((T([1.0]), T([2.0])), {"rtol": 1}), ((T([1.0]), T([2.0])), {"rtol": 0.0, "atol": 0.0}),
        ((T([1]), T([3])), {"rtol": 0, "atol": 1}), ((T([1.0]), T([2.0])), {"msg": "hello"}),
        (([T([1.0])], [T([2.0])]), {"msg": lambda m: "X" + m}), ((T([1.0]), [1.0]), {}),
        ((1, T(1)), {}), ((T([1]), T([2.0])), {"check_dtype": False}), ((1j, 2j), {}),
        ((torch.ones(2, 3).t(), torch.ones(3, 2)), {"check_stride": True}),
        ((T([1.0]).half(), T([1.01]).half()), {}), ((T([0.0]), T([1.0])), {}), ((1, 0), {}),
        ((T([1.0]), T([0.0])), {}), ((T([1, 2, 3]), T([3, 2, 1])), {}),
        ((torch.nn.Parameter(T([1.0])), T([1.0])), {"allow_subclasses": False}),
        ((T([1.0]), T([2.0])), {"atol": -1.0, "rtol": 0.0}), ((True, 1), {}),
    ]  # fmt: skip
    return [attempt(partial(close, *args, **options)) for args, options in calls]


def case_make_tensor(torch):
    make = module_of(torch, "testing").make_tensor
    found = []
    for name in ("float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "int8",
                 "bool", "complex64"):  # fmt: skip
        for shape, options in (((2, 3), {}), (((3,),), {"low": 0, "high": 2}),
                               ((3,), {"low": -0.5, "high": 1.5, "exclude_zero": True}),
                               ((), {}), ((0, 2), {}), ((2, 3), {"noncontiguous": True}),
                               ((2,), {"low": 3, "high": 2}), ((2,), {"requires_grad": True}),
                               ((2,), {"low": float("nan")})):  # fmt: skip
            torch.manual_seed(0)
            found.append(attempt(
                partial(make, *shape, dtype=getattr(torch, name), device="cpu", **options)
            ))  # fmt: skip
    return found


def case_saved_tensors(torch):
    G = torch.autograd.graph
    a = torch.tensor([0.3, 0.5, 0.9], requires_grad=True)
    b = torch.tensor([0.2, 0.4, 0.7], requires_grad=True)
    found = []

    def changed_in_place():
        a.grad = b.grad = None
        with G.allow_mutation_on_saved_tensors():
            x = a * 1
            y = x * b
            x.sin_()
            y.sum().backward()
        return a.grad, b.grad

    def too_late():
        with G.allow_mutation_on_saved_tensors():
            y = (a * 1) * b
        y.sum().backward()

    def cleared():
        with G.allow_mutation_on_saved_tensors() as context:
            y = (a * 1) * b
            context.clear()
            y.sum().backward()

    def nested():
        with G.allow_mutation_on_saved_tensors(), G.allow_mutation_on_saved_tensors():
            pass

    def disabled():
        with G.disable_saved_tensors_hooks("no hooks here"), G.save_on_cpu():
            pass

    found += [attempt(f) for f in (
        changed_in_place, too_late, cleared, nested, disabled,
        lambda: G.register_multi_grad_hook((torch.ones(1),), print),
        lambda: G.get_gradient_edge(torch.ones(2)), lambda: G.increment_version(3),
    )]  # fmt: skip
    return found


def case_small_modules(torch):
    swap = torch.utils.swap_tensors
    a, b = torch.ones(2), torch.zeros(3, requires_grad=True)
    swap(a, b)
    grads = module_of(torch, "nn.grad")
    x = torch.linspace(-1, 1, 72).reshape(2, 4, 9)
    w = torch.linspace(-1, 1, 36).reshape(6, 2, 3)
    y = torch.nn.functional.conv1d(x, w, None, 2, 1, 1, 2)
    parallel = torch.nn.DataParallel(torch.nn.Linear(9, 2))

    def same(x):
        return x

    return [
        a, b, torch.jit.is_scripting(), torch.jit.is_tracing(), torch.jit.annotate(int, 3),
        torch.jit.isinstance([1], list[int]), torch.jit.isinstance([1.0], list[int]),
        torch.jit.ignore(same)(3), torch.onnx.is_in_onnx_export(),
        grads.conv1d_input(x.shape, w, y, 2, 1, 1, 2),
        grads.conv1d_weight(x, w.shape, y, 2, 1, 1, 2), repr(parallel), parallel(x),
        list(parallel.state_dict()), parallel.device_ids,
        str(module_of(torch, "nn.attention").SDPBackend.MATH),
    ]  # fmt: skip


def case_lazy_modules(torch):
    nn = torch.nn
    found = []
    for name, arguments, shape in (
        ("LazyLinear", (3,), (2, 5)), ("LazyConv1d", (4, 3), (2, 3, 8)),
        ("LazyConv2d", (4, 3), (2, 3, 8, 8)), ("LazyConv3d", (4, 3), (2, 3, 4, 4, 4)),
        ("LazyConvTranspose1d", (4, 3), (2, 3, 8)), ("LazyConvTranspose2d", (4, 3), (2, 3, 8, 8)),
        ("LazyConvTranspose3d", (4, 2), (2, 3, 3, 3, 3)), ("LazyBatchNorm1d", (), (4, 3)),
        ("LazyBatchNorm2d", (), (2, 3, 4, 4)), ("LazyBatchNorm3d", (), (2, 3, 2, 2, 2)),
        ("LazyInstanceNorm1d", (), (2, 3, 4)),
        ("LazyInstanceNorm2d", (1e-5, 0.1, False), (2, 3, 4, 4)),
        ("LazyInstanceNorm3d", (), (2, 3, 2, 2, 2)),
        ("LazyBatchNorm1d", (1e-5, 0.1, False, False), (4, 3)),
    ):  # fmt: skip
        torch.manual_seed(0)
        layer = getattr(nn, name)(*arguments)
        size = 1
        for n in shape:
            size *= n
        x = torch.linspace(-1, 1, size).reshape(shape)
        found += [repr(layer), list(layer.state_dict()), layer.has_uninitialized_params(), layer(x),
                  repr(layer), dict(layer.state_dict()), type(layer).__name__, torch.rand(2)]
    lazy, done = nn.LazyLinear(3), nn.LazyLinear(3)
    done(torch.ones(1, 4))
    found += [str(lazy.weight), str(lazy.load_state_dict(done.state_dict())), repr(lazy),
              lazy(torch.ones(1, 4)).shape, repr(lazy)]
    fresh = nn.LazyLinear(3)
    found += [str(nn.LazyLinear(3).load_state_dict(fresh.state_dict())),
              nn.parameter.is_lazy(fresh.weight), fresh.double().weight.dtype,
              fresh.weight.requires_grad, fresh.weight.device, fresh.weight.size()]
    found += [attempt(f) for f in (
        lambda: fresh.weight.shape, lambda: done.load_state_dict(fresh.state_dict()),
        lambda: nn.LazyConv2d(4, 3)(torch.ones(2, 2)),
        lambda: nn.LazyBatchNorm2d()(torch.ones(2, 3)),
        lambda: nn.LazyConv2d(4, 3, groups=2)(torch.ones(1, 3, 5, 5)),
        lambda: fresh.share_memory(),
    )]  # fmt: skip
    parameter = nn.UninitializedParameter(requires_grad=False)
    found += [repr(parameter), parameter.materialize((2, 3)), parameter.shape,
              type(parameter).__name__, parameter.requires_grad]
    return found


def case_linear_cross_entropy(torch):
    nn, F = torch.nn, torch.nn.functional
    x = torch.linspace(-1, 1, 15).reshape(5, 3).requires_grad_()
    w = torch.linspace(-1, 1, 12).reshape(4, 3).requires_grad_()
    y, b = torch.tensor([0, 1, 2, 3, 1]), torch.linspace(0, 1, 4)
    loss = F.linear_cross_entropy(x, w, y, linear_bias=b)
    loss.backward()
    found = [loss, x.grad, w.grad]
    found += [attempt(f) for f in (
        lambda: F.linear_cross_entropy(x, w, y, linear_bias=b, reduction="none",
                                       label_smoothing=0.1, weight=b, ignore_index=2),
        lambda: F.linear_cross_entropy(x[0], w, y[0]),
        lambda: F.linear_cross_entropy(x.reshape(1, 5, 3), w, y.reshape(1, 5)),
        lambda: F.linear_cross_entropy(x, w, torch.ones(5, 4) / 4),
        lambda: F.linear_cross_entropy(x, w, torch.ones(5, 4) / 4, ignore_index=1),
        lambda: F.linear_cross_entropy(x, w.reshape(2, 2, 3), y[:, None].tile(1, 2) % 2),
        lambda: F.linear_cross_entropy(x, w[:, :2], y), lambda: F.linear_cross_entropy(x, w[0], y),
        lambda: F.linear_cross_entropy(x, w, y, reduction="nosuch"),
        lambda: F.linear_cross_entropy(x, w, y[:3]),
    )]  # fmt: skip
    for options in ({"bias": True}, {"out_features": (2,)}):
        torch.manual_seed(0)
        layer = nn.LinearCrossEntropyLoss(3, 4, **options)
        target = y[:, None].tile(1, 2) if "out_features" in options else y
        found += [repr(layer), dict(layer.state_dict()), layer(x, target)]
    return [*found, repr(nn.LinearCrossEntropyOptions())]
