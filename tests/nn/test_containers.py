"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict, as PyTorch 2.13.0 has them."""

from collections import OrderedDict

import pytest

import rushlight as torch
from rushlight import nn


def relu():
    return nn.ReLU()


def parameter(*shape):
    return nn.Parameter(torch.ones(*shape))


def names(container):
    return [type(m).__name__ for m in container]


def test_sequential_runs_in_order():
    class Add(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.n = n

        def forward(self, x):
            return x * 10 + self.n

    assert nn.Sequential(Add(1), Add(2), Add(3))(0) == 123
    assert nn.Sequential()(3) == 3


def test_sequential_is_a_list():
    s = nn.Sequential(relu(), nn.Tanh(), nn.Sigmoid())
    assert names(s[1:]) == ["Tanh", "Sigmoid"]
    assert list(s[1:]._modules) == ["1", "2"]
    assert type(s[-1]) is nn.Sigmoid
    s[1] = nn.ELU()
    del s[0]
    assert names(s) == ["ELU", "Sigmoid"]
    assert list(s._modules) == ["0", "1"]
    s.append(relu()).insert(0, nn.Tanh())
    s.insert(-1, nn.GELU())
    assert names(s) == ["Tanh", "ELU", "Sigmoid", "GELU", "ReLU"]
    assert type(s.pop(0)) is nn.Tanh
    assert names(s + nn.Sequential(nn.Tanh())) == ["ELU", "Sigmoid", "GELU", "ReLU", "Tanh"]
    assert len(s * 2) == len(2 * s) == 8
    s *= 2
    assert len(s) == 8
    assert not any(name.isdigit() for name in dir(s))
    named = nn.Sequential(OrderedDict(a=relu(), b=nn.Tanh()))
    assert type(named.b) is nn.Tanh


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda s: s[3], IndexError, "index 3 is out of range"),
        (lambda s: s["a"], TypeError, "'str' object cannot be interpreted as an integer"),
        (lambda s: s + 3, ValueError,
         "add operator supports only objects of Sequential class, but <class 'int'> is given."),
        (lambda s: s * 0, ValueError, "Non-positive multiplication factor 0 for "),
        (lambda s: s.append(3), TypeError, "int is not a Module subclass"),
        (lambda s: s.insert(9, relu()), IndexError, "Index out of range: 9"),
        (lambda s: s.insert(0, 3), AssertionError, "module should be of type: "),
        (lambda s: nn.Sequential({"a": relu()}), TypeError, "dict is not a Module subclass"),
        (lambda s: nn.ModuleList(3), TypeError,
         "ModuleList.extend should be called with an iterable, but got int"),
        (lambda s: nn.ModuleList([relu()])[1], IndexError, "index 1 is out of range"),
        (lambda s: nn.ModuleDict([["x"]]), ValueError,
         "ModuleDict update sequence element #0 has length 1; 2 is required"),
        (lambda s: nn.ModuleDict([3]), TypeError,
         "ModuleDict update sequence element #0 should be Iterable; isint"),
        (lambda s: nn.ModuleDict({"a.b": relu()}), KeyError,
         'module name can\'t contain ".", got: a.b'),
        (lambda s: nn.ModuleDict({"keys": relu()}), KeyError, "attribute 'keys' already exists"),
        (lambda s: nn.ParameterList(torch.ones(2)), TypeError,
         "ParameterList.extend should be called with an iterable, but got Tensor"),
        (lambda s: nn.ParameterList()(1), RuntimeError, "ParameterList should not be called."),
        (lambda s: nn.ParameterDict()(1), RuntimeError, "ParameterDict should not be called."),
        (lambda s: nn.ParameterDict({1: parameter(1)}), TypeError,
         "Index given to ParameterDict cannot be used as a key as it is not a string"),
        (lambda s: nn.ParameterDict({"update": parameter(1)}), KeyError,
         "attribute 'update' already exists"),
    ],
)  # fmt: skip
def test_refusals(call, error, text):
    with pytest.raises(error) as raised:
        call(nn.Sequential(relu()))
    assert raised.value.args[0].startswith(text)


def test_module_list():
    m = nn.ModuleList([relu(), relu(), nn.Tanh(), relu()])
    assert repr(m) == "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Tanh()\n  (3): ReLU()\n)"
    assert repr(nn.ModuleList()) == "ModuleList()"
    m.insert(1, nn.ELU())
    assert names(m) == ["ReLU", "ELU", "ReLU", "Tanh", "ReLU"]
    del m[1:3]
    assert names(m) == ["ReLU", "Tanh", "ReLU"]
    assert list(m._modules) == ["0", "1", "2"]
    m += [nn.GELU()]
    m.extend([nn.ELU()]).append(nn.Tanh())
    assert names(m[-3:]) == ["GELU", "ELU", "Tanh"]
    assert type(m.pop(-1)) is nn.Tanh
    assert len(m + [relu()]) == 6
    assert m[0] in m
    assert [n for n, _ in nn.ModuleList([nn.Linear(1, 1)]).named_parameters()] == [
        "0.weight", "0.bias",
    ]  # fmt: skip


def test_module_dict():
    d = nn.ModuleDict({"b": relu(), "a": nn.Tanh()})
    assert list(d) == list(d.keys()) == ["b", "a"]
    assert repr(d) == "ModuleDict(\n  (b): ReLU()\n  (a): Tanh()\n)"
    d["c"] = nn.ELU()
    d.update([("z", relu())])
    assert type(d.pop("b")) is nn.ReLU
    assert "b" not in d
    del d["a"]
    assert [k for k, _ in d.items()] == ["c", "z"]
    assert names(d.values()) == ["ELU", "ReLU"]
    d.clear()
    assert len(d) == 0


def test_parameter_list():
    p = nn.ParameterList([parameter(2), torch.ones(1), 3])
    assert repr(p) == (
        "ParameterList(\n"
        "    (0): Parameter containing: [torch.float32 of size 2]\n"
        "    (1): Parameter containing: [torch.float32 of size 1]\n"
        "    (2): Object of type: int\n"
        ")"
    )
    assert type(p[1]) is nn.Parameter
    assert p[-1] == 3
    p[2] = torch.zeros(2, 2)
    p += [parameter(1)]
    assert list(p.state_dict()) == ["0", "1", "2", "3"]
    assert [tuple(q.shape) for q in p[1:3]] == [(1,), (2, 2)]


def test_parameter_dict():
    d = nn.ParameterDict({"b": torch.ones(2), "a": 3})
    # A mapping that is not ordered by type is sorted.
    assert list(d) == ["a", "b"]
    assert type(d["b"]) is nn.Parameter
    assert repr(d) == (
        "ParameterDict(\n    (a): Object of type: int\n"
        "    (b): Parameter containing: [torch.FloatTensor of size 2]\n)"
    )
    assert d.get("zz", 1) == 1
    assert d.setdefault("c", parameter(1)) is d["c"]
    assert d.popitem()[0] == "c"
    joined = d | {"n": parameter(1)}
    assert list(joined) == ["a", "b", "n"]
    assert list(d) == ["a", "b"]
    assert joined["b"] is d["b"]
    assert [n for n, _ in joined.named_parameters()] == ["b", "n"]
    assert list(reversed(d)) == ["b", "a"]
    assert d.pop("a") == 3
    d.clear()
    assert len(d) == 0
    assert not list(d.parameters())
