"""In-place twins, out=, and what writing in place does to types, views and graphs."""
# ruff: noqa: E501 - a case is one line, however long.

from __future__ import annotations

from cases import Case, lines

UNARY = """abs ceil cos erf exp floor neg reciprocal relu round sigmoid sin sqrt rsqrt tan tanh trunc
square log log1p expm1 sign log2 log10 acos asin atan cosh sinh frac clamp_min logical_not absolute
asinh atanh negative fix exp2 erfc erfinv digamma lgamma logit bitwise_not""".split()
BINARY = """add sub mul div pow remainder fmod floor_divide eq ne lt le gt ge maximum atan2 logical_and
logical_or logical_xor subtract multiply divide true_divide hypot copysign bitwise_and bitwise_or
bitwise_xor""".split()
CASES: list[Case] = []
for name in UNARY:
    extra = "0.5" if name == "clamp_min" else ""
    CASES.append(Case(f"x = p * 1; x.{name}_({extra}); x", "pointwise"))
    CASES.append(Case(f"x = p.clone(); y = x[0]; y.{name}_({extra}); x", "pointwise"))
    CASES.append(Case(f"i.{name}_({extra})", "pointwise", False))
    CASES.append(Case(f"p.{name}_({extra})", "pointwise"))
    CASES.append(Case(f"x = torch.zeros(3, 4); torch.{name}(p{', 0.5' if extra else ''}, out=x)"
                      "; x", "pointwise", False))
for name in BINARY:
    if name != "maximum":  # has no in-place twin
        CASES.append(Case(f"x = p * 1; x.{name}_(g); x", "pointwise"))
        CASES.append(Case(f"x = p * 1; x.{name}_(2); x", "pointwise"))
        CASES.append(Case(f"x = p.clone(); x[1].{name}_(row.abs() + 1); x", "pointwise"))
        CASES.append(Case(f"i.{name}_(i2)", "exact", False))
        CASES.append(Case(f"i.{name}_(2.5)", "exact", False))
        CASES.append(Case(f"row.{name}_(a)", "exact", False))
    CASES.append(Case(f"torch.{name}(p, g, out=torch.zeros(3, 4))", "pointwise", False))
    CASES.append(Case(f"x = torch.zeros(2); torch.{name}(p, g, out=x); x", "pointwise", False))
    CASES.append(Case(f"torch.{name}(p, g, out=torch.zeros(3, 4, dtype=torch.int64))",
                      "pointwise", False))
CASES += lines(
    """
a += 1
x = a * 1; x += 1; x
x = a * 1; x += b; x
x = a * 1; x -= row; x
x = a * 1; x *= 2.5; x
x = a * 1; x /= col; x
x = p * 1; x **= 2; x
x = a * 1; x //= 2; x
x = a * 1; x %= 2; x
x = i; x += 1; x
x = i; x += 1.5; x
x = i; x /= 2; x
x = i; x *= a; x
x = m.clone(); x &= m3[:, None]; x
x = m.clone(); x |= m_row; x
x = m.clone(); x ^= True; x
x = i.clone(); x <<= 1; x
x = h * 1; x += a; x
x = a * 1; x += d; x
x = a * 1; x.add_(b, alpha=2); x
x = a * 1; x.sub_(b, alpha=0.5); x
x = a * 1; x.addcmul_(b, p, value=2); x
x = a * 1; x.addcdiv_(b, p, value=-0.1); x
x = a * 1; x.lerp_(b, 0.3); x
x = a * 1; x.clamp_(-0.5, 0.5); x
x = a * 1; x.clamp_(min=0); x
x = a * 1; x.clamp_max_(0.2); x
x = a * 1; x.fill_(3); x
x = a * 1; x.fill_(zero_d); x
x = a * 1; x.fill_(row); x
x = a * 1; x.zero_(); x
x = a * 1; x.copy_(b); x
x = a * 1; x.copy_(row); x
x = a * 1; x.copy_(d); x
x = a * 1; x.copy_(i); x
x = a * 1; x.copy_(w); x
x = a * 1; x.masked_fill_(m, 0.5); x
x = a * 1; x.t_(); x
x = a * 1; x.transpose_(0, 1); x
x = a * 1; x.unsqueeze_(0); x
x = a * 1; x.squeeze_(); x
x = a * 1; x.detach_(); x
x = a * 1; x.relu_(); x
x = a * 1; torch.relu_(x); x
x = a * 1; torch.sigmoid_(x); x
x = a * 1; F.relu_(x); x
x = a * 1; F.leaky_relu_(x, 0.1); x
x = a * 1; F.elu_(x); x
x = a * 1; x.tril_(); x
x = a * 1; x.triu_(1); x
x = a * 1; x.cumsum_(0); x
x = a * 1; x.fill_diagonal_(0); x
x = a * 1; x.index_fill_(0, index3[:1], 1); x
x = a * 1; x.index_add_(0, index3, b); x
x = a * 1; x.scatter_(1, index, b); x
x = a * 1; x.scatter_add_(1, index, b); x
x = a * 1; x.index_copy_(0, index3, b); x
x = a * 1; x.resize_(2, 2); x.shape
x = torch.ones(3, 5); x.addmm_(a, w); x
x = a * 1; x.nan_to_num_(); x
x = a * 1; x.requires_grad_(False)
x = a * 1; x.set_(b); x
x = a * 1; x.swapaxes_(0, 1); x
x = a * 1; x.swapdims_(0, 1); x
x = a * 1; x.deg2rad_(); x
x = a * 1; x.rad2deg_(); x
x = a * 1; x.sinc_(); x
x = a * 1; y = x.view(-1); y.mul_(2); x
x = a * 1; y = x.t(); y[0].mul_(2); x
x = a * 1; y = x[1:]; x.mul_(2); y
x = a * 1; y = x[0]; z = x[0]; y.add_(1); z * 1
x = a * 1; y = x[0]; y.copy_(row); x.sum() + y.sum()
x = a * 1; y = x.diagonal(); y.fill_(0); x
x = a * 1; y = x.expand(2, 3, 4); y.add_(1)
x = a * 1; y, z = x.split(2); y.mul_(2)
x = a * 1; y, z, u = x.unbind(); y.mul_(2)
x = a * 1; y = x.unsqueeze(0)[0][1:, ::2]; y.exp_(); x
x = a * 1; y = x.permute(1, 0).reshape(4, 3); y.mul_(3); x
expanded.add_(1)
expanded.clone().add_(1)
x = a.exp(); x.add_(1); x
x = a.sigmoid(); x.mul_(2); x
x = a * b; a2 = b * 1; y = x * a2; a2.add_(1); y
x = a.relu(); x.add_(1); x
x = torch.empty(3, 5); torch.matmul(a, w, out=x); x
x = torch.empty(0); torch.mm(a, w, out=x); x
x = torch.empty(0); torch.sum(a, 0, out=x); x
x = torch.empty(0); torch.cat([a, b], out=x); x
x = torch.empty(0, dtype=torch.int64); torch.argmax(a, 1, out=x); x
x = torch.empty(0); y = torch.empty(0, dtype=torch.int64); torch.max(a, 1, out=(x, y)); (x, y)
x = torch.empty(0); torch.stack([a, b], out=x); x
x = torch.empty(0); torch.clamp(a, 0, 1, out=x); x
x = torch.empty(0); torch.softmax(a, 1, out=x)
x = torch.empty(0); torch.bmm(cube, batch, out=x); x
x = torch.empty(0); torch.where(m, a, b, out=x); x
x = torch.empty(0); torch.arange(3, out=x); x
x = torch.empty(0); torch.add(a, b, alpha=2, out=x); x
x = torch.zeros(3, 4, requires_grad=True); torch.add(a, b, out=x)
x = torch.zeros(4, 3).t(); torch.add(a, b, out=x); x
torch.add(a, b, out=i)
torch.add(a, 1, out=torch.zeros(3, 4, dtype=torch.float64))
torch.add(a.requires_grad_(), b, out=torch.zeros(3, 4))
x = g * 1; x.acosh_(); x
torch.arctan2(a, b)
torch.channel_shuffle(image, 2)
F.channel_shuffle(image, 2)
torch.is_anomaly_check_nan_enabled()
F.max_pool1d_with_indices(signal, 2)
F.pdist(a)
torch.pdist(a, 1)
x = a * 1; F.rrelu_(x); x
x = a * 1; torch.rrelu_(x); x
x = a * 1; F.selu_(x); x
x = a * 1; torch.selu_(x); x
x = a * 1; x.sgn_(); x
x = a * 1; F.celu_(x, 0.5); x
x = a * 1; torch.celu_(x); x
x = a * 1; F.threshold_(x, 0.1, 20.0); x
x = a * 1; torch.threshold_(x, 0.1, 20.0); x
x = a * 1; torch.dropout_(x, 0.5, True); x
x = a * 1; torch.alpha_dropout_(x, 0.5, True); x
x = image * 1; torch.feature_dropout_(x, 0.5, True); x
x = image * 1; torch.feature_alpha_dropout_(x, 0.5, True); x
torch.feature_dropout(image, 0.5, True)
F.dropout3d(volume, 0.5)
F.conv_transpose3d(volume, torch.ones(2, 3, 2, 2, 2))
torch.conv_transpose3d(volume, torch.ones(2, 3, 2, 2, 2), stride=2)
x = torch.ones(2, 3, 5); x.baddbmm_(cube, batch); x
x = a * 1; x.clip_(-1, 1); x
x = a * 1; x.cumprod_(1); x
x = a * 1; x.masked_scatter_(m, b); x
x = a * 1; x.scatter_reduce_(1, index, b, reduce="prod"); x
x = a * 1; x.put_(index_row, row); x
torch.put(a, index_row, row)
a.put(index_row, row, accumulate=True)
torch.fill(a, 2.0)
torch.ger(row, vector6)
row.ger(vector6)
torch.constant_pad_nd(a, (1, 1), 2.0)
a.constant_pad_nd((1, 0, 0, 2))
torch.empty_strided((2, 3), (1, 2)).stride()
torch.empty_permuted((2, 3), (1, 0)).stride()
a.new_empty_strided((2, 3), (1, 2)).stride()
torch.frombuffer(bytearray(b"abcdefgh"), dtype=torch.uint8)
torch.frombuffer(bytearray(b"abcdefgh"), dtype=torch.int16, offset=2, count=2)
torch.from_dlpack(np.arange(3.0))
torch.ShortTensor([1, 2]), torch.CharTensor([3]), torch.BFloat16Tensor([1.5])
torch.default_generator.initial_seed()
i.cfloat().dtype, i.cdouble().dtype, i.chalf().dtype
a.is_shared()
a.share_memory_() is a
a.storage().size()
x = torch.empty(0); torch.resize_as_(x, a); x.shape
x = torch.empty(0); x.resize_as_(a); x.shape
a._version
x = a * 1; x.add_(1); x.mul_(2); x._version
x = a * 1; y = x[0]; y.add_(1); (x._version, y._version)
x = a * 1; x.data.add_(1); x._version
x = a * 1; x.detach().add_(1); x._version
""",
    "sum",
)
