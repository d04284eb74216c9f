"""What `torch.nn.functional` does beside its values: state, warnings, in-place, derivatives."""

from __future__ import annotations

import doctest
import importlib
import warnings

import numpy as np
import pytest

import rushlight as torch
import rushlight.nn.functional as F

FAMILIES = ("activation", "attention", "distance", "loss", "margins", "normalization", "padding",
            "pooling", "sparse", "vision")  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [f"rushlight.nn._functional.{n}" for n in FAMILIES]
    + [f"rushlight._ops.{n}" for n in ("activation", "conv", "pool", "softmax")],
)
def test_examples_in_docstrings(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


def normal(*shape, dtype=np.float64, seed=0):
    return np.random.RandomState(seed).standard_normal(shape).astype(dtype)


def leaf(array):
    return torch.from_numpy(array.copy()).requires_grad_(True)


# ---- derivatives by finite differences -----------------------------------------------------------

SMOOTH = {
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, 2, 1, groups=2),
               ((2, 4, 5, 5), (6, 2, 3, 3), (6,))),
    "conv_transpose2d": (lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1, 1),
                         ((2, 4, 3, 3), (4, 3, 3, 3), (3,))),
    "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
                   ((4, 3, 2, 2), (3,), (3,))),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (3, 2), w, b), ((4, 3, 2), (3, 2), (3, 2))),
    "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b), ((3, 4, 2), (4,), (4,))),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1), ((1, 2, 5, 6),)),
    "softmax": (lambda x: F.softmax(x, 1), ((3, 4),)),
    "log_softmax": (lambda x: F.log_softmax(x, 0), ((3, 4),)),
    "cross_entropy": (lambda x: F.cross_entropy(x, torch.tensor([0, 2, 1]), label_smoothing=0.1),
                      ((3, 4),)),
    "gelu": (F.gelu, ((3, 4),)),
    "mish": (F.mish, ((3, 4),)),
    "interpolate": (lambda x: F.interpolate(x, size=(5, 7), mode="bicubic"), ((1, 2, 3, 4),)),
    "attention": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
                  ((2, 3, 4), (2, 3, 4), (2, 3, 5))),
}  # fmt: skip


def differences(function, arrays, i, step=1e-6):
    """The gradient of a function of arrays in its i-th argument."""
    out = np.zeros(arrays[i].shape)
    for position in np.ndindex(*arrays[i].shape):
        values = []
        for sign in (1, -1):
            moved = [a.copy() for a in arrays]
            moved[i][position] += sign * step
            values.append(function(moved))
        out[position] = (values[0] - values[1]) / (2 * step)
    return out


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_by_finite_differences(name):
    function, shapes = SMOOTH[name]
    arrays = [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    weights = torch.from_numpy(normal(*function(*map(torch.from_numpy, arrays)).shape, seed=9))

    def value(moved):
        return float((function(*map(torch.from_numpy, moved)) * weights).sum())

    leaves = [leaf(a) for a in arrays]
    gradients = torch.autograd.grad((function(*leaves) * weights).sum(), leaves)
    for i, gradient in enumerate(gradients):
        np.testing.assert_allclose(
            gradient.numpy(), differences(value, arrays, i), rtol=1e-5, atol=1e-7
        )


@pytest.mark.parametrize("name", SMOOTH)
def test_second_gradients_by_finite_differences(name):
    function, shapes = SMOOTH[name]
    arrays = [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    weights = torch.from_numpy(normal(*function(*map(torch.from_numpy, arrays)).shape, seed=9))
    probes = [torch.from_numpy(normal(*a.shape, seed=5 + i)) for i, a in enumerate(arrays)]

    def projected(values, create_graph):
        leaves = [leaf(a) for a in values]
        gradients = torch.autograd.grad(
            (function(*leaves) * weights).sum(), leaves, create_graph=create_graph
        )
        total = sum((g * p).sum() for g, p in zip(gradients, probes, strict=True))
        return total, leaves

    total, leaves = projected(arrays, True)
    if not total.requires_grad:
        assert name in ("avg_pool2d", "interpolate")  # linear
        return
    second = torch.autograd.grad(total, leaves, allow_unused=True)
    for i, gradient in enumerate(second):
        expected = differences(lambda a: float(projected(a, False)[0]), arrays, i, 1e-5)
        found = np.zeros(arrays[i].shape) if gradient is None else gradient.numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


# ---- batch norm's state --------------------------------------------------------------------------


def test_running_statistics_move_towards_the_batch():
    x = normal(5, 3, 2, dtype=np.float32)
    mean, var = torch.zeros(3), torch.ones(3)
    version = mean._version
    F.batch_norm(torch.from_numpy(x), mean, var, training=True, momentum=0.25)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(mean.numpy(), 0.25 * wide.mean((0, 2)), rtol=1e-5)
    np.testing.assert_allclose(
        var.numpy(), 0.75 + 0.25 * wide.var((0, 2), ddof=1), rtol=1e-5
    )
    assert mean._version == version + 1


def test_evaluation_leaves_running_statistics_alone():
    mean, var = torch.zeros(3), torch.ones(3)
    x = torch.from_numpy(normal(5, 3, dtype=np.float32))
    out = F.batch_norm(x, mean, var, eps=0.0)
    assert mean._version == 0
    np.testing.assert_allclose(out.numpy(), x.numpy())


def test_running_statistics_may_be_updated_while_the_graph_lives():
    x, w = leaf(normal(4, 2)), leaf(normal(2))
    mean, var = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    first = F.batch_norm(x, mean, var, w, training=True)
    F.batch_norm(x.detach(), mean, var, training=True)
    first.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.zeros((4, 2)), atol=1e-12)


def test_weight_gradient_has_the_layout_of_the_weight():
    x, w = leaf(normal(2, 3, 6, 6)), leaf(normal(4, 3, 3, 3))
    F.conv2d(x, w, padding=1).sum().backward()
    assert w.grad.is_contiguous()
    assert w.grad.stride() == w.stride()


# ---- warnings ------------------------------------------------------------------------------------


def test_different_sizes_warn():
    with pytest.warns(UserWarning, match=r"Using a target size \(torch.Size\(\[2\]\)\) that is"):
        F.mse_loss(torch.ones(2, 1), torch.ones(2))
    with pytest.warns(UserWarning, match="Using a target size"):
        F.l1_loss(torch.ones(2, 1), torch.ones(2))


def test_legacy_reduction_arguments():
    x, y = torch.ones(2, 3), torch.zeros(2, 3)
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        assert float(F.mse_loss(x, y, size_average=False)) == 6
    with pytest.warns(UserWarning, match="please use reduction='none' instead"):
        assert F.mse_loss(x, y, reduce=False).shape == (2, 3)


def test_softmax_without_dim_warns_at_the_caller():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        F.softmax(torch.ones(2, 3))
    assert "Implicit dimension choice for softmax" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_kl_div_mean_warns():
    with pytest.warns(UserWarning, match="'batchmean' divides only by the batch size"):
        F.kl_div(torch.zeros(2, 3), torch.ones(2, 3))


# ---- in place ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["relu", "relu6", "hardtanh", "elu", "selu", "celu", "leaky_relu",
                                  "silu", "mish", "hardswish", "hardsigmoid", "rrelu"])  # fmt: skip
def test_in_place_writes_and_differentiates(name):
    function = getattr(F, name)
    start = leaf(normal(3, 4))
    inner = start * 1
    out = function(inner, inplace=True)
    assert out is inner
    expected = leaf(start.detach().numpy())
    reference = function(expected * 1)
    np.testing.assert_array_equal(out.detach().numpy(), reference.detach().numpy())
    out.sum().backward()
    reference.sum().backward()
    np.testing.assert_array_equal(start.grad.numpy(), expected.grad.numpy())


def test_in_place_on_a_leaf_is_refused():
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used"):
        F.relu(leaf(normal(3)), inplace=True)


# ---- single pieces -------------------------------------------------------------------------------


def test_max_pool_keeps_nan_and_first_of_equals():
    x = torch.tensor([[1.0, 1.0, float("nan"), 2.0]])
    values, indices = F.max_pool1d(x, 2, return_indices=True)
    assert values[0, 0] == 1 and bool(torch.isnan(values[0, 1]))
    assert indices.tolist() == [[0, 2]]


def test_relu_passes_nan_gradients_through():
    x = torch.tensor([float("nan"), -1.0, 2.0]).requires_grad_(True)
    F.relu(x).sum().backward()
    assert x.grad.tolist() == [1.0, 0.0, 1.0]


def test_ignored_targets_receive_zeros():
    x = leaf(normal(3, 4))
    F.cross_entropy(x, torch.tensor([1, -100, 2])).backward()
    assert x.grad[1].abs().sum() == 0
    assert x.grad[0].abs().sum() > 0


def test_all_targets_ignored_gives_nan():
    assert bool(torch.isnan(F.cross_entropy(torch.ones(1, 3), torch.tensor([-100]))))


def test_attention_that_sees_nothing_gives_zeros():
    x = torch.ones(2, 3)
    mask = torch.tensor([[True, True], [False, False]])
    out = F.scaled_dot_product_attention(x, x, x, attn_mask=mask)
    assert out.tolist() == [[1.0] * 3, [0.0] * 3]


def test_gumbel_softmax_hard_is_one_hot_with_soft_gradients():
    torch.manual_seed(3)
    x = leaf(normal(4, 5))
    y = F.gumbel_softmax(x, hard=True)
    np.testing.assert_allclose(np.sort(y.detach().numpy(), 1)[:, -1], 1)
    (y * torch.from_numpy(normal(4, 5))).sum().backward()
    assert float(x.grad.abs().sum()) > 0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.conv2d(x, x[:2, :, :2, :2]), lambda x: F.max_pool2d(x, 2),
        lambda x: F.avg_pool2d(x, 2), lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: F.layer_norm(x, (4,)), lambda x: F.group_norm(x, 1), lambda x: F.softmax(x, 1),
        lambda x: F.log_softmax(x, 1), lambda x: F.mse_loss(x, x * 2), F.mish, F.hardswish, F.celu,
        lambda x: F.smooth_l1_loss(x, x * 3),
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    ],
)  # fmt: skip
def test_half_precision_is_single_precision_rounded_once(function, dtype):
    x = torch.from_numpy(normal(2, 3, 4, 4, dtype=np.float32)).to(getattr(torch, dtype))
    low = function(x)
    assert str(low.dtype) == f"torch.{dtype}"
    if function(x.float()).shape == ():
        # ``x * 2`` inside is rounded in the low precision first; losses agree to its resolution.
        assert float(low) == pytest.approx(float(function(x.float())), rel=2e-2)
    else:
        assert bool((low == function(x.float()).to(low.dtype)).all())
