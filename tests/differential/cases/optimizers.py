"""Every optimizer with every option: twenty steps on a small network; and schedules of the rate."""
# ruff: noqa: E501 - a case is one line, however long.

from __future__ import annotations

from cases import Case, lines

OPTIMIZERS = """
SGD(P, lr=0.1)
SGD(P)
SGD(P, lr=0.1, momentum=0.9)
SGD(P, lr=0.1, momentum=0.9, dampening=0.5)
SGD(P, lr=0.1, momentum=0.9, nesterov=True)
SGD(P, lr=0.1, weight_decay=0.1)
SGD(P, lr=0.001, momentum=0.9, weight_decay=0.1, maximize=True)
SGD(P, lr=0.1, foreach=False)
SGD(P, lr=0.1, foreach=True)
SGD(P, lr=torch.tensor(0.1))
SGD([{"params": P[:2], "lr": 0.01}, {"params": P[2:], "momentum": 0.5}], lr=0.1)
Adam(P)
Adam(P, lr=0.01)
Adam(P, lr=0.01, betas=(0.5, 0.9), eps=1e-4)
Adam(P, lr=0.01, weight_decay=0.1)
Adam(P, lr=0.01, amsgrad=True)
Adam(P, lr=0.01, maximize=True)
Adam(P, lr=0.01, foreach=False)
Adam([{"params": P[:2], "lr": 0.01, "weight_decay": 0.1}, {"params": P[2:]}], lr=0.001)
AdamW(P)
AdamW(P, lr=0.01, weight_decay=0.1)
AdamW(P, lr=0.01, amsgrad=True)
AdamW(P, lr=0.01, betas=(0.8, 0.99), maximize=True)
RMSprop(P)
RMSprop(P, lr=0.01, alpha=0.9, momentum=0.5)
RMSprop(P, lr=0.01, centered=True, weight_decay=0.1)
Adagrad(P)
Adagrad(P, lr=0.1, lr_decay=0.1, weight_decay=0.1)
Adagrad(P, initial_accumulator_value=0.1)
Adadelta(P)
Adadelta(P, lr=0.5, rho=0.8, weight_decay=0.1)
Adamax(P)
Adamax(P, lr=0.01, weight_decay=0.1)
NAdam(P)
NAdam(P, lr=0.01, weight_decay=0.1, decoupled_weight_decay=True)
RAdam(P)
RAdam(P, lr=0.01, weight_decay=0.1)
ASGD(P)
ASGD(P, lr=0.1, lambd=1e-3, t0=5)
Rprop(P)
Rprop(P, lr=0.02, etas=(0.4, 1.3))
Adafactor(P)
Adafactor(P, lr=0.1, weight_decay=0.1, d=2.0)
Adafactor(P, lr=0.1, eps=(1e-4, 0.1), beta2_decay=-0.5, maximize=True)
Muon([P[0], P[2]])
Muon([P[0], P[2]], lr=0.01, nesterov=False, momentum=0.5, weight_decay=0.0)
Muon([P[0], P[2]], lr=0.01, adjust_lr_fn="match_rms_adamw", ns_steps=3)
Muon(P)
SparseAdam(P)
""".strip().splitlines()

SETUP = (
    "N = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)); P = list(N.parameters()); "
    "O = optim.{}; "
)
TRAIN = """
for step in range({steps}):
    O.zero_grad()
    loss = ((N(a) - b[:, :3]) ** 2).mean()
    loss.backward()
    O.step()
"""


def train(optimizer: str, steps: int, answer: str) -> str:
    return SETUP.format(optimizer) + TRAIN.format(steps=steps) + answer


CASES: list[Case] = []
for optimizer in OPTIMIZERS:
    CASES.append(Case(train(optimizer, 1, "[p.detach() for p in P]"), "sum", False))
    CASES.append(Case(train(optimizer, 20, "[p.detach() for p in P]"), "training", False))
    CASES.append(Case(train(optimizer, 2, "O.state_dict()"), "training", False))
    CASES.append(Case(train(optimizer, 0, "repr(O), O.defaults"), "exact", False))
    CASES.append(Case(train(optimizer, 3, "Q = optim." + optimizer + "; "
                      "Q.load_state_dict(O.state_dict()); Q.state_dict()"), "training", False))

SCHEDULERS = """
StepLR(O, 3)
StepLR(O, 2, gamma=0.5)
StepLR(O, step_size=4, gamma=0.1, last_epoch=-1)
MultiStepLR(O, [2, 5], gamma=0.3)
MultiStepLR(O, milestones=[1, 1, 4])
ExponentialLR(O, 0.9)
ConstantLR(O, factor=0.5, total_iters=3)
LinearLR(O, start_factor=0.25, total_iters=5)
LinearLR(O)
PolynomialLR(O, total_iters=6, power=2.0)
CosineAnnealingLR(O, 5)
CosineAnnealingLR(O, T_max=10, eta_min=0.01)
CosineAnnealingWarmRestarts(O, 4)
CosineAnnealingWarmRestarts(O, 2, T_mult=2, eta_min=0.001)
LambdaLR(O, lambda n: 1 / (n + 1))
LambdaLR(O, [lambda n: 0.95 ** n])
MultiplicativeLR(O, lambda n: 0.95)
CyclicLR(O, 0.01, 0.1, step_size_up=3)
CyclicLR(O, 0.01, 0.1, step_size_up=3, mode="triangular2")
OneCycleLR(O, max_lr=0.5, total_steps=15)
OneCycleLR(O, max_lr=0.5, epochs=3, steps_per_epoch=5, anneal_strategy="linear")
SequentialLR(O, [optim.lr_scheduler.ConstantLR(O, 0.1, 2), optim.lr_scheduler.ExponentialLR(O, 0.9)], milestones=[3])
ChainedScheduler([optim.lr_scheduler.ConstantLR(O, 0.1, 2), optim.lr_scheduler.ExponentialLR(O, 0.9)])
""".strip().splitlines()
for scheduler in SCHEDULERS:
    made = (
        "O = optim.SGD([nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9); "
        f"S = optim.lr_scheduler.{scheduler}\n"
    )
    CASES.append(Case(
        made + "L = []\nfor n in range(13):\n    L.append((O.param_groups[0]['lr'], "
        "S.get_last_lr(), getattr(S, 'last_epoch', None)))\n    O.step()\n    S.step()\n"
        "(L, O.param_groups[0])", "pointwise", False))  # fmt: skip
    if "lambda" not in scheduler:
        CASES.append(Case(made + "O.step(); S.step(); S.state_dict()", "pointwise", False))

CASES += lines(
    """
O = optim.SGD([nn.Parameter(a)], lr=0.1); S = optim.lr_scheduler.ReduceLROnPlateau(O, patience=1); L = [(S.step(v), O.param_groups[0]["lr"]) for v in (1, 0.9, 0.9, 0.9, 0.9, 0.95, 1, 2)]; L
O = optim.SGD([nn.Parameter(a)], lr=0.1); S = optim.lr_scheduler.ReduceLROnPlateau(O, mode="max", factor=0.5, patience=0, cooldown=1); L = [(S.step(v), O.param_groups[0]["lr"]) for v in (1, 0.9, 0.9, 0.9, 0.9, 0.95, 1, 2)]; L
O = optim.SGD([nn.Parameter(a)], lr=0.1); O.zero_grad(); O.param_groups[0]["params"][0].grad
x = nn.Parameter(a); O = optim.SGD([x], lr=0.1); x.sum().backward(); O.zero_grad(set_to_none=False); x.grad
x = nn.Parameter(a); y = nn.Parameter(b); O = optim.SGD([x, y], lr=0.1); x.sum().backward(); O.step(); (x, y)
x = nn.Parameter(a); O = optim.SGD([x], lr=0.1); O.add_param_group({"params": [nn.Parameter(b)], "lr": 0.5}); repr(O)
x = nn.Parameter(a); O = optim.SGD([("w", x)], lr=0.1); O.state_dict()
x = nn.Parameter(a); O = optim.SGD({"params": [x]}, lr=0.1)
x = nn.Parameter(a); O = optim.Adam([x]); x.sum().backward(); O.step(); O.state[x]
x = nn.Parameter(a); O = optim.Adam([x]); x.sum().backward(); O.step(); list(O.state[x]), O.state[x]["step"]
x = nn.Parameter(a); O = optim.SGD([x], lr=0.1); O.step(lambda: (x * x).sum())
x = nn.Parameter(a); L = optim.LBFGS([x]); f = lambda: (L.zero_grad(), (y := ((x - b) ** 2).sum()), y.backward())[1]; L.step(f); x
x = nn.Parameter(a); L = optim.LBFGS([x], line_search_fn="strong_wolfe"); f = lambda: (L.zero_grad(), (y := ((x - b) ** 4).sum()), y.backward())[1]; L.step(f); x
x = nn.Parameter(a); O = optim.SGD([x], lr=0.1); h = O.register_step_post_hook(lambda o, i, k: print("x")); x.sum().backward(); O.step()
x = nn.Parameter(a); O = optim.SGD([x], lr=0.1); import copy; copy.deepcopy(O).param_groups[0]["lr"]
x = nn.Parameter(a); O = optim.Adam([x], lr=0.1); O.param_groups[0]["lr"] = 0.5; x.sum().backward(); O.step(); x
x = nn.Parameter(h.float()); x.grad = torch.ones(3, 4); O = optim.AdamW([x], lr=0.1); O.step(); x
x = nn.Parameter(a.double()); x.grad = torch.ones(3, 4, dtype=torch.float64); O = optim.Adam([x], lr=0.1); O.step(); x
x = nn.Parameter(flipped); x.grad = torch.ones(3, 4); O = optim.SGD([x], lr=0.1, momentum=0.9); O.step(); x
x = nn.Parameter(torch.ones(())); x.grad = torch.ones(()); O = optim.Adam([x], lr=0.1); O.step(); x
optim.SGD.__module__, optim.Optimizer.__module__, optim.lr_scheduler.StepLR.__module__
optim.lr_scheduler.LRScheduler is not None
optim.Optimizer
""",
    "sum",
    gradients=False,
)
