"""The layers that are compared with PyTorch, and how one comparison runs.

`run(torch, case)` works with either library: `make_layer_goldens.py` calls it with PyTorch,
`test_layers.py` with rushlight.
"""

import math
import warnings

X4 = [[2, 4]]
IMAGE = [[2, 4, 6, 6]]
LINE = [[2, 4, 8]]
VOLUME = [[2, 2, 4, 4, 4]]
BY_DIMS = {1: LINE, 2: IMAGE, 3: VOLUME}
CASES = []


def case(name, *args, x=None, evaluate=False, **kwargs):
    """`x`: shapes of random inputs, or lists of ints wrapped as {"ints": ...}."""
    CASES.append({"name": name, "args": list(args), "kwargs": kwargs, "x": x, "evaluate": evaluate})


def ints(values):
    return {"ints": values}


# Linear
case("Identity", 3, unused=1, x=X4)
case("Linear", 4, 3, x=X4)
case("Linear", 4, 3, False, x=X4)
case("Linear", 3, 0)
case("Linear", 0, 3)
case("Linear", 4.5, 3)
case("Linear", -1, 2)
case("Linear", 4, 3, device="cuda")
case("Bilinear", 4, 3, 2, x=[[2, 4], [2, 3]])
case("Bilinear", 0, 3, 2)

# Activations
for _name in (
    "ReLU", "ReLU6", "Sigmoid", "Hardsigmoid", "Tanh", "SiLU", "Mish", "Hardswish", "ELU", "CELU",
    "SELU", "GELU", "Hardshrink", "LeakyReLU", "LogSigmoid", "Softplus", "Softshrink", "PReLU",
    "Softsign", "Tanhshrink", "GLU", "RReLU", "Hardtanh",
):  # fmt: skip
    case(_name, x=X4)
for _name in ("ReLU", "ReLU6", "SiLU", "ELU", "LeakyReLU", "Hardtanh", "RReLU", "Hardswish"):
    case(_name, inplace=True)
case("RReLU", x=X4, evaluate=True)
case("Threshold", 0.5, 2, x=X4)
case("Threshold", 0.5, 2, True)
case("Hardtanh", 1, -1)
case("Hardtanh", min_value=-2, max_value=2)
case("GELU", "tanh", x=X4)
case("GELU", "x", x=X4)
case("PReLU", 4, 0.1, x=X4)
case("ELU", 2, True)
case("GLU", 0, x=X4)
for _name in ("Softmax", "LogSoftmax", "Softmin"):
    case(_name, 1, x=X4)
    case(_name)
case("Softmax2d", x=IMAGE)
case("Softmax2d", x=X4)

# Convolutions
case("Conv1d", 4, 6, 3, x=LINE)
case("Conv2d", 4, 6, 3, x=IMAGE)
case("Conv2d", 4, 6, [3, 2], stride=2, padding=[1, 2], dilation=2, groups=2, bias=False, x=IMAGE)
case("Conv2d", 4, 6, 3, padding="same", x=IMAGE)
case("Conv2d", 4, 6, 3, padding="valid")
case("Conv2d", 4, 6, 3, stride=2, padding="same")
case("Conv2d", 4, 6, 3, groups=3)
case("Conv2d", 4, 6, 3, groups=0)
case("Conv2d", 4, 5, 3, groups=2)
case("Conv3d", 2, 2, 2, x=VOLUME)
for _name in ("reflect", "replicate", "circular"):
    case("Conv2d", 4, 6, 3, padding=[1, 2], padding_mode=_name, x=IMAGE)
case("Conv2d", 4, 6, 4, padding="same", padding_mode="circular", x=IMAGE)
case("ConvTranspose1d", 4, 6, 3, x=LINE)
case("ConvTranspose2d", 4, 6, 3, stride=2, output_padding=1, groups=2, dilation=2, x=IMAGE)
case("ConvTranspose2d", 4, 6, 3, 2, 1, padding_mode="reflect")
case("ConvTranspose3d", 2, 3, 2, x=VOLUME)

# Norms
for _kwargs in (
    {}, {"affine": False}, {"momentum": None}, {"track_running_stats": False}, {"bias": False},
):  # fmt: skip
    case("BatchNorm2d", 4, x=IMAGE, **_kwargs)
    case("BatchNorm2d", 4, x=IMAGE, evaluate=True, **_kwargs)
case("BatchNorm1d", 4, x=[[5, 4]])
case("BatchNorm1d", 4, x=IMAGE)
case("BatchNorm2d", 4, x=X4)
case("BatchNorm3d", 2, x=VOLUME)
case("SyncBatchNorm", 4)
case("InstanceNorm1d", 4, x=LINE)
case("InstanceNorm2d", 4, affine=True, track_running_stats=True, x=IMAGE)
case("InstanceNorm2d", 3, x=IMAGE)
case("InstanceNorm2d", 3, affine=True, x=IMAGE)
case("InstanceNorm1d", 3, x=[[3]])
case("LayerNorm", 4, x=X4)
case("LayerNorm", [6, 6], x=IMAGE)
case("LayerNorm", [4], bias=False, x=X4)
case("LayerNorm", 4, elementwise_affine=False, x=X4)
case("GroupNorm", 2, 4, x=IMAGE)
case("GroupNorm", 3, 4)
case("GroupNorm", 2, 4, affine=False, x=IMAGE)
case("GroupNorm", 2, 4, bias=False)
case("RMSNorm", 4, x=X4)
case("RMSNorm", [4], 1e-3, False, x=X4)
case("LocalResponseNorm", 2, x=IMAGE)

# Pools
for _d, _x in BY_DIMS.items():
    for _name in ("MaxPool", "AvgPool"):
        case(f"{_name}{_d}d", 2, x=_x)
        case(f"{_name}{_d}d", 3, 2, 1, ceil_mode=True, x=_x)
    for _name in ("AdaptiveMaxPool", "AdaptiveAvgPool"):
        case(f"{_name}{_d}d", 2, x=_x)
    case(f"LPPool{_d}d", 2, 2, x=_x)
    case(f"MaxUnpool{_d}d", 2)
case("AvgPool2d", 2, divisor_override=3, x=IMAGE)
case("AdaptiveAvgPool2d", [None, 3], x=IMAGE)
case("FractionalMaxPool2d", 2)
case("FractionalMaxPool2d", 2, 3, 0.5)
case("FractionalMaxPool2d", 2, output_ratio=1.5)
case("FractionalMaxPool3d", 0, 2)

# Dropout
for _name in ("Dropout", "AlphaDropout"):
    case(_name, x=X4)
    case(_name, x=X4, evaluate=True)
case("Dropout1d", x=LINE)
case("Dropout2d", x=IMAGE)
case("Dropout3d", x=VOLUME)
case("Dropout", 0.3, True)
case("Dropout", 1.5)
case("Dropout", -0.1)

# Shapes
case("Flatten", x=IMAGE)
case("Flatten", 0, 1, x=IMAGE)
case("Unflatten", 1, [2, 2], x=IMAGE)
case("Unflatten", 1, 3)
case("Unflatten", 1, [2, "a"])
case("PixelShuffle", 2, x=IMAGE)
case("PixelUnshuffle", 2, x=IMAGE)
case("ChannelShuffle", 2, x=IMAGE)
case("Upsample", scale_factor=2, x=IMAGE)
case("Upsample", [3, 3], mode="bilinear", x=IMAGE)
case("UpsamplingNearest2d", scale_factor=2, x=IMAGE)
case("UpsamplingBilinear2d", [9, 9], x=IMAGE)
case("Fold", [4, 4], 2, x=[[1, 8, 9]])
case("Unfold", 2, x=IMAGE)
for _d, _x in BY_DIMS.items():
    case(f"ConstantPad{_d}d", 1, 3.5, x=_x)
    for _name in ("ReflectionPad", "ReplicationPad", "ZeroPad", "CircularPad"):
        case(f"{_name}{_d}d", 1, x=_x)
case("ZeroPad2d", [1, 2, 3, 4], x=IMAGE)
case("CircularPad2d", 1, x=X4)

# Tables
_tokens = [ints([[1, 2], [0, 3]])]
case("Embedding", 5, 3, x=_tokens)
case("Embedding", 5, 3, padding_idx=1, x=_tokens)
case("Embedding", 5, 3, -1)
case("Embedding", 5, 3, 5)
case("Embedding", 5, 3, -6)
case("Embedding", 5, 3, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True)
case("EmbeddingBag", 5, 3, mode="sum", padding_idx=0)

# Recurrent layers
_sequence = [[5, 2, 3]]
for _name in ("RNN", "LSTM", "GRU"):
    for _kwargs in (
        {}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True, "bias": False},
        {"num_layers": 2, "dropout": 0.5}, {"proj_size": 2}, {"nonlinearity": "relu"},
    ):  # fmt: skip
        case(_name, 3, 4, x=_sequence, **_kwargs)
    case(_name, 3, 4, x=[[5, 3]])
    case(_name, 3, 4, x=[[5, 2, 2]])
    case(_name, 3, 4, x=[[5]])
    case(_name, 3, 4, dropout=0.5)
    case(_name, 3, 4, dropout=2)
    case(_name, 3, 0)
    case(_name, 3, 4, num_layers=0)
    case(f"{_name}Cell", 3, 4, x=[[2, 3]])
    case(f"{_name}Cell", 3, 4, False, x=[[3]])
    case(f"{_name}Cell", 3, 4, x=[[2, 2]])
    case(f"{_name}Cell", 3, 4, x=[[1, 2, 3]])
case("RNN", 3, 4, nonlinearity="foo")
case("RNNCell", 3, 4, nonlinearity="relu", x=[[2, 3]])

# Attention
_attended = [[3, 2, 4], [3, 2, 4], [3, 2, 4]]
for _kwargs in ({}, {"bias": False}, {"batch_first": True}, {"dropout": 0.5},
                {"add_bias_kv": True, "add_zero_attn": True}):  # fmt: skip
    case("MultiheadAttention", 4, 2, x=_attended, **_kwargs)
case("MultiheadAttention", 4, 2, kdim=3, vdim=5, x=[[3, 2, 4], [3, 2, 3], [3, 2, 5]])
case("MultiheadAttention", 4, 2, x=[[3, 2, 5]] * 3)
case("MultiheadAttention", 4, 3)
case("MultiheadAttention", 0, 2)

# Losses
_classes = ints([1, 0])
for _name in (
    "L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss", "BCELoss", "BCEWithLogitsLoss",
    "SoftMarginLoss", "PoissonNLLLoss", "HingeEmbeddingLoss", "KLDivLoss",
):  # fmt: skip
    for _reduction in ("mean", "sum", "none"):
        case(_name, reduction=_reduction, x=[[2, 3], [2, 3]])
for _name in ("NLLLoss", "CrossEntropyLoss", "MultiMarginLoss"):
    case(_name, x=[[2, 3], _classes])
case("CrossEntropyLoss", ignore_index=0, label_smoothing=0.1, x=[[2, 3], _classes])
case("GaussianNLLLoss", x=[[2, 3], [2, 3], [2, 3]])
case("TripletMarginLoss", x=[[2, 3], [2, 3], [2, 3]])
case("TripletMarginWithDistanceLoss", x=[[2, 3], [2, 3], [2, 3]])
case("CosineEmbeddingLoss", x=[[2, 3], [2, 3], ints([1, -1])])
case("MarginRankingLoss", x=[[2], [2], ints([1, -1])])
case("MultiLabelSoftMarginLoss", x=[[2, 3], [2, 3]])
case("MultiLabelMarginLoss", x=[[2, 3], ints([[0, -1, 1], [1, 2, -1]])])
case("MSELoss", size_average=False)
case("MSELoss", reduce=False)
case("MSELoss", reduction="foo", x=[[2, 3], [2, 3]])
case("MultiMarginLoss", 3)
case("TripletMarginLoss", 0)
case("NLLLoss2d")
case("PairwiseDistance", x=[[2, 3], [2, 3]])
case("CosineSimilarity", x=[[2, 3], [2, 3]])
case("AdaptiveLogSoftmaxWithLoss", 4, 10, [3, 6], 2.0, x=[[2, 4], ints([1, 7])])


def _outputs(value):
    if isinstance(value, tuple):
        return [t for part in value for t in _outputs(part)]
    return [value]


def _tuples(value):
    return tuple(value) if isinstance(value, list) else value


def _summary(t):
    """Shape, an exact sum without cancellation and the first elements."""
    values = t.detach().flatten().tolist()
    weighted = [(i % 7 + 1) * v * v for i, v in enumerate(values) if math.isfinite(v)]
    return {"shape": list(t.shape), "values": [math.fsum(weighted), *values[:9]]}


def run(torch, spec):
    """What PyTorch or rushlight answers: text, initial state, outputs, gradients, or the error."""
    torch.manual_seed(0)
    answer = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            _run(torch, spec, answer)
        except Exception as error:
            answer["error"] = [type(error).__mro__[0].__name__, str(error).split(". ")[0]]
    # Notes about PyTorch's own backends are its business.
    answer["warnings"] = [str(w.message) for w in caught if "oneDNN" not in str(w.message)]
    return answer


def _run(torch, spec, answer):
    args = [_tuples(a) for a in spec["args"]]
    kwargs = {k: _tuples(v) for k, v in spec["kwargs"].items()}
    module = getattr(torch.nn, spec["name"])(*args, **kwargs)
    answer["repr"] = repr(module)
    answer["state"] = {n: _summary(v) for n, v in module.state_dict().items()}
    if spec["x"] is None:
        return
    if spec["evaluate"]:
        module.eval()
    torch.manual_seed(1)
    inputs = [torch.tensor(x["ints"]) if isinstance(x, dict) else torch.rand(x) for x in spec["x"]]
    leaf = inputs[0]
    if leaf.is_floating_point():
        leaf.requires_grad_()
    outputs = _outputs(module(*inputs))
    answer["outputs"] = [_summary(o) for o in outputs]
    # Of o * o the gradient through a normalisation would be nothing but rounding.
    total = sum(o.sin().sum() for o in outputs if o.requires_grad)
    if not isinstance(total, int):
        total.backward()
    answer["gradients"] = [
        None if t.grad is None else _summary(t.grad) for t in (leaf, *module.parameters())
    ]
    answer["buffers"] = {n: _summary(b) for n, b in module.named_buffers()}
