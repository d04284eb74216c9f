"""Lazy modules: before, at and after their first call."""

import copy

import pytest

import rushlight as torch
from rushlight import nn


def test_the_first_call_makes_an_ordinary_layer():
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
    assert repr(net[0].weight) == "<UninitializedParameter>"
    assert net(torch.ones(2, 3, 5, 5)).shape == (2, 2)
    assert [type(m) for m in net] == [nn.Conv2d, nn.BatchNorm2d, nn.Flatten, nn.Linear]
    assert net[3].in_features == 36
    assert not net[0]._forward_pre_hooks
    net(torch.ones(1, 3, 5, 5)).sum().backward()
    assert net[0].weight.grad.shape == (4, 3, 3, 3)


def test_initial_values_are_those_of_the_ordinary_layer():
    torch.manual_seed(0)
    lazy = nn.LazyLinear(3)
    lazy(torch.ones(1, 4))
    torch.manual_seed(0)
    assert torch.equal(lazy.weight, nn.Linear(4, 3).weight)


def test_an_optimizer_made_before_trains_it():
    layer = nn.LazyLinear(1)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    layer(torch.ones(1, 2)).sum().backward()
    before = layer.weight.detach().clone()
    optimizer.step()
    assert torch.allclose(layer.weight, before - 0.1)


def test_values_are_not_there_before():
    layer = nn.LazyLinear(3)
    with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
        layer.weight + 1
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        layer.weight.shape  # noqa: B018


def test_loading_tells_the_shape():
    done = nn.LazyLinear(3)
    done(torch.ones(1, 4))
    lazy = copy.deepcopy(nn.LazyLinear(3))
    lazy.load_state_dict(done.state_dict())
    assert torch.equal(lazy.weight, done.weight)
    lazy(torch.ones(1, 4))
    assert lazy.in_features == 4
    assert type(lazy) is nn.Linear


def test_own_lazy_modules():
    class Scale(nn.modules.lazy.LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.UninitializedParameter()

        def initialize_parameters(self, x):
            self.scale.materialize(x.shape[-1:])
            nn.init.constant_(self.scale, 2.0)

        def forward(self, x):
            return x * self.scale

    assert Scale()(torch.ones(3)).tolist() == [2, 2, 2]
