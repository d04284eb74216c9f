"""Losses, pools and bags under the names of `torch` itself, `out=None`, exact logarithms."""
# ruff: noqa: E501 - a case is one line, however long.

from __future__ import annotations

from cases import Case, lines

CASES: list[Case] = []
_CTC = "logits.log_softmax(1)[:, None], torch.tensor([[1, 2]]), [6], [2]"
_SIGNS = "torch.tensor([1.0, -1.0, 1.0])"
for _call in (
    "torch.binary_cross_entropy_with_logits(a, m.float(){})",
    f"torch.ctc_loss({_CTC}, 0{{}})",
    "torch.kl_div(a, p{})",
    "torch.hinge_embedding_loss(a, m.float() * 2 - 1, 1.0{})",
    f"torch.cosine_embedding_loss(a, b, {_SIGNS}, 0.1{{}})",
    "torch.margin_ranking_loss(a, b, m.float() * 2 - 1, 0.2{})",
    "torch.triplet_margin_loss(a, b, p, 1.0, 2.0, 1e-6, False{})",
    "torch.triplet_margin_loss(a, b, p, 1.0, 2.0, 1e-6, True{})",
    "torch.poisson_nll_loss(a, p, True, False, 1e-8{})",
    "torch.poisson_nll_loss(p, p, False, True, 1e-8{})",
):
    CASES += lines("\n".join(_call.format(last) for last in ("", ", 0", ", 1", ", 2")))
CASES += lines(
    """
torch.kl_div(a, p, log_target=True)
torch.kl_div(a, p, 'sum')
torch.hinge_embedding_loss(a, m.float() * 2 - 1, margin=0.5, reduction=1)
torch.cosine_embedding_loss(a, b, m.float())
torch.margin_ranking_loss(a, row, m.float())
torch.triplet_margin_loss(a, b, p, margin=-1.0)
torch.adaptive_max_pool1d(signal, 2)
torch.adaptive_max_pool1d(signal, output_size=(3,))
torch.adaptive_max_pool1d(signal, (1, 2))
torch.embedding_bag(a, torch.tensor([0, 1, 2, 1]), torch.tensor([0, 2]))
torch.embedding_bag(a, torch.tensor([0, 1, 2, 1]), torch.tensor([0, 2]), mode=1)
torch.embedding_bag(a, torch.tensor([0, 1, 2, 1]), torch.tensor([0, 2]), False, 2)
torch.embedding_bag(d, torch.tensor([0, 1, 2, 1]), torch.tensor([0, 2]))
torch.embedding_bag(a, torch.tensor([0, 1, 2, 1]), torch.tensor([0, 2]), False, 0, False, None, False, 1)
torch.embedding_bag(a, torch.tensor([0, 1, 2, 1]), torch.tensor([0, 2]), False, 1, False, None, False, 1)
torch.conv_tbc(cube, cube.new_ones(2, 4, 3), cube.new_ones(3), 1)
torch.add(a, b.bfloat16(), alpha=1.7)
torch.sub(a.double(), b.half(), alpha=0.3)
torch.addmm(a[:, :3].half(), a.half(), b.t().half(), beta=0.3, alpha=1.7)
torch.baddbmm(a[None, :, :3].bfloat16(), a[None].bfloat16(), b.t()[None].bfloat16(), beta=0.3)
"""
)
# rushlight has second derivatives here.
CASES += lines(
    """
torch.segment_reduce(a, "sum", lengths=torch.tensor([1, 0, 2]))
torch.segment_reduce(a, "mean", lengths=torch.tensor([1, 2]))
torch.segment_reduce(a, "max", lengths=torch.tensor([2, 1]))
torch.segment_reduce(a, "min", lengths=torch.tensor([2, 1]), initial=0.0)
torch.segment_reduce(a, "prod", lengths=torch.tensor([2, 1]))
torch.segment_reduce(a, "sum", offsets=torch.tensor([0, 1, 3]), initial=2)
torch.segment_reduce(a, "mean", lengths=torch.tensor([[1, 3], [2, 2], [4, 0]]), axis=1, initial=1)
torch.segment_reduce(a, "amax", lengths=torch.tensor([[1, 3], [2, 2], [3, 1]]), axis=-1)
torch.segment_reduce(a, "sum")
torch.segment_reduce(a, "median", lengths=torch.tensor([1, 2]))
torch.segment_reduce(a, "sum", lengths=torch.tensor([1, 1]))
torch.segment_reduce(a, "sum", lengths=torch.tensor([4, -1]))
torch.segment_reduce(a, "sum", lengths=torch.tensor([1, 2]), axis=1)
torch.segment_reduce(i, "sum", lengths=torch.tensor([1, 2]))
torch.embedding_bag(a, torch.tensor([0, 1, 2, 1]), torch.tensor([0, 2]), per_sample_weights=p[0])
""",
    second=False,
)
CASES += lines(
    """
torch.native_channel_shuffle(image.detach(), 2)
torch.set_anomaly_enabled(False), torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
torch.log10(torch.tensor([1e-5, 1e-3, 0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e20, 1e38])).tolist()
torch.exp2(torch.arange(-149.0, 128.0)).tolist()
torch.log2(2 ** torch.arange(-100.0, 128.0)).tolist()
torch.log10(torch.tensor(100)), torch.tensor(1000.0).log10_()
[hasattr(torch, n) for n in ("gelu", "elu", "silu", "softplus", "leaky_relu", "avg_pool2d", "celu", "selu")]
[hasattr(a, n) for n in ("gelu", "celu", "std_mean", "view_as_real", "threshold", "rsub")]
torch.optim.swa_utils.AveragedModel.__name__, torch.utils.data.DataLoader.__name__, torch.utils.checkpoint.checkpoint.__name__
torch.GradScaler is torch.amp.GradScaler
list(nn.Sequential(*[nn.ReLU()] * 2).modules()).__len__(), list(nn.Sequential(*[nn.ReLU()] * 2).modules(remove_duplicate=False)).__len__()
""",
    gradients=False,
)
for _call in (
    "exp(a", "add(a, b", "add(a, b, alpha=2", "matmul(a, b.t()", "topk(a, 2", "gather(a, 1, i[:, :1] * 0",
    "cumsum(a, 0", "index_select(a, 0, i[0, :1] * 0", "argmax(a", "addmm(torch.zeros(3, 3), a, b.t()",
    "special.expit(a", "where(m, a, b", "sort(a", "mean(a, 1", "clamp(a, 0, 1", "eq(a, b", "cat([a, b]",
    "div(a, p, rounding_mode='floor'", "exp('x'", "add(a, 'x'",
):
    CASES += lines(f"torch.{_call}, out=None)")
