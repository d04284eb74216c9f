"""The base class: groups, saving and loading, hooks, errors, printing, users' own optimizers."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import rushlight as torch
from rushlight.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
    required,
)  # fmt: skip


def parameter(*values):
    return torch.tensor(values, requires_grad=True)


@pytest.fixture
def p():
    return parameter(1.0, 2.0)


O = torch.optim  # noqa: E741


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: O.SGD([p], lr=-1), "Invalid learning rate: -1"),
        (lambda p: O.SGD([p], momentum=-1), "Invalid momentum value: -1"),
        (lambda p: O.SGD([p], weight_decay=-1), "Invalid weight_decay value: -1"),
        (lambda p: O.SGD([p], nesterov=True),
         "Nesterov momentum requires a momentum and zero dampening"),
        (lambda p: O.SGD([p], lr=torch.tensor([0.1, 0.2])), "Tensor lr must be 1-element"),
        (lambda p: O.Adam([p], eps=-1), "Invalid epsilon value: -1"),
        (lambda p: O.Adam([p], betas=(1.0, 0.9)), "Invalid beta parameter at index 0: 1.0"),
        (lambda p: O.Adam([p], betas=(0.9, 1.0)), "Invalid beta parameter at index 1: 1.0"),
        (lambda p: O.Adam([p], lr=torch.tensor(0.1), foreach=True),
         "lr as a Tensor is not supported for capturable=False and foreach=True"),
        (lambda p: O.Adam([p], betas=(torch.tensor(0.9), 0.99)),
         "betas must be either both floats or both Tensors"),
        (lambda p: O.RMSprop([p], alpha=-1), "Invalid alpha value: -1"),
        (lambda p: O.RMSprop([p], eps=-1), "Invalid epsilon value: -1"),
        (lambda p: O.Adagrad([p], lr_decay=-1), "Invalid lr_decay value: -1"),
        (lambda p: O.Adagrad([p], initial_accumulator_value=-1),
         "Invalid initial_accumulator_value value: -1"),
        (lambda p: O.Adadelta([p], rho=2), "Invalid rho value: 2"),
        (lambda p: O.NAdam([p], momentum_decay=-1), "Invalid momentum_decay value: -1"),
        (lambda p: O.Rprop([p], etas=(2, 0.5)), "Invalid eta values: 2, 0.5"),
        (lambda p: O.LBFGS([{"params": [p]}, {"params": [parameter(1.0)]}]),
         "LBFGS doesn't support per-parameter options (parameter groups)"),
        (lambda p: O.SGD([]), "optimizer got an empty parameter list"),
        (lambda p: O.SGD([p + 1]), "can't optimize a non-leaf Tensor"),
        (lambda p: O.SGD([{"params": [p]}, {"params": [p]}]),
         "some parameters appear in more than one parameter group"),
        (lambda p: O.SGD([("a", p), parameter(1.0)]),
         "all optimizer params should be with/without names. Some param names are missing"),
        (lambda p: O.SGD([("a", p)]).add_param_group({"params": [parameter(1.0)]}),
         "all optimizer param groups should be with/without names. cannot add param group "
         "without names to the optimizer"),
        (lambda p: Optimizer([{"params": [p]}], {"lr": required}),
         "parameter group didn't specify a value of required optimization parameter lr"),
    ],
)  # fmt: skip
def test_value_errors(make, message, p):
    with pytest.raises(ValueError) as caught:
        make(p)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: O.SGD(p), "params argument given to the optimizer should be an iterable of "
         "Tensors or dicts, but got torch.FloatTensor"),
        (lambda p: O.SGD([1.0]), "optimizer can only optimize Tensors, but one of the params is "
         "float"),
        (lambda p: O.SGD([{"params": {p}}]), "optimizer parameters need to be organized in ordered "
         "collections, but the ordering of tensors in sets will change between runs. Please use a "
         "list instead."),
        (lambda p: O.SGD([p]).add_param_group(3), "param_group must be a dict, but got "
         "<class 'int'>"),
    ],
)  # fmt: skip
def test_type_errors(make, message, p):
    with pytest.raises(TypeError) as caught:
        make(p)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [({"differentiable": True}, "`fused` does not support `differentiable`"),
     ({"foreach": True}, "`fused` and `foreach` cannot be `True` together.")],
)  # fmt: skip
def test_fused_goes_alone(kwargs, message, p):
    for kind in (O.SGD, O.Adam, O.AdamW, O.Adagrad):
        with pytest.raises(RuntimeError) as caught:
            kind([p], fused=True, **kwargs)
        assert str(caught.value) == message


def test_duplicates_warn(p):
    with pytest.warns(UserWarning, match="contains a parameter group with duplicate parameters"):
        O.SGD([p, p])


def test_repr(p):
    optimizer = O.SGD([{"params": [p], "lr": 0.1}, {"params": [parameter(1.0)]}], lr=0.2)
    assert repr(optimizer) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n"
        "    fused: None\n    lr: 0.1\n    maximize: False\n    momentum: 0\n    nesterov: False\n"
        "    weight_decay: 0\n\nParameter Group 1\n    dampening: 0\n    differentiable: False\n"
        "    foreach: None\n    fused: None\n    lr: 0.2\n    maximize: False\n    momentum: 0\n"
        "    nesterov: False\n    weight_decay: 0\n)"
    )


def test_fused_is_found_in_the_signature():
    assert "fused" in inspect.signature(torch.optim.AdamW).parameters
    assert torch.optim.AdamW.__module__ == "torch.optim.adamw"


def test_named_parameters(p):
    q = parameter(1.0)
    optimizer = O.SGD([("a", p), ("b", q)])
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["a", "b"]
    assert optimizer.param_groups[0]["params"] == [p, q]


def steps(optimizer, p, n, start=0):
    for i in range(start, start + n):
        p.grad = torch.tensor([float(np.cos(i)), 0.5])
        optimizer.step()


@pytest.mark.parametrize("kind", ["Adam", "SGD", "RMSprop", "NAdam", "ASGD", "Rprop"])
def test_loading_goes_on(kind, p):
    options = {"momentum": 0.9} if kind == "SGD" else {}
    whole = getattr(O, kind)([p], lr=0.1, **options)
    steps(whole, p, 3)
    q = parameter(*p.tolist())
    other = getattr(O, kind)([q], lr=0.3, **options)
    other.load_state_dict(copy.deepcopy(whole.state_dict()))
    assert other.param_groups[0]["lr"] == 0.1
    steps(whole, p, 3, 3)
    steps(other, q, 3, 3)
    assert p.tolist() == q.tolist()


def test_loading_casts_all_but_the_count(p):
    optimizer = O.Adam([p])
    steps(optimizer, p, 1)
    q = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    other = O.Adam([q])
    other.load_state_dict(optimizer.state_dict())
    assert other.state[q]["exp_avg"].dtype is torch.float64
    assert other.state[q]["step"].dtype is torch.float32


def test_counts_that_are_numbers_load(p):
    optimizer = O.Adam([p])
    saved = optimizer.state_dict()
    saved["state"] = {0: {"step": 4, "exp_avg": torch.zeros(2), "exp_avg_sq": torch.zeros(2)}}
    optimizer.load_state_dict(saved)
    steps(optimizer, p, 1)
    assert optimizer.state[p]["step"].item() == 5


def test_loading_errors(p):
    saved = O.Adam([p]).state_dict()
    q = parameter(1.0)
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        O.Adam([p, q]).load_state_dict(saved)
    with pytest.raises(ValueError, match="has a different number of parameter groups"):
        O.Adam([{"params": [p]}, {"params": [q]}]).load_state_dict(saved)


def test_state_that_users_change_counts(p):
    """The runner notices replaced, deleted and rewritten states, data and options."""
    q = parameter(1.0, 2.0)
    first, second = O.Adam([p], lr=0.1), O.Adam([q], lr=0.1, foreach=False)
    for optimizer, t in ((first, p), (second, q)):
        steps(optimizer, t, 2)
    first.state[p]["exp_avg"] = torch.zeros(2)
    second.state[q]["exp_avg"].zero_()
    steps(first, p, 1)
    steps(second, q, 1)
    assert p.tolist() == q.tolist()
    first.state[p]["step"] = torch.tensor(0.0)
    second.state[q]["step"].zero_()
    steps(first, p, 1)
    steps(second, q, 1)
    assert p.tolist() == q.tolist()
    before = p.tolist()
    p.data = torch.tensor([5.0, 6.0])
    q.data.copy_(torch.tensor([5.0, 6.0]))
    steps(first, p, 1)
    steps(second, q, 1)
    assert p.tolist() == q.tolist() != before
    del first.state[p]
    second.state.clear()
    first.param_groups[0]["amsgrad"] = second.param_groups[0]["amsgrad"] = True
    steps(first, p, 2)
    steps(second, q, 2)
    assert p.tolist() == q.tolist()
    assert first.state[p]["step"].item() == 2
    assert list(first.state[p]) == ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]


def test_small_parameters_part_and_meet_again():
    """Packed parameters of which some have no gradient at times."""
    ps = [parameter(1.0, 2.0), parameter(3.0), parameter(4.0)]
    qs = [parameter(*p.tolist()) for p in ps]
    together = O.Adam(ps, lr=0.1)
    apart = [O.Adam([q], lr=0.1) for q in qs]
    for i in range(8):
        for j, (p, q) in enumerate(zip(ps, qs, strict=True)):
            skipped = i in (2, 5) and j == i % 3
            for t in (p, q):
                t.grad = None if skipped else torch.cos(t.detach() + i)
        together.step()
        for optimizer in apart:
            optimizer.step()
    for p, q in zip(ps, qs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6)
    assert [together.state[p]["step"].item() for p in ps] == [8.0, 8.0, 6.0]


def test_pickle_and_deepcopy(p):
    optimizer = O.Adam([p], lr=0.1)
    steps(optimizer, p, 2)
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        (q,) = other.param_groups[0]["params"]
        assert q is not p
        assert other.state[q]["step"].item() == 2
        q.grad = torch.ones(2)
        other.step()
        assert other.state[q]["step"].item() == 3
    assert optimizer.state[p]["step"].item() == 2


def test_new_group(p):
    optimizer = O.SGD([p], lr=1.0)
    steps(optimizer, p, 1)
    q = parameter(1.0)
    optimizer.add_param_group({"params": q, "lr": 0.5})
    p.grad, q.grad = torch.zeros(2), torch.ones(1)
    optimizer.step()
    assert q.tolist() == [0.5]


def test_zero_grad(p):
    optimizer = O.SGD([p])
    p.grad = torch.ones(2)
    kept = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is kept
    assert kept.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert p.grad is None


def test_closure_runs_with_gradients(p):
    optimizer = O.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert optimizer.step(closure).item() == 5.0
    assert p.tolist() == [0.0, 0.0]


def test_tensor_learning_rate(p):
    rate = torch.tensor(0.5)
    optimizer = O.Adam([p], lr=rate)
    p.grad = torch.ones(2)
    optimizer.step()
    assert p.tolist() == [0.5, 1.5]
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.25
    assert scheduler.base_lrs[0].item() == 0.5


class Descent(Optimizer):
    def __init__(self, params, lr=required):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state[p]
                    state["calls"] = state.get("calls", 0) + 1
                    p.add_(p.grad, alpha=-group["lr"])
        return "done"


def test_own_optimizer_and_hooks(p):
    optimizer = Descent([p], lr=0.5)
    p.grad = torch.ones(2)
    seen = []
    handles = [
        optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("pre", args[1:]))),
        optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("post", args[1:]))),
        register_optimizer_step_pre_hook(
            lambda o, args, kwargs: seen.append(("all", o is optimizer))
        ),
        register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append(("end", kwargs))),
    ]
    assert optimizer.step(None) == "done"
    assert seen == [("all", True), ("pre", (None,)), ("post", (None,)), ("end", {})]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(seen) == 4
    assert p.tolist() == [0.0, 1.0]
    assert optimizer.state_dict()["state"] == {0: {"calls": 2}}
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple of"):
        optimizer.step()


def test_state_dict_hooks(p):
    optimizer = O.SGD([p])
    optimizer.register_state_dict_pre_hook(lambda o: None)
    optimizer.register_state_dict_post_hook(lambda o, saved: {**saved, "more": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, saved: {**saved})
    loaded = []
    optimizer.register_load_state_dict_post_hook(loaded.append)
    saved = optimizer.state_dict()
    assert saved["more"] == 1
    optimizer.load_state_dict(saved)
    assert loaded == [optimizer]


def test_leaves_cannot_be_differentiated_through(p):
    optimizer = O.SGD([p], differentiable=True)
    p.grad = torch.ones(2)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        optimizer.step()


def test_base_class_has_no_step(p):
    with pytest.raises(NotImplementedError):
        Optimizer([p], {}).step()
