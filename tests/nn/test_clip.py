"""Clipping of gradients, and parameters as a vector; numbers read off PyTorch 2.13.0."""

import math

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn import utils


@pytest.fixture
def parameters():
    made = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1)), nn.Parameter(torch.ones(1))]
    made[0].grad = torch.tensor([3.0, 4.0])
    made[1].grad = torch.tensor([12.0])
    return made


@pytest.mark.parametrize(
    ("norm_type", "total"), [(2, 13.0), (1, 19.0), (math.inf, 12.0), ("inf", 12.0), (0, 2.0)]
)
def test_clip_grad_norm(parameters, norm_type, total):
    found = utils.clip_grad_norm_(iter(parameters), 1.0, norm_type)
    assert found.item() == total
    factor = torch.tensor(1.0) / (torch.tensor(total) + 1e-6)
    assert parameters[0].grad.tolist() == (torch.tensor([3.0, 4.0]) * factor).tolist()
    assert parameters[1].grad.tolist() == (torch.tensor([12.0]) * factor).tolist()
    assert parameters[2].grad is None


def test_small_gradients_are_left_alone(parameters):
    assert utils.clip_grad_norm_(parameters, 100).item() == 13.0
    assert parameters[0].grad.tolist() == [3.0, 4.0]


def test_norm_of_one_tensor_and_of_nothing(parameters):
    assert utils.clip_grad_norm_(parameters[0], 1).item() == 5.0
    assert utils.clip_grad_norm_([], 1).item() == 0.0
    assert utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])]).item() == 5.0
    with pytest.warns(UserWarning, match="is an empty generator"):
        utils.clip_grad_norm_((p for p in []), 1)


def test_the_former_name_warns(parameters):
    with pytest.warns(FutureWarning, match="clip_grad_norm` is now deprecated"):
        assert utils.clip_grad_norm(parameters, 1).item() == 13.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_norms_that_are_not_finite(parameters, value):
    parameters[1].grad.fill_(value)
    with pytest.raises(RuntimeError, match="^The total norm of order 2.0 for gradients from"):
        utils.clip_grad_norm_(parameters, 1, error_if_nonfinite=True)
    assert not math.isfinite(utils.clip_grad_norm_(parameters, 1).item())


def test_clip_grad_value(parameters):
    utils.clip_grad_value_(parameters, 3.5)
    assert [p.grad.tolist() for p in parameters[:2]] == [[3.0, 3.5], [3.5]]


def test_clip_with_a_given_norm(parameters):
    utils.clip_grads_with_norm_(parameters, 1, torch.tensor(3.0))
    expected = torch.tensor([12.0]) * (1 / (torch.tensor(3.0) + 1e-6))
    assert parameters[1].grad.tolist() == expected.tolist()


def test_vectors():
    made = [nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(1))]
    utils.vector_to_parameters(torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0]), made)
    assert made[0].tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert utils.parameters_to_vector(made).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    with pytest.raises(TypeError, match="^expected torch.Tensor, but got: list"):
        utils.vector_to_parameters([1], [])


def test_several_devices_are_one():
    wrapped = nn.DataParallel(nn.Linear(1, 1))
    assert list(wrapped.state_dict()) == ["module.weight", "module.bias"]
    assert wrapped(torch.ones(2, 1)).shape == (2, 1)
    with pytest.raises(ValueError, match="^Default process group has not been initialized"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    state = wrapped.state_dict()
    nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    assert list(state) == ["weight", "bias"]
