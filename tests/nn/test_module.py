"""Module and Parameter: registration, attributes, state, hooks, conversion, copies.

Values and texts were read off PyTorch 2.13.0 (CPU).
"""

import copy
import pickle
from collections import OrderedDict

import pytest

import rushlight as torch
from rushlight import _core, nn
from rushlight.nn.modules import module as module_file


def ones(*shape):
    return torch.ones(*shape)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.norm = nn.BatchNorm1d(3)
        self.last = nn.Sequential(nn.ReLU(), nn.Linear(3, 1))

    def forward(self, x):
        return self.last(self.norm(self.first(x)))


class Pair(nn.Module):
    def forward(self, a, b):
        return a * 2, b * 3


# ---- Parameter -------------------------------------------------------------------------------


def test_parameter_prints_and_behaves_as_a_leaf():
    data = torch.tensor([1.0, 2.0])
    p = nn.Parameter(data)
    assert repr(p) == str(p) == "Parameter containing:\ntensor([1., 2.], requires_grad=True)"
    assert str(type(p)) == "<class 'torch.nn.parameter.Parameter'>"
    assert p.is_leaf
    assert p.requires_grad
    assert type(p + 1) is type(p.data) is type(p.detach()) is torch.Tensor
    data.add_(1)
    assert p.tolist() == [2.0, 3.0]
    assert p._version == data._version == 1
    with torch.no_grad():
        assert p.add_(1) is p
    assert repr(nn.Parameter()) == "Parameter containing:\ntensor([], requires_grad=True)"


def test_parameter_of_wrong_data():
    with pytest.raises(RuntimeError, match="^Only Tensors of floating point and complex dtype"):
        nn.Parameter(torch.tensor([1]))
    with pytest.raises(AttributeError, match="'list' object has no attribute 'detach'"):
        nn.Parameter([1.0])
    assert repr(nn.Parameter(torch.tensor([1]), requires_grad=False)) == (
        "Parameter containing:\ntensor([1])"
    )


def test_parameter_copies_and_pickles():
    p = nn.Parameter(ones(2), requires_grad=False)
    p.mark = 3
    p.grad = ones(2)
    q = copy.deepcopy(p)
    assert type(q) is nn.Parameter
    assert not q.requires_grad
    assert q.grad is None
    assert not hasattr(q, "mark")
    r = pickle.loads(pickle.dumps(p))
    assert type(r) is nn.Parameter
    assert r.tolist() == [1.0, 1.0]
    assert r.mark == 3


def test_buffer_is_a_marked_tensor():
    b = nn.Buffer(ones(1), persistent=False)
    assert type(b) is torch.Tensor
    assert isinstance(b, nn.Buffer)
    assert not isinstance(ones(1), nn.Buffer)
    assert not b.persistent


# ---- registration ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda m: m.register_parameter(1, None), TypeError,
         "parameter name should be a string. Got int"),
        (lambda m: m.register_buffer("", None), KeyError, 'buffer name can\'t be empty string ""'),
        (lambda m: m.register_parameter("a.b", None), KeyError,
         'parameter name can\'t contain "."'),
        (lambda m: m.add_module("a.b", None), KeyError, 'module name can\'t contain ".", got: a.b'),
        (lambda m: m.register_buffer("weight", None), KeyError,
         "attribute 'weight' already exists"),
        (lambda m: m.register_parameter("forward", None), KeyError,
         "attribute 'forward' already exists"),
        (lambda m: m.register_parameter("z", ones(1)), TypeError,
         "cannot assign 'torch.FloatTensor' object to parameter 'z' (torch.nn.Parameter or None "
         "required)"),
        (lambda m: m.register_buffer("z", 3), TypeError,
         "cannot assign 'int' object to buffer 'z' (torch Tensor or None required)"),
        (lambda m: m.add_module("z", 3), TypeError, "int is not a Module subclass"),
        (lambda m: setattr(m, "weight", ones(1)), TypeError,
         "cannot assign 'torch.FloatTensor' as parameter 'weight' (torch.nn.Parameter or None "
         "expected)"),
        (lambda m: setattr(m, "sub", 3), TypeError,
         "cannot assign 'int' as child module 'sub' (torch.nn.Module or None expected)"),
        (lambda m: setattr(m, "buf", nn.ReLU), TypeError,
         "cannot assign 'torch.nn.modules.activation.ReLU' as buffer 'buf' (torch.nn.Buffer, "
         "torch.Tensor or None expected)"),
        (lambda m: m.nope, AttributeError, "'Linear' object has no attribute 'nope'"),
        (lambda m: m.get_submodule("a"), AttributeError, "Linear has no attribute `a`"),
        (lambda m: m.get_submodule("weight"), AttributeError, "`weight` is not an nn.Module"),
        (lambda m: m.get_parameter("in_features"), AttributeError,
         "`in_features` is not an nn.Parameter"),
        (lambda m: m.get_buffer("bias"), AttributeError, "`bias` is not a buffer"),
        (lambda m: m.set_submodule("", nn.ReLU()), ValueError,
         "Cannot set the submodule without a target name!"),
        (lambda m: m.train(1), ValueError, "training mode is expected to be boolean"),
        (lambda m: m.to(torch.int64), TypeError,
         "nn.Module.to only accepts floating point or complex dtypes, but got desired "
         "dtype=torch.int64"),
        (lambda m: m.to(dtype=torch.float64, copy=True), RuntimeError,
         ".to() does not accept copy argument"),
        (lambda m: m.load_state_dict(3), TypeError,
         "Expected state_dict to be dict-like, got <class 'int'>."),
    ],
)  # fmt: skip
def test_refusals(call, error, text):
    layer = nn.Linear(2, 2)
    layer.sub = nn.ReLU()
    layer.register_buffer("buf", ones(1))
    with pytest.raises(error) as raised:
        call(layer)
    assert raised.value.args[0] == text


def test_attributes_need_the_constructor():
    class Early(nn.Module):
        def __init__(self, value):
            self.x = value

    for value, text in (
        (nn.Parameter(ones(1)), "cannot assign parameters before Module.__init__() call"),
        (nn.ReLU(), "cannot assign module before Module.__init__() call"),
        (nn.Buffer(ones(1)), "cannot assign buffer before Module.__init__() call"),
    ):
        with pytest.raises(AttributeError) as raised:
            Early(value)
        assert str(raised.value) == text
    with pytest.raises(AttributeError, match="'Early' object has no attribute '_backward_hooks'"):
        Early(3)(1)
    with pytest.raises(TypeError, match=r"takes 1 positional argument but 2 were given"):
        nn.Module(1)
    with pytest.raises(NotImplementedError, match='is missing the required "forward" function'):
        nn.Module()(1)


def test_attributes_change_their_kind():
    m = nn.Module()
    m.a = 3
    m.a = nn.Parameter(ones(1))
    assert list(m._parameters) == ["a"]
    m.a = None
    assert m.a is None
    assert m._parameters == {"a": None}
    del m.a
    assert not hasattr(m, "a")
    m.b = nn.Buffer(ones(1), persistent=False)
    m.b = ones(2)
    assert m.b.tolist() == [1.0, 1.0]
    assert list(m.state_dict()) == []
    m.b = nn.Parameter(ones(3))
    assert (list(m._buffers), list(m._parameters)) == ([], ["b"])
    m._parameters["c"] = nn.Parameter(ones(1))
    assert m.c.tolist() == [1.0]
    del m._parameters["c"]
    assert not hasattr(m, "c")
    assert "b" in dir(m)


def test_registered_names_are_attributes_by_every_route():
    m = nn.Linear(1, 1)
    w = nn.Parameter(ones(1, 1))
    for change in (
        lambda: m._parameters.update(weight=w),
        lambda: m._parameters.__setitem__("weight", w),
        lambda: m._parameters.__ior__({"weight": w}),
        lambda: setattr(m, "weight", w),
    ):
        m.weight = nn.Parameter(ones(1, 1) * 2)
        change()
        assert m.weight is w
    assert m._parameters.pop("weight") is w
    assert not hasattr(m, "weight")
    m._parameters.clear()
    assert not hasattr(m, "bias")
    plain = nn.Linear(1, 1)
    plain._parameters = dict(plain._parameters)
    plain.weight = w
    assert plain.weight is w


def test_traversal():
    net = Net()
    names = [
        "first.weight", "first.bias", "norm.weight", "norm.bias", "last.1.weight", "last.1.bias",
    ]  # fmt: skip
    assert [n for n, _ in net.named_parameters()] == names
    assert [n for n, _ in net.named_parameters("p", recurse=False)] == []
    assert [n for n, _ in net.named_buffers(prefix="p")] == [
        "p.norm.running_mean", "p.norm.running_var", "p.norm.num_batches_tracked",
    ]  # fmt: skip
    assert [n for n, _ in net.named_modules()] == ["", "first", "norm", "last", "last.0", "last.1"]
    assert net.get_submodule("last.1") is net.last[1]
    assert net.get_parameter("last.1.bias") is net.last[1].bias
    net.set_submodule("last.0", nn.Tanh())
    assert isinstance(net.last[0], nn.Tanh)
    tied = nn.Module()
    tied.a = tied.b = nn.Parameter(ones(1))
    assert [n for n, _ in tied.named_parameters()] == ["a"]
    assert [n for n, _ in tied.named_parameters(remove_duplicate=False)] == ["a", "b"]
    called = []
    assert net.apply(lambda m: called.append(type(m).__name__)) is net
    assert called == ["Linear", "BatchNorm1d", "Tanh", "Linear", "Sequential", "Net"]


def test_repr():
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (norm): BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, "
        "track_running_stats=True)\n"
        "  (last): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Linear(in_features=3, out_features=1, bias=True)\n"
        "  )\n"
        ")"
    )


def test_modes_and_gradients():
    net = Net()
    assert net.eval() is net
    assert not net.last[0].training
    net.train().requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    layer = nn.Linear(1, 1)
    layer(ones(1, 1)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0.0]]
    layer.zero_grad()
    assert layer.weight.grad is None


def test_conversion_keeps_the_parameter():
    layer = nn.Linear(1, 1)
    layer(ones(1, 1)).sum().backward()
    weight = layer.weight
    assert layer.double() is layer
    assert layer.weight is weight
    assert weight.dtype is weight.grad.dtype is torch.float64
    norm = nn.BatchNorm1d(2).to(torch.float16)
    assert norm.running_mean.dtype is torch.float16
    assert norm.num_batches_tracked.dtype is torch.int64
    assert layer.to(ones(1)).weight.dtype is torch.float32
    assert layer.to("cpu", torch.bfloat16).weight.dtype is torch.bfloat16
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        layer.cuda()


def test_structure_is_noted():
    net = Net()
    changes = [
        net.eval,
        lambda: net.register_forward_hook(lambda *_: None),
        lambda: setattr(net, "extra", nn.Parameter(ones(1))),
        lambda: setattr(net, "layer", nn.ReLU()),
        lambda: net.register_buffer("buffer", ones(1)),
        lambda: net.requires_grad_(False),
        lambda: delattr(net, "extra"),
        lambda: setattr(net, "training", True),
    ]
    for change in changes:
        before = _core.ctx.structure
        change()
        assert _core.ctx.structure > before


# ---- state -----------------------------------------------------------------------------------


def test_state_dict():
    net = Net()
    state = net.state_dict()
    assert list(state)[:3] == ["first.weight", "first.bias", "norm.weight"]
    assert state._metadata["norm"] == {"version": 2}
    assert not state["first.weight"].requires_grad
    assert net.state_dict(keep_vars=True)["first.weight"] is net.first.weight
    assert list(net.first.state_dict(prefix="p.")) == ["p.weight", "p.bias"]
    with pytest.warns(FutureWarning, match="^Positional args are being deprecated"):
        filled = net.first.state_dict(OrderedDict(), "q.")
    assert list(filled) == ["q.weight", "q.bias"]


def test_load_state_dict():
    one, other = Net(), Net()
    assert repr(other.load_state_dict(one.state_dict())) == "<All keys matched successfully>"
    assert other.first.weight.tolist() == one.first.weight.tolist()
    layer = nn.Linear(2, 2)
    result = layer.load_state_dict({}, strict=False)
    assert repr(result) == (
        "_IncompatibleKeys(missing_keys=['weight', 'bias'], unexpected_keys=[])"
    )
    state = nn.Linear(2, 2).state_dict()
    layer.load_state_dict(state, assign=True)
    assert layer.weight.data_ptr() == state["weight"].data_ptr()
    assert type(layer.weight) is nn.Parameter


def test_load_state_dict_says_all_that_is_wrong():
    net = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(RuntimeError) as raised:
        net.load_state_dict({"0.weight": ones(3), "foo": ones(1)})
    assert str(raised.value) == (
        "Error(s) in loading state_dict for Sequential:\n"
        '\tMissing key(s) in state_dict: "0.bias". \n'
        '\tUnexpected key(s) in state_dict: "foo". \n'
        "\tsize mismatch for 0.weight: copying a param with shape torch.Size([3]) from checkpoint, "
        "the shape in current model is torch.Size([2, 2])."
    )
    with pytest.raises(RuntimeError) as raised:
        net[0].load_state_dict({"weight": 1, "bias": ones(2)})
    assert str(raised.value) == (
        "Error(s) in loading state_dict for Linear:\n"
        '\tWhile copying the parameter named "weight", expected torch.Tensor or Tensor-like object '
        "from checkpoint but received <class 'int'>"
    )


def test_extra_state():
    class Counter(nn.Module):
        count = 1

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    one = Counter()
    one.count = 5
    other = Counter()
    other.load_state_dict(one.state_dict())
    assert other.count == 5
    with pytest.raises(RuntimeError, match='Missing key.*"_extra_state"'):
        other.load_state_dict({})
    with pytest.raises(RuntimeError, match='Unexpected key.*"_extra_state"'):
        nn.ReLU().load_state_dict({"_extra_state": 1})


def test_state_hooks():
    net, log = nn.Sequential(nn.Linear(1, 1)), []
    net.register_state_dict_pre_hook(lambda m, prefix, keep: log.append((prefix, keep)))
    net.register_state_dict_post_hook(lambda m, state, prefix, data: state.update(extra=1))
    assert list(net.state_dict()) == ["0.weight", "0.bias", "extra"]
    assert log == [("", False)]
    net.register_load_state_dict_pre_hook(lambda m, state, *_: state.pop("extra"))
    net.register_load_state_dict_post_hook(lambda m, keys: log.append(keys))
    net.load_state_dict(net.state_dict())
    assert repr(log[-1]) == "<All keys matched successfully>"
    net.register_state_dict_post_hook(lambda *_: 3)
    with pytest.raises(RuntimeError, match="state_dict post-hook must return None"):
        net.state_dict()
    net._state_dict_hooks.clear()
    net._load_state_dict_pre_hooks.clear()
    net.register_load_state_dict_post_hook(lambda *_: 3)
    with pytest.raises(AssertionError, match="are not expected to return new values"):
        net.load_state_dict(net.state_dict())


# ---- copies ----------------------------------------------------------------------------------


def test_deepcopy_is_independent():
    net = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    twin = copy.deepcopy(net)
    twin[0].weight = nn.Parameter(ones(1, 1) * 7)
    twin[1].running_mean.fill_(3)
    assert net[0].weight is not twin[0].weight
    assert net[1].running_mean.tolist() == [0.0]
    assert twin[0].bias.tolist() == net[0].bias.tolist()
    tied = nn.Module()
    tied.a = tied.b = nn.Parameter(ones(1))
    again = copy.deepcopy(tied)
    assert again.a is again.b
    assert again.a is not tied.a


def test_pickled_state_is_that_of_pytorch():
    net = nn.Linear(1, 2)
    state = net.__getstate__()
    assert type(state["_parameters"]) is dict
    assert not {"weight", "bias", "_special"} & set(state)
    again = pickle.loads(pickle.dumps(nn.Sequential(net, nn.ReLU())))
    assert again[0].weight.tolist() == net.weight.tolist()
    again[0].weight = nn.Parameter(ones(2, 1))
    assert again[0](ones(1, 1)).shape == (1, 2)


# ---- hooks -----------------------------------------------------------------------------------


def test_forward_hooks_in_order():
    layer, log = nn.ReLU(), []
    handles = [
        layer.register_forward_pre_hook(lambda m, args: log.append("pre")),
        layer.register_forward_pre_hook(
            lambda m, args, kwargs: (log.append("first"), ((args[0] * 2,), kwargs))[1],
            with_kwargs=True, prepend=True,
        ),
        layer.register_forward_hook(lambda m, args, output: log.append(output.item())),
        layer.register_forward_hook(lambda m, args, kwargs, output: output + 1, with_kwargs=True),
    ]  # fmt: skip
    assert layer(ones(1)).tolist() == [3.0]
    assert log == ["first", "pre", 2.0]
    for handle in handles:
        handle.remove()
    assert layer(ones(1)).tolist() == [1.0]
    assert not layer._forward_hooks_with_kwargs
    with layer.register_forward_pre_hook(lambda m, args: ones(1) * 5):
        assert layer(ones(1)).tolist() == [5.0]
    layer.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"forward pre-hook must return None or a tuple"):
        layer(ones(1))


def test_always_called_hooks_run_after_errors():
    layer, log = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda m, args, output: log.append(output), always_call=True)
    with pytest.raises(RuntimeError):
        layer(ones(1, 3))
    assert log == [None]

    def bad(*_):
        raise ValueError("bad")

    layer.register_forward_hook(bad, always_call=True)
    with (
        pytest.warns(UserWarning, match="raised an exception that was silenced"),
        pytest.raises(RuntimeError),
    ):
        layer(ones(1, 3))


def test_full_backward_hooks():
    layer = nn.Linear(2, 1, bias=False)
    layer.weight = nn.Parameter(torch.tensor([[2.0, 3.0]]))
    x = ones(1, 2).requires_grad_()
    log = []
    handle = layer.register_full_backward_hook(lambda m, gi, go: log.append((gi, go)))
    y = layer(x)
    assert type(y.grad_fn).__name__ == "BackwardHookFunctionBackward"
    y.sum().backward()
    (((grad_input,), (grad_output,)),) = log
    assert grad_input.tolist() == x.grad.tolist() == [[2.0, 3.0]]
    assert grad_output.tolist() == [[1.0]]
    handle.remove()
    with layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * 10,)):
        x.grad = None
        layer(x).sum().backward()
        assert x.grad.tolist() == [[20.0, 30.0]]
    with layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 5,)):
        x.grad = layer.weight.grad = None
        layer(x).sum().backward()
        assert x.grad.tolist() == [[10.0, 15.0]]
        assert layer.weight.grad.tolist() == [[5.0, 5.0]]
    with (
        layer.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0])),
        pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"),
    ):
        layer(x).sum().backward()


def test_full_backward_hook_sees_zeros_where_no_gradient_came():
    module, log = Pair(), []
    module.register_full_backward_hook(lambda m, gi, go: log.append((gi, go)))
    a, b = ones(2).requires_grad_(), ones(2).requires_grad_()
    module(a, b)[0].sum().backward()
    (((ga, gb), (gy, gz)),) = log
    assert (ga.tolist(), gb.tolist(), gy.tolist(), gz) == ([2.0, 2.0], [0.0, 0.0], [1.0, 1.0], None)


def test_full_backward_hook_with_create_graph():
    x = torch.tensor([3.0], requires_grad=True)

    class Cube(nn.Module):
        def forward(self, x):
            return x * x * x

    module = Cube()
    module.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
    (g,) = torch.autograd.grad(module(x), x, create_graph=True)
    (gg,) = torch.autograd.grad(g, x)
    # The hook acts on the first derivative; the second one does not pass the module again.
    assert g.tolist() == [54.0]
    assert gg.tolist() == [36.0]


def test_backward_hooks_of_both_kinds_do_not_mix():
    layer = nn.Linear(1, 1)
    layer.register_full_backward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full"):
        layer.register_backward_hook(lambda *_: None)


def test_hook_without_inputs_that_need_gradients_warns():
    layer, log = nn.Linear(1, 1), []
    layer.register_full_backward_hook(lambda m, gi, go: log.append((gi, len(go))))
    with pytest.warns(UserWarning, match="^Full backward hook is firing when gradients are"):
        layer(ones(1, 1)).sum().backward()
    assert log == [((None,), 1)]


def test_global_hooks():
    log = []
    with module_file.register_module_forward_hook(lambda m, a, o: log.append(type(m).__name__)):
        nn.Sequential(nn.ReLU(), nn.Tanh())(ones(1))
    nn.ReLU()(ones(1))
    assert log == ["ReLU", "Tanh", "Sequential"]
    log.clear()
    with module_file.register_module_parameter_registration_hook(lambda m, n, p: log.append(n)):
        nn.Linear(1, 1)
    with module_file.register_module_module_registration_hook(lambda m, n, p: log.append(n)):
        nn.Sequential(nn.ReLU())
    with module_file.register_module_buffer_registration_hook(lambda m, n, p: log.append(n)):
        nn.BatchNorm1d(1)
    assert log == ["weight", "bias", "0", "running_mean", "running_var", "num_batches_tracked"]


def test_names_that_are_missing_say_so():
    with pytest.raises(NotImplementedError, match="quantized"):
        nn.quantized  # noqa: B018
    assert not hasattr(nn, "NoSuchLayer")
    assert "Linear" in dir(nn)
    assert set(nn.__all__) <= set(dir(nn))
    for name in nn.__all__:
        assert getattr(nn, name).__name__ == name
