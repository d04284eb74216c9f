"""Images and sequences: grids, antialiasing, fractional pooling, CTC, attention, bags."""
# ruff: noqa: E501 - a case is one line, however long.

from __future__ import annotations

from cases import Case, lines

CASES: list[Case] = []
for _padding in ("zeros", "border", "reflection"):
    for _align in (True, False):
        for _mode in ("bilinear", "nearest", "bicubic"):
            CASES.append(Case(
                f"F.grid_sample(image, torch.stack([square, square.t()], -1).tile(2, 1, 1, 1), '{_mode}', '{_padding}', {_align})"))
            CASES.append(Case(
                f"F.grid_sample(image[:1, :1], torch.tensor([float('nan'), 0, 1, float('inf'), -float('inf'), 0, -1, -1, 1e20, 0, .5, -5, 5, .3, 1, 1]).reshape(1, 2, 4, 2), '{_mode}', '{_padding}', {_align})", "sum", False))
        for _mode in ("bilinear", "nearest"):
            CASES.append(Case(
                f"F.grid_sample(volume, cube[:1, :, :3].reshape(1, 1, 3, 1, 3).tile(1, 2, 1, 2, 1) * 0.4, '{_mode}', '{_padding}', {_align})", "sum", True, False))
for _size in ((3, 4), (9, 7), (1, 6)):
    for _mode in ("bilinear", "bicubic", "lanczos"):
        for _align in (False, True):
            CASES.append(Case(f"F.interpolate(image, {_size}, mode='{_mode}', align_corners={_align}, antialias=True)"))
for _reduction in ("none", "mean", "sum"):
    for _zero in (False, True):
        for _lengths in ("(7, 6), (3, 2)", "(7, 7), (0, 3)", "(2, 7), (3, 2)", "(7, 0), (2, 0)",
                         "torch.tensor([7, 6]), torch.tensor([3, 2])"):
            CASES.append(Case(
                f"F.ctc_loss(torch.stack([logits.t(), logits.t().flip(0)], 1).log_softmax(2), torch.tensor([[1, 1, 2], [3, 4, 4]]), {_lengths}, 0, '{_reduction}', {_zero})", "sum", True, False))
CASES += lines(
    """
F.grid_sample(image, torch.zeros(2, 1, 1, 2))
F.grid_sample(image, torch.zeros(2, 1, 1, 2), mode="nosuch")
F.grid_sample(image, torch.zeros(2, 1, 1, 2), padding_mode="nosuch")
F.grid_sample(image, torch.zeros(1, 1, 1, 2), align_corners=True)
F.grid_sample(image, torch.zeros(2, 1, 1, 3), align_corners=True)
F.grid_sample(image, torch.zeros(2, 1, 1, 2).double(), align_corners=True)
F.grid_sample(image.long(), torch.zeros(2, 1, 1, 2).long(), align_corners=True)
F.grid_sample(image[:, :, :0], torch.zeros(2, 1, 1, 2), align_corners=True)
F.grid_sample(volume, torch.zeros(1, 1, 1, 1, 3), "bicubic", align_corners=True)
F.grid_sample(image[:, :0], torch.zeros(2, 1, 3, 2), align_corners=True).shape
torch.grid_sampler(image, torch.zeros(2, 1, 3, 2), 0, 0, True)
torch.grid_sampler_2d(image, torch.zeros(2, 1, 3, 2), 0, 0, True)
torch.grid_sampler_3d(volume, torch.zeros(1, 1, 3, 2, 3), 0, 0, True)
F.affine_grid(cube[:, :2, :3], (2, 1, 3, 4), True)
F.affine_grid(cube[:, :2, :3], (2, 1, 3, 4), False)
F.affine_grid(cube, (2, 1, 3, 4, 2), True)
F.affine_grid(cube, (2, 1, 3, 1, 2), False)
torch.affine_grid_generator(cube, (2, 1, 3, 1, 2), False)
F.affine_grid(cube[:, :2, :3], (2, 1, 1, 3), align_corners=True)
F.affine_grid(cube[:, :2, :3], (2, 1, 3, 4))
F.affine_grid(cube, (2, 1, 3, 4), True)
F.affine_grid(cube[:, 0], (2, 1, 3, 4), True)
F.affine_grid(cube.long(), (2, 1, 3, 4, 2), True)
F.affine_grid(cube, [2, 1, 3], True)
F.affine_grid(cube, [2, 1, 3, 0, 2], True)
F.affine_grid(cube[:, :2, :3], (3, 1, 3, 4), True)
F.interpolate(image, 3, mode="lanczos")
F.interpolate(image, 3, mode="area", antialias=True)
F.interpolate(signal, 3, mode="linear", antialias=True)
F.interpolate(image.half(), 3, mode="bilinear", antialias=True)
F.interpolate(image, scale_factor=0.4, mode="bicubic", antialias=True)
F.interpolate(image, scale_factor=(1.7, 0.4), mode="bilinear", antialias=True)
F.interpolate((image * 50).byte(), 4)
F.interpolate(image.long(), 4, mode="bilinear")
F.fractional_max_pool2d(image, 2, output_size=3)
F.fractional_max_pool2d(image, (2, 3), output_size=(4, 2), return_indices=True)
F.fractional_max_pool2d(image[0], 2, output_ratio=(0.5, 0.7))
F.fractional_max_pool2d(image, 3, output_size=2, _random_samples=torch.full((2, 4, 2), 0.3))
F.fractional_max_pool2d(image, 2)
F.fractional_max_pool2d(image, 3, output_size=6)
F.fractional_max_pool2d(image, 2, output_size=3, _random_samples=torch.zeros(2, 4, 3))
F.fractional_max_pool2d(image, 2, output_size=3, _random_samples=torch.zeros(2, 3, 2))
F.fractional_max_pool2d(image, 2, output_size=3, _random_samples=torch.zeros(1, 4, 2))
F.fractional_max_pool2d(image, 2, output_size=3, _random_samples=torch.zeros(2, 4, 2).double())
F.fractional_max_pool2d(image[0, 0], 2, output_size=3)
F.fractional_max_pool2d(image[:, :0], 2, output_size=3)
F.fractional_max_pool2d(image, (2, 2, 2), output_size=3)
F.fractional_max_pool2d_with_indices(image, 2, output_size=3)
F.fractional_max_pool3d(volume, 2, output_size=2)
F.fractional_max_pool3d(volume, 2, output_size=(1, 2, 2), return_indices=True)
F.fractional_max_pool3d(volume, 2, output_ratio=0.5)
F.fractional_max_pool3d(volume, 2, output_size=3)
F.fractional_max_pool3d_with_indices(volume, 2, output_size=2)
torch.ctc_loss(logits.log_softmax(1)[:, None], torch.tensor([[1, 2]]), [5], [2], 0, 1, False)
F.ctc_loss(logits.log_softmax(1), torch.tensor([1, 2]), torch.tensor(5), torch.tensor(2), 6, "none")
F.ctc_loss(logits.log_softmax(1)[:, None], torch.tensor([[1, 2]]), (6,), (2,))
F.ctc_loss(logits.log_softmax(1)[:, None], torch.tensor([[1, 2]]), (-1,), (2,))
F.ctc_loss(logits.log_softmax(1)[:, None], torch.tensor([[1, 2]]), (5,), (3,))
F.ctc_loss(logits.log_softmax(1)[:, None], torch.tensor([1, 2, 3]), (5,), (2,))
F.ctc_loss(logits.log_softmax(1)[:, None], torch.tensor([[1, 2]]), (5, 5), (2,))
F.ctc_loss(logits.log_softmax(1)[:, None], torch.tensor([[1, 2]]), (5,), (2, 2))
F.ctc_loss(logits.log_softmax(1)[:, None], torch.tensor([[1, 2]]), (5,), (2,), blank=7)
F.ctc_loss(logits.log_softmax(1)[:, None].half(), torch.tensor([[1, 2]]), (5,), (2,))
F.ctc_loss(logits.log_softmax(1)[:, None], torch.tensor([[1, 2]]), torch.tensor([5.0]), torch.tensor([2]))
F.ctc_loss(logits.log_softmax(1)[:, None], torch.tensor([[1, 2]]), (5,), torch.tensor([2]))
F.scaled_dot_product_attention(batch, batch, batch, torch.ones(4, 4, dtype=torch.bool), is_causal=True)
F.scaled_dot_product_attention(image, image[:, :3], image[:, :3], enable_gqa=True)
F.lp_pool2d(image, float("inf"), 2)
F.lp_pool1d(signal, float("inf"), 2, ceil_mode=True)
F.max_unpool2d(*F.max_pool2d(image, 2, return_indices=True), 2, output_size=[9, 9])
F.cosine_embedding_loss(a, row, torch.ones(3))
torch.isclose(a, b, rtol=-1.0)
torch.isclose(a, b, atol=-1.0)
    """
)  # fmt: skip
for _bags in ("mode='sum'", "mode='mean'", "mode='max'", "mode='sum', padding_idx=2", "mode='mean', padding_idx=-3",
              "mode='max', padding_idx=0", "mode='sum', include_last_offset=True"):
    for _frequent in (False, True):
        CASES.append(Case(
            f"F.embedding_bag(torch.tensor([0, 0, 1, 2, 2, 2, 4]), logits, torch.tensor([0, 3, 3, 6, 7]), scale_grad_by_freq={_frequent}, {_bags})", "sum", True, False))
for _bags in ("mode='sum'", "mode='mean'", "mode='max'", "mode='mean', padding_idx=1"):
    for _rows in ("logits", "logits.double()"):
        CASES.append(Case(f"F.embedding_bag(torch.tensor([1, 9]), {_rows}, torch.tensor([0, 1]), {_bags})", "exact", False))
        CASES.append(Case(f"F.embedding_bag(torch.tensor([[1, -9]]), {_rows}, {_bags})", "exact", False))
CASES += lines(
    """
F.conv_tbc(cube, torch.ones(3, 4, 2), torch.zeros(2), 1)
F.conv_tbc(cube, torch.ones(3, 3, 2), torch.zeros(2), 1)
F.scaled_dot_product_attention(batch[:, None], batch[:, None], batch[:, None], torch.ones(4, 4, dtype=torch.bool).tril(), is_causal=True)
torch.norm_except_dim(cube, 2, 1)
torch.norm_except_dim(cube, 2, -1)
    """,
    "sum", False,
)  # fmt: skip
CASES += [
    Case("F.scaled_dot_product_attention(image, image[:, :2], image[:, :2], enable_gqa=True)", "sum", True, False),
    Case("F.scaled_dot_product_attention(image, image, image, scale=0.3, is_causal=True)", "sum", True, False),
]
