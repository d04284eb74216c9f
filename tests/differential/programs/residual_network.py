"""A residual network, frozen layers, containers, losses, initial values, errors."""


import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)


def init(m):
    if isinstance(m, (nn.Linear, nn.Conv2d)):
        nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        if m.bias is not None:
            nn.init.zeros_(m.bias)


class Res(nn.Module):
    expansion = 1

    def __init__(s, i, o, stride=1):
        super().__init__()
        s.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        s.bn1 = nn.BatchNorm2d(o)
        s.relu = nn.ReLU(inplace=True)
        s.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        s.bn2 = nn.BatchNorm2d(o)
        s.down = (
            nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
            if stride != 1 or i != o
            else None
        )

    def forward(s, x):
        idn = x if s.down is None else s.down(x)
        o = s.relu(s.bn1(s.conv1(x)))
        o = s.bn2(s.conv2(o))
        o += idn
        return s.relu(o)


class ResNet(nn.Module):
    def __init__(s):
        super().__init__()
        s.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6(), nn.MaxPool2d(3, 2, 1)
        )
        s.layer1 = nn.Sequential(Res(8, 8), Res(8, 16, 2))
        s.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        s.fc = nn.Linear(16, 10)
        s.apply(init)

    def forward(s, x):
        return s.fc(torch.flatten(s.avgpool(s.layer1(s.stem(x))), 1))


m = ResNet()
print(m)
for n, p in m.named_parameters():
    if n.startswith("stem"):
        p.requires_grad = False
m.fc = nn.Linear(m.fc.in_features, 3)
opt = torch.optim.SGD(
    [{"params": m.layer1.parameters(), "lr": 0.001}, {"params": m.fc.parameters()}],
    lr=0.01,
    momentum=0.9,
    nesterov=True,
    weight_decay=0.0001,
)
crit = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5]))
for e in range(3):
    x = torch.randn(6, 3, 16, 16)
    y = torch.randint(0, 3, (6,))
    opt.zero_grad()
    for i in range(2):
        l = crit(m(x[i * 3 : i * 3 + 3]), y[i * 3 : i * 3 + 3]) / 2
        l.backward()
    opt.step()
    print(f"{l.item():.4f}")
print(
    sum(p.numel() for p in m.parameters() if p.requires_grad),
    sum(p.numel() for p in m.parameters()),
    m.stem[0].weight.grad,
)


class Z(nn.Module):
    def __init__(s):
        super().__init__()
        s.l = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
        s.l.append(nn.ReLU())
        s.l.extend([nn.Tanh()])
        s.l.insert(0, nn.Identity())
        s.d = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.PReLU()})
        s.p = nn.ParameterList([nn.Parameter(torch.randn(2)) for _ in range(2)])
        s.pd = nn.ParameterDict({"x": nn.Parameter(torch.ones(1)), "y": torch.zeros(2)})

    def forward(s, x):
        for l in s.l:
            x = l(x)
        return s.d["b"](s.d["a"](x)) * s.pd["x"] + s.p[0].sum()


z = Z()
print(z)
print(z(torch.ones(1, 2)))
print(list(z.state_dict()))
print(
    [n for n, _ in z.named_modules()],
    [n for n, _ in z.named_children()],
    len(z.l),
    "a" in z.d,
    list(z.d.keys()),
    z.l[1:3],
    z.l[-1],
)
z.d.update({"c": nn.Linear(1, 1)})
del z.d["a"]
del z.l[0]
print(z.d, len(list(z.parameters())), list(z.pd.items())[0][0])
s = nn.Sequential(nn.Linear(2, 3))
s.add_module("act", nn.ReLU())
s.append(nn.Linear(3, 1))
print(s, s[0], s.act, s[-1], len(s), s[:2])
print(nn.Sequential(nn.Linear(1, 1)) + nn.Sequential(nn.ReLU()))
print(z.training, z.eval().training, z.d["b"].training, z.train().training)
print(z.get_submodule("d.b"), z.get_parameter("pd.x"))
for bad in (
    lambda: z.nope,
    lambda: nn.Module()(1),
    lambda: z.register_buffer("l", torch.ones(1)),
    lambda: z.register_parameter("q", torch.ones(1)),
    lambda: setattr(z, "l", 3),
    lambda: z.get_submodule("x.y"),
    lambda: z.load_state_dict([]),
    lambda: s[7],
    lambda: z.d["zz"],
    lambda: nn.Linear(2),
    lambda: nn.Conv2d(3, 4, 3, groups=2),
    lambda: m(torch.ones(1, 1, 4, 4)),
    lambda: m(torch.ones(4)),
    lambda: nn.Linear(2, 2)(np.ones((1, 2))),
    lambda: nn.Linear(2, 2)([1, 2]),
    lambda: F.relu(3),
    lambda: nn.ReLU()(None),
    lambda: crit(torch.ones(2, 3), torch.tensor([1.0, 2.0])),
    lambda: crit(torch.ones(2, 3), torch.ones(2, 3, 2)),
    lambda: nn.BCEWithLogitsLoss()(torch.ones(2, 1), torch.ones(2)),
    lambda: nn.BCELoss()(torch.ones(2), torch.ones(2).long()),
    lambda: nn.L1Loss()(torch.ones(2, 1), torch.ones(3)),
    lambda: nn.KLDivLoss()(torch.ones(2, 3), torch.ones(2, 3)),
    lambda: nn.Embedding(3, 2, padding_idx=5),
    lambda: nn.MaxPool2d(2)(torch.ones(3)),
    lambda: nn.init.kaiming_normal_(torch.ones(3)),
    lambda: nn.GroupNorm(3, 4),
    lambda: nn.Flatten()(torch.ones(3)),
    lambda: nn.Unflatten(1, (2, 3))(torch.ones(1, 4)),
    lambda: nn.PixelShuffle(2)(torch.ones(1, 3, 2, 2)),
    lambda: nn.Parameter([1, 2]),
    lambda: nn.utils.clip_grad_norm_(m.parameters(), 1.0, error_if_nonfinite=True).shape,
    lambda: nn.RNN(2, 3, nonlinearity="x"),
    lambda: nn.LSTMCell(2, 3)(torch.ones(1, 4)),
    lambda: F.interpolate(torch.ones(1, 1, 2), scale_factor=2, mode="bilinear"),
    lambda: F.dropout(torch.ones(1), 2.0),
    lambda: F.pad(torch.ones(2), (1,)),
    lambda: F.one_hot(torch.ones(2)),
    lambda: F.gumbel_softmax(torch.zeros(2, 3), hard=True).sum(),
    lambda: F.scaled_dot_product_attention(
        torch.ones(1, 2, 4), torch.ones(1, 2, 4), torch.ones(1, 2, 4), is_causal=True
    ),
):
    try:
        print("ok", bad())
    except Exception as e:
        print(type(e).__name__, "|", (str(e).splitlines() or [""])[0])
L = [
    (nn.L1Loss(), 0),
    (nn.MSELoss(reduction="none"), 0),
    (nn.SmoothL1Loss(beta=0.5), 0),
    (nn.HuberLoss(delta=0.7), 0),
    (nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0])), 1),
    (nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=2), 2),
    (nn.CrossEntropyLoss(), 1),
    (nn.NLLLoss(reduction="sum"), 2),
    (nn.KLDivLoss(reduction="batchmean"), 1),
    (nn.MultiLabelSoftMarginLoss(), 1),
    (nn.MultiMarginLoss(), 2),
    (nn.PoissonNLLLoss(), 1),
    (nn.SoftMarginLoss(), 3),
    (nn.HingeEmbeddingLoss(), 3),
]
x = torch.randn(4, 3, requires_grad=True)
T = {
    0: torch.randn(4, 3),
    1: torch.rand(4, 3),
    2: torch.tensor([0, 2, 1, 2]),
    3: torch.sign(torch.randn(4, 3)),
}
for l, k in L:
    inp = F.log_softmax(x, 1) if isinstance(l, (nn.NLLLoss, nn.KLDivLoss)) else x
    o = l(inp, T[k])
    (g,) = torch.autograd.grad(o.sum(), x)
    print(l, o, f"{g.abs().sum():.4f}")
a, b, c = [torch.randn(3, 4, requires_grad=True) for _ in range(3)]
print(
    nn.TripletMarginLoss()(a, b, c),
    nn.CosineEmbeddingLoss()(a, b, torch.tensor([1.0, -1, 1])),
    nn.MarginRankingLoss(0.1)(a[:, 0], b[:, 0], torch.ones(3)),
    nn.GaussianNLLLoss()(a, b, torch.ones(3, 4)),
)
for f in (
    nn.init.xavier_uniform_,
    nn.init.xavier_normal_,
    nn.init.kaiming_uniform_,
    nn.init.orthogonal_,
    nn.init.trunc_normal_,
    nn.init.eye_,
    nn.init.uniform_,
):
    print(f.__name__, f(torch.empty(3, 4)))
print(
    nn.init.sparse_(torch.empty(5, 3), 0.4),
    nn.init.dirac_(torch.empty(2, 2, 3)),
    nn.init.calculate_gain("leaky_relu", 0.2),
)
