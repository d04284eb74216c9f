"""nn.init draws PyTorch's numbers; values were read off PyTorch 2.13.0."""

import math

import pytest

import rushlight as torch
from rushlight.nn import init


def zeros(*shape):
    return torch.zeros(*shape)


def first(values, count=4):
    return values.flatten()[:count].tolist()


# After manual_seed(0); the tensors' first elements, bit for bit.
DRAWN = [
    ("uniform_", (3,), [0.49625658988952637, 0.7682217955589294, 0.08847743272781372]),
    ("normal_", (4, 2, 3),
     [-1.1258398294448853, -1.152360200881958, -0.2505785822868347, -0.4338788092136383]),
    ("trunc_normal_", (3,), [1.5409960746765137, -0.293428897857666, -1.3985954523086548]),
    ("trunc_normal_", (18,),
     [-1.1258398294448853, -1.152360200881958, 0.5666506290435791, 0.7935083508491516]),
    ("xavier_uniform_", (2, 3),
     [-0.008201400749385357, 0.5876445174217224, -0.9016007781028748, -0.8061808347702026]),
    ("xavier_normal_", (2, 3),
     [0.9746115207672119, -0.18558073043823242, -1.3779873847961426, 0.3595075011253357]),
    ("kaiming_uniform_", (4, 2, 3),
     [-0.007486820220947266, 0.5364435911178589, -0.8230451345443726, -0.7359390258789062]),
    ("kaiming_normal_", (2, 3),
     [1.2582180500030518, -0.23958370089530945, -1.7789740562438965, 0.4641222059726715]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shape", "values"), DRAWN)
def test_draws(name, shape, values):
    torch.manual_seed(0)
    tensor = zeros(*shape)
    assert getattr(init, name)(tensor) is tensor
    assert first(tensor) == values


def test_narrow_truncated_normals_come_from_uniforms():
    torch.manual_seed(0)
    with pytest.warns(UserWarning, match="^mean is more than 2 std from"):
        found = init.trunc_normal_(zeros(4), 5, 1, -1, 1)
    assert [round(v, 4) for v in found.tolist()] == [0.3924, 0.8285, 0.9055, 0.9941]
    assert [round(v, 4) for v in init.trunc_normal_(zeros(4), 0, 1, 0.5, 0.6).tolist()] == [
        0.5325, 0.5090, 0.5394, 0.5607,
    ]  # fmt: skip


def test_constants():
    assert init.constant_(zeros(2), 2).tolist() == [2.0, 2.0]
    assert init.ones_(zeros(1)).tolist() == [1.0]
    assert init.zeros_(torch.ones(1)).tolist() == [0.0]
    assert init.eye_(zeros(2, 3)).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    found = init.dirac_(zeros(4, 2, 3), 2)
    assert found[:, :, 1].tolist() == [[1.0, 0.0], [0.0, 1.0]] * 2
    assert found.sum().item() == 4


@pytest.mark.parametrize("shape", [(2, 3), (4, 2, 3), (3, 3)])
def test_orthogonal(shape):
    torch.manual_seed(0)
    matrix = init.orthogonal_(zeros(*shape), 2.0).reshape(shape[0], -1)
    small = matrix if shape[0] <= matrix.shape[1] else matrix.T
    identity = (small @ small.T).flatten().tolist()
    expected = (torch.eye(small.shape[0]) * 4).flatten().tolist()
    # float32 products of unit vectors
    assert identity == pytest.approx(expected, abs=1e-5)
    torch.manual_seed(0)
    # LAPACK rounds in another order here than in PyTorch.
    assert first(init.orthogonal_(zeros(2, 3))) == pytest.approx(
        [0.5739809274673462, -0.10929460823535919, -0.8115421533584595, -0.3454151153564453],
        rel=1e-5,
    )


def test_sparse():
    torch.manual_seed(0)
    init.constant_(zeros(3), 2)
    found = init.sparse_(zeros(4, 3), 0.3)
    assert (found == 0).sum(0).tolist() == [2, 2, 2]
    assert round(found[1, 0].item(), 4) == 0.0057
    assert round(found[2, 2].item(), 4) == -0.0072


def test_gains():
    gains = {
        "linear": 1, "conv_transpose3d": 1, "sigmoid": 1, "tanh": 5 / 3, "relu": math.sqrt(2),
        "selu": 0.75, "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
    }  # fmt: skip
    for name, gain in gains.items():
        assert init.calculate_gain(name) == gain
    assert init.calculate_gain("leaky_relu", 0.3) == 1.3545709229571927
    assert init._calculate_fan_in_and_fan_out(zeros(3, 2, 5, 5)) == (50, 75)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: init.calculate_gain("foo"), "Unsupported nonlinearity foo"),
        (lambda: init.calculate_gain("leaky_relu", True), "negative_slope True not a valid number"),
        (lambda: init.xavier_uniform_(zeros(3)),
         "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"),
        (lambda: init.kaiming_uniform_(zeros(2, 3), mode="foo"),
         "Mode foo not supported, please use one of ['fan_in', 'fan_out']"),
        (lambda: init.eye_(zeros(3)), "Only tensors with 2 dimensions are supported"),
        (lambda: init.dirac_(zeros(3)), "Only tensors with 3, 4, or 5 dimensions are supported"),
        (lambda: init.dirac_(zeros(3, 2, 3), 2), "dim 0 must be divisible by groups"),
        (lambda: init.orthogonal_(zeros(3)),
         "Only tensors with 2 or more dimensions are supported"),
        (lambda: init.sparse_(zeros(3), 0.1), "Only tensors with 2 dimensions are supported"),
    ],
)  # fmt: skip
def test_refusals(call, text):
    with pytest.raises(ValueError) as raised:
        call()
    assert str(raised.value) == text


def test_nothing_to_set_warns():
    with pytest.warns(UserWarning, match="^Initializing zero-element tensors is a no-op"):
        init.kaiming_uniform_(zeros(2, 0))


def test_former_names_warn():
    with pytest.warns(FutureWarning, match=r"`nn.init.normal` is now deprecated in favor of"):
        init.normal(zeros(1))


def test_parameters_are_set_in_place_unrecorded():
    p = torch.nn.Parameter(zeros(2, 2))
    assert init.normal_(p) is p
    assert init.constant_(p, 3) is p
    assert p._version == 2
    assert p.is_leaf
    generator = torch.Generator().manual_seed(3)
    init.uniform_(p, generator=generator)
    assert [round(v, 4) for v in first(p.detach())] == [0.0043, 0.1056, 0.2858, 0.0270]
