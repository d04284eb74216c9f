"""torch.nn modules: printing, initial values, forward, gradients, state_dict, train and eval."""
# ruff: noqa: E501 - a case is one line, however long.

from __future__ import annotations

from cases import Case, lines

#: (constructor, input) pairs; the input is a name of the pool or an expression.
MODULES = """
nn.Identity()|a
nn.Linear(4, 3)|a
nn.Linear(4, 3, bias=False)|cube
nn.Linear(4, 3, dtype=torch.float64)|d
nn.Bilinear(4, 4, 3)|a, b
nn.Flatten()|cube
nn.Flatten(0, 1)|cube
nn.Unflatten(1, (2, 2))|a
nn.ReLU()|a
nn.ReLU(inplace=True)|a * 1
nn.ReLU6()|a
nn.LeakyReLU()|a
nn.LeakyReLU(0.2)|a
nn.PReLU()|a
nn.PReLU(4, init=0.1)|a
nn.RReLU()|a
nn.ELU()|a
nn.ELU(0.5)|a
nn.SELU()|a
nn.CELU()|a
nn.GELU()|a
nn.GELU(approximate="tanh")|a
nn.SiLU()|a
nn.Mish()|a
nn.Sigmoid()|a
nn.Tanh()|a
nn.Softplus()|a
nn.Softplus(2, 10)|a
nn.Softsign()|a
nn.Hardtanh()|a
nn.Hardswish()|a
nn.Hardsigmoid()|a
nn.LogSigmoid()|a
nn.Tanhshrink()|a
nn.Softshrink()|a
nn.Hardshrink()|a
nn.Threshold(0.1, 20)|a
nn.GLU()|a
nn.Softmax(dim=1)|a
nn.Softmin(dim=1)|a
nn.LogSoftmax(dim=-1)|a
nn.Softmax2d()|image
nn.Conv2d(4, 6, 3)|image
nn.Conv2d(4, 6, 3, padding=1, stride=2)|image
nn.Conv2d(4, 6, (3, 2), padding="same", bias=False)|image
nn.Conv2d(4, 8, 3, groups=4)|image
nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")|image
nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")|image
nn.Conv2d(4, 4, 2, dilation=2)|image
nn.Conv1d(4, 3, 3)|signal
nn.Conv3d(2, 2, 2)|volume
nn.ConvTranspose2d(4, 3, 3, stride=2)|image
nn.ConvTranspose2d(4, 3, 2, stride=2, output_padding=1, padding=1)|image
nn.ConvTranspose1d(4, 3, 3)|signal
nn.MaxPool2d(2)|image
nn.MaxPool2d(3, stride=1, padding=1)|image
nn.MaxPool2d(2, ceil_mode=True)|small_image
nn.MaxPool2d(2, return_indices=True)|image
nn.MaxPool1d(2)|signal
nn.MaxPool3d(2)|volume
nn.AvgPool2d(2)|image
nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)|image
nn.AvgPool1d(3)|signal
nn.AdaptiveAvgPool2d(1)|image
nn.AdaptiveAvgPool2d((2, 3))|image
nn.AdaptiveAvgPool1d(3)|signal
nn.AdaptiveMaxPool2d(2)|image
nn.LPPool2d(2, 2)|image
nn.BatchNorm2d(4)|image
nn.BatchNorm2d(4, affine=False)|image
nn.BatchNorm2d(4, track_running_stats=False)|image
nn.BatchNorm2d(4, momentum=None, eps=1e-3)|image
nn.BatchNorm2d(4, momentum=0.3)|image
nn.BatchNorm1d(4)|a
nn.BatchNorm1d(4)|signal
nn.BatchNorm3d(2)|volume
nn.LayerNorm(4)|a
nn.LayerNorm((3, 4))|cube
nn.LayerNorm(4, eps=1e-3, elementwise_affine=False)|a
nn.LayerNorm(4, bias=False)|a
nn.GroupNorm(2, 4)|image
nn.GroupNorm(2, 4, affine=False)|image
nn.InstanceNorm2d(4)|image
nn.InstanceNorm2d(4, affine=True, track_running_stats=True)|image
nn.InstanceNorm1d(4)|signal
nn.RMSNorm(4)|a
nn.LocalResponseNorm(2)|image
nn.Dropout(0.3)|a
nn.Dropout()|long_row
nn.Dropout(0.5, inplace=True)|a * 1
nn.Dropout2d()|image
nn.Dropout1d()|signal
nn.AlphaDropout(0.4)|a
nn.Embedding(6, 3)|tokens
nn.Embedding(6, 3, padding_idx=0)|tokens
nn.Embedding(6, 3, padding_idx=-1)|tokens
nn.Embedding(6, 3, max_norm=1.0)|tokens
nn.Embedding(6, 3, scale_grad_by_freq=True)|tokens
nn.Embedding(6, 3, _weight=torch.ones(6, 3))|tokens
nn.Embedding.from_pretrained(torch.ones(6, 3))|tokens
nn.EmbeddingBag(6, 3)|tokens
nn.ZeroPad2d(1)|image
nn.ReflectionPad2d(1)|image
nn.ReplicationPad2d((1, 0, 2, 1))|image
nn.ConstantPad2d(1, 2.0)|image
nn.PixelShuffle(2)|image
nn.PixelUnshuffle(2)|image
nn.Upsample(scale_factor=2)|image
nn.Upsample(scale_factor=2, mode="bilinear")|image
nn.UpsamplingNearest2d(scale_factor=2)|image
nn.Unfold(2)|image
nn.Fold((4, 4), 2)|torch.ones(1, 8, 9)
nn.ChannelShuffle(2)|image
nn.CosineSimilarity()|a, b
nn.PairwiseDistance()|a, b
nn.MSELoss()|a, b
nn.MSELoss(reduction="sum")|a, b
nn.L1Loss()|a, b
nn.L1Loss(reduction="none")|a, b
nn.SmoothL1Loss()|a, b
nn.SmoothL1Loss(beta=0.5)|a, b
nn.HuberLoss(delta=0.5)|a, b
nn.BCELoss()|p, m.float()
nn.BCELoss(weight=torch.ones(4) * 2)|p, m.float()
nn.BCEWithLogitsLoss()|a, m.float()
nn.BCEWithLogitsLoss(pos_weight=torch.ones(4) * 3)|a, m.float()
nn.BCEWithLogitsLoss(reduction="sum")|a, m.float()
nn.CrossEntropyLoss()|logits, target
nn.CrossEntropyLoss(label_smoothing=0.1, reduction="sum")|logits, target
nn.CrossEntropyLoss(weight=torch.arange(1.0, 8.0), ignore_index=2)|logits, target
nn.NLLLoss()|logits.log_softmax(1), target
nn.NLLLoss(weight=torch.arange(1.0, 8.0), reduction="none")|logits.log_softmax(1), target
nn.KLDivLoss(reduction="batchmean")|logits.log_softmax(1), torch.ones(5, 7) / 7
nn.PoissonNLLLoss()|a, p
nn.GaussianNLLLoss()|a, b, p
nn.HingeEmbeddingLoss()|a, torch.ones(3, 4)
nn.SoftMarginLoss()|a, torch.ones(3, 4)
nn.MarginRankingLoss()|row, vector4, torch.ones(4)
nn.CosineEmbeddingLoss()|a, b, torch.ones(3)
nn.TripletMarginLoss()|a, b, p
nn.MultiMarginLoss()|logits, target
nn.MultiLabelSoftMarginLoss()|a, m.float()
nn.RNN(4, 3)|cube
nn.RNN(4, 3, 2, batch_first=True, bidirectional=True)|cube
nn.LSTM(4, 3)|cube
nn.LSTM(4, 3, num_layers=2, batch_first=True)|cube
nn.GRU(4, 3)|cube
nn.RNNCell(4, 3)|a
nn.LSTMCell(4, 3)|a
nn.GRUCell(4, 3)|a
nn.MultiheadAttention(4, 2)|cube, cube, cube
nn.MultiheadAttention(4, 2, batch_first=True)|cube, cube, cube
nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0)|cube
nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True), 2)|cube
nn.TransformerDecoderLayer(4, 2, 8, dropout=0.0)|cube, cube
nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))|a
nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.Tanh(), nn.Dropout(0.2)), nn.Linear(8, 2))|a
nn.Sequential(nn.Conv2d(4, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 5))|image
nn.Sequential(nn.Embedding(6, 4), nn.LayerNorm(4), nn.Flatten(), nn.Linear(20, 2))|tokens
""".strip().splitlines()

CASES: list[Case] = []
for entry in MODULES:
    constructor, _, arguments = entry.partition("|")
    CASES.append(Case(f"repr({constructor})", "exact", False))
    # Initial values, bit for bit, and the names and order of everything in the state_dict.
    CASES.append(Case(f"dict(({constructor}).state_dict())", "exact", False))
    CASES.append(Case(f"[n for n, _ in ({constructor}).named_parameters()]", "exact", False))
    CASES.append(Case(f"x = {constructor}; torch.rand(2)", "exact", False))
    # In a list, so that each parameter's gradient is the same as the input's: through autograd.
    CASES.append(Case(f"({constructor})({arguments})"))
    CASES.append(Case(f"({constructor}).eval()({arguments})", "sum", True, False))
    CASES.append(Case(
        f"x = {constructor}; y = x({arguments}); y = y[0] if isinstance(y, tuple) else y; "
        "y.pow(3).sum().backward() if y.requires_grad else None; "
        "([p.grad for p in x.parameters()], dict(x.state_dict()))", "sum", False))  # fmt: skip
    CASES.append(Case(
        f"x = {constructor}; y = x({arguments}); y = y[0] if isinstance(y, tuple) else y; "
        "P = list(x.parameters()); "
        "G = torch.autograd.grad(y.pow(3).sum(), P, create_graph=True, allow_unused=True) "
        "if P and y.requires_grad else []; "
        "G = [g for g in G if g is not None and g.requires_grad]; "
        "torch.autograd.grad(sum((g ** 2).sum() for g in G), P, allow_unused=True) if G else None",
        "second", False))  # fmt: skip

CASES += lines(
    """
x = nn.Linear(2, 3); [tuple(p.shape) for p in x.parameters()]
x = nn.Linear(2, 3); x.weight
x = nn.Linear(2, 3); x.in_features, x.out_features, x.bias.requires_grad
x = nn.Linear(2, 3); x.weight.grad is None
x = nn.Linear(2, 3); repr(x.weight)
nn.Parameter(a)
repr(nn.Parameter(a))
nn.Parameter(a, requires_grad=False)
nn.Parameter()
isinstance(nn.Parameter(a), torch.Tensor)
type(nn.Parameter(a) * 2)
nn.Buffer(a)
x = nn.Sequential(nn.Linear(2, 2), nn.ReLU()); x[0]
x = nn.Sequential(nn.Linear(2, 2), nn.ReLU()); x[-1]
x = nn.Sequential(nn.Linear(2, 2), nn.ReLU()); len(x), x[:1]
x = nn.Sequential(nn.Linear(2, 2), nn.ReLU()); x.append(nn.Tanh()); x
x = nn.Sequential(nn.Linear(2, 2), nn.ReLU()); x.insert(1, nn.Tanh()); x
x = nn.Sequential(nn.Linear(2, 2), nn.ReLU()); x.extend([nn.Tanh()]); x
x = nn.Sequential(nn.Linear(2, 2), nn.ReLU()); del x[0]; x
x = nn.Sequential(nn.Linear(2, 2), nn.ReLU()); x.pop(0); x
x = nn.Sequential(nn.Linear(2, 2), nn.ReLU()); x[0] = nn.Tanh(); x
nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh())
import collections; nn.Sequential(collections.OrderedDict([("fc", nn.Linear(2, 2)), ("act", nn.ReLU())]))
nn.Sequential()
nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)])
nn.ModuleList([nn.Linear(1, 1), nn.ReLU()])
x = nn.ModuleList([nn.ReLU()]); x.append(nn.Tanh()); x.extend([nn.ReLU()]); x.insert(0, nn.ELU()); x
nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.ReLU()})
nn.ParameterList([nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3))])
nn.ParameterDict({"a": nn.Parameter(torch.ones(2))})
x = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)); list(x.state_dict())
x = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)); [n for n, _ in x.named_modules()]
x = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)); [n for n, _ in x.named_children()]
x = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)); [n for n, _ in x.named_buffers()]
x = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)); x.state_dict()._metadata
x = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)); x.eval(); [y.training for y in x.modules()]
x = nn.Sequential(nn.Linear(2, 2)); x.requires_grad_(False); [p.requires_grad for p in x.parameters()]
x = nn.Linear(2, 2); x.double(); x.weight.dtype
x = nn.Linear(2, 2); x.half(); x.weight
x = nn.Linear(2, 2); x.to(torch.float64); x.weight
x = nn.Linear(2, 2); x.to("cpu") is x
x = nn.Linear(2, 2); x.cuda()
x = nn.BatchNorm1d(2).double(); [(n, y.dtype) for n, y in x.state_dict().items()]
x = nn.Linear(2, 2); x.apply(lambda y: nn.init.ones_(y.weight)); x.weight
x = nn.Linear(2, 2); y = nn.Linear(2, 2); y.load_state_dict(x.state_dict())
x = nn.Linear(2, 2); y = nn.Linear(2, 2); y.load_state_dict(x.state_dict()); torch.equal(x.weight, y.weight)
x = nn.Linear(2, 2); x.load_state_dict({"weight": torch.ones(2, 2)}, strict=False)
x = nn.Linear(2, 2); x.load_state_dict({"weight": torch.ones(2, 2), "extra": torch.ones(1)}, strict=False)
x = nn.Linear(2, 2); x.load_state_dict({"weight": torch.ones(2, 2), "extra": torch.ones(1)})
import copy; x = nn.Linear(2, 2); y = copy.deepcopy(x); torch.equal(x.weight, y.weight), x.weight is y.weight
x = nn.Linear(2, 2); x(torch.ones(1, 2)).sum().backward(); x.zero_grad(); x.weight.grad
x = nn.Linear(2, 2); x(torch.ones(1, 2)).sum().backward(); x.zero_grad(set_to_none=False); x.weight.grad
x = nn.Module(); x.register_buffer("b", torch.ones(2), persistent=False); list(x.state_dict()), list(dict(x.named_buffers()))
x = nn.Module(); x.register_buffer("b", None); x.b, list(x.state_dict())
x = nn.Module(); x.w = nn.Parameter(torch.ones(2)); x.l = nn.Linear(1, 1); x
x = nn.Module(); x.w = nn.Parameter(torch.ones(2)); del x.w; list(x.parameters())
x = nn.Module(); x.w = nn.Parameter(torch.ones(2)); x.w = None; dict(x.named_parameters())
x = nn.Module(); "training" in dir(x), x.training
x = nn.Linear(2, 2); x.get_parameter("weight").shape, x.extra_repr()
x = nn.Sequential(nn.Linear(2, 2)); x.get_submodule("0")
x = nn.Linear(2, 2); h = x.register_forward_hook(lambda m, i, o: o * 2); x(torch.ones(1, 2))
x = nn.Linear(2, 2); h = x.register_forward_pre_hook(lambda m, i: (i[0] * 2,)); x(torch.ones(1, 2))
x = nn.Linear(2, 2); L = []; h = x.register_full_backward_hook(lambda m, i, o: L.append((i, o))); x(torch.ones(1, 2, requires_grad=True)).sum().backward(); L
x = nn.Linear(2, 2); h = x.register_forward_hook(lambda m, i, o: o * 2); h.remove(); x(torch.ones(1, 2))
x = nn.BatchNorm2d(4); x(image); x(image * 2); dict(x.state_dict())
x = nn.BatchNorm2d(4); x.eval()(image)
x = nn.BatchNorm2d(4); x.num_batches_tracked
x = nn.BatchNorm2d(4); x(image); x.reset_running_stats(); dict(x.state_dict())
nn.utils.parameters_to_vector(nn.Linear(2, 2).parameters())
x = nn.Linear(2, 2); x(torch.ones(1, 2)).sum().backward(); nn.utils.clip_grad_norm_(x.parameters(), 0.5), x.weight.grad
x = nn.Linear(2, 2); x(torch.ones(1, 2)).sum().backward(); nn.utils.clip_grad_norm_(x.parameters(), 0.5, norm_type=float("inf")), x.weight.grad
x = nn.Linear(2, 2); x(torch.ones(1, 2)).sum().backward(); nn.utils.clip_grad_value_(x.parameters(), 0.5); x.weight.grad
nn.utils.rnn.pad_sequence([torch.ones(2), torch.ones(3)], batch_first=True)
nn.Linear.__module__, nn.Sequential.__module__, nn.Parameter.__module__, nn.MSELoss.__module__
nn.functional.relu is F.relu
nn.modules.Linear is nn.Linear
x = nn.LazyLinear(3); x(torch.ones(2, 4)).shape
x = nn.Linear(4, 4); x.share_memory
nn.Linear(3, 3).to(dtype=torch.bfloat16)(torch.ones(1, 3, dtype=torch.bfloat16))
""",
    "sum",
    gradients=False,
)
