"""torch.nn.utils: parametrizations, weight and spectral norm, pruning, fusion."""

import copy
import pickle
import warnings

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn.utils import parametrizations, parametrize, prune


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T

    def right_inverse(self, x):
        return x.triu()


def symmetric_layer():
    layer = nn.Linear(3, 3)
    return parametrize.register_parametrization(layer, "weight", Symmetric())


def test_a_parametrized_tensor_is_computed():
    layer = symmetric_layer()
    assert torch.equal(layer.weight, layer.weight.T)
    assert layer.weight is not layer.weight
    with parametrize.cached():
        assert layer.weight is layer.weight
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert isinstance(layer, nn.Linear)
    assert type(layer).__name__ == "ParametrizedLinear"
    layer(torch.ones(1, 3)).sum().backward()
    assert layer.parametrizations.weight.original.grad.tril(-1).abs().sum() == 0


def test_assignment_goes_through_the_inverse():
    layer = symmetric_layer()
    layer.weight = torch.arange(9.0).reshape(3, 3)
    assert layer.weight.tolist() == [[0, 1, 2], [1, 4, 5], [2, 5, 8]]


def test_optimizers_keep_the_parameter():
    layer = nn.Linear(3, 3)
    original = layer.weight
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert layer.parametrizations.weight.original is original
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight is original
    assert type(layer) is nn.Linear


def test_copies_are_independent():
    layer = symmetric_layer()
    twin = copy.deepcopy(layer)
    parametrize.remove_parametrizations(twin, "weight")
    assert parametrize.is_parametrized(layer, "weight")
    assert torch.equal(layer.weight, twin.weight)
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(layer)


def test_a_changed_shape_is_refused():
    class First(nn.Module):
        def forward(self, x):
            return x[0]

    layer = nn.Linear(3, 3)
    with pytest.raises(ValueError, match="may not change the shape of the tensor"):
        parametrize.register_parametrization(layer, "weight", First())
    assert not parametrize.is_parametrized(layer)
    parametrize.register_parametrization(layer, "weight", First(), unsafe=True)
    assert layer.weight.shape == (3,)


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_splits_length_and_direction(dim):
    torch.manual_seed(0)
    layer = nn.Linear(4, 3)
    before = layer.weight.detach().clone()
    parametrizations.weight_norm(layer, dim=dim)
    assert torch.allclose(layer.weight, before, atol=1e-6)
    with torch.no_grad():
        layer.parametrizations.weight.original0.mul_(2)
    assert torch.allclose(layer.weight, before * 2, atol=1e-6)


@pytest.mark.parametrize("make", [parametrizations.spectral_norm, nn.utils.spectral_norm])
def test_spectral_norm_divides_by_the_largest_singular_value(make):
    torch.manual_seed(0)
    layer = make(nn.Linear(6, 5), n_power_iterations=50)
    layer(torch.ones(1, 6))
    assert float(torch.linalg.norm(layer.weight.detach(), 2)) == pytest.approx(1, abs=1e-4)
    layer.eval()
    assert torch.equal(layer(torch.ones(1, 6)), layer(torch.ones(1, 6)))


def test_old_norms_can_be_removed_and_read():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        old = nn.utils.weight_norm(nn.Linear(4, 3))
    new = parametrizations.weight_norm(nn.Linear(4, 3))
    new.load_state_dict(old.state_dict())
    assert torch.allclose(new.weight, old.weight)
    value = old.weight.detach().clone()
    nn.utils.remove_weight_norm(old)
    assert list(old.state_dict()) == ["bias", "weight"]
    assert torch.allclose(old.weight, value)
    layer = nn.utils.spectral_norm(nn.Linear(4, 3))
    assert layer.state_dict()._metadata[""]["spectral_norm"] == {"weight.version": 1}
    nn.utils.remove_spectral_norm(layer)
    assert list(layer.state_dict()) == ["bias", "weight"]


def test_householder_keeps_columns_orthonormal():
    torch.manual_seed(0)
    layer = parametrizations.orthogonal(nn.Linear(3, 5, dtype=torch.float64))
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.ones(2, 3, dtype=torch.float64)).pow(2).sum().backward()
        optimizer.step()
    identity = torch.eye(3, dtype=torch.float64)
    assert torch.allclose(layer.weight.T @ layer.weight, identity)


def test_pruning_masks_and_is_made_permanent():
    layer = nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, -5, 2, 7], [3, 4, -6, 8]]))
    prune.l1_unstructured(layer, "weight", 3)
    assert layer.weight.tolist() == [[0, -5, 0, 7], [0, 4, -6, 8]]
    prune.ln_structured(layer, "weight", 1, 2, 0)
    assert layer.weight_mask.tolist() == [[0, 0, 0, 0], [0, 1, 1, 1]]
    layer(torch.ones(1, 4)).sum().backward()
    assert layer.weight_orig.grad.tolist() == layer.weight_mask[[1, 1]].mul(
        torch.tensor([[0.0], [1.0]])).tolist()  # fmt: skip
    prune.remove(layer, "weight")
    assert list(layer.state_dict()) == ["weight"]
    assert layer.weight[1].tolist() == [0, 4, -6, 8]
    assert not prune.is_pruned(layer)


def test_a_failed_pruning_changes_nothing():
    layer = nn.Linear(4, 2)
    with pytest.raises(ValueError, match="should be smaller than the number of parameters"):
        prune.l1_unstructured(layer, "weight", 100)
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_fused_batch_norm_gives_the_same():
    torch.manual_seed(0)
    conv, bn = nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4)
    x = torch.randn(2, 3, 5, 5)
    bn(conv(x))
    conv.eval()
    bn.eval()
    fused = nn.utils.fuse_conv_bn_eval(conv, bn)
    assert torch.allclose(fused(x), bn(conv(x)), atol=1e-6)


def test_skipped_initialisation_draws_nothing():
    torch.manual_seed(0)
    wanted = torch.rand(2)
    torch.manual_seed(0)
    layer = nn.utils.skip_init(nn.Linear, 3, 4)
    assert layer.weight.shape == (4, 3)
    assert torch.equal(torch.rand(2), wanted)
