"""The runs whose results with PyTorch are kept in ``goldens.json``; `torch` is either library."""

from __future__ import annotations

OPTIMIZERS = {
    "SGD": ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
            {"momentum": 0.5, "dampening": 0.3, "maximize": True}),
    "Adam": ({}, {"weight_decay": 0.1}, {"amsgrad": True, "betas": (0.7, 0.8), "maximize": True},
             {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    "AdamW": ({}, {"weight_decay": 0.3, "eps": 1e-3}),
    "RMSprop": ({}, {"momentum": 0.9}, {"centered": True, "momentum": 0.5, "weight_decay": 0.1},
                {"maximize": True}),
    "Adagrad": ({}, {"lr_decay": 0.1, "initial_accumulator_value": 0.3, "weight_decay": 0.1}),
    "Adadelta": ({}, {"weight_decay": 0.1, "maximize": True, "rho": 0.5}),
    "Adamax": ({}, {"weight_decay": 0.1, "betas": (0.5, 0.6)}),
    "NAdam": ({}, {"weight_decay": 0.1, "momentum_decay": 0.1},
              {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    "RAdam": ({}, {"weight_decay": 0.1, "betas": (0.8, 0.7)},
              {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    "ASGD": ({}, {"t0": 2, "lambd": 0.1, "weight_decay": 0.1}),
    "Rprop": ({}, {"etas": (0.3, 1.5), "maximize": True}),
    "Adafactor": ({}, {"weight_decay": 0.1, "d": 1.5}, {"eps": (1e-3, 0.1), "maximize": True}),
    "Muon": ({}, {"nesterov": False, "weight_decay": 0.3, "momentum": 0.5},
             {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3}),
}  # fmt: skip
STEPS = 8


def names():
    return [f"{name}-{i}" for name, all_options in OPTIMIZERS.items()
            for i in range(len(all_options))]  # fmt: skip


def start(torch, dtype="float64"):
    """Two parameters: one with a transposed layout."""
    values = torch.tensor([[0.5, -1.0, 2.0], [1.5, -0.25, 0.75]], dtype=getattr(torch, dtype))
    first = values.T.detach().requires_grad_()
    second = torch.tensor([1.0, -2.0], dtype=getattr(torch, dtype), requires_grad=True)
    return [first, second]


def optimizer(torch, name, parameters):
    kind, number = name.split("-")
    options = OPTIMIZERS[kind][int(number)]
    return getattr(torch.optim, kind)(parameters, lr=0.1, **options)


def give_gradients(torch, parameters, step):
    for p in parameters:
        p.grad = torch.sin(3 * p.detach() + step)
    if step == 3:
        parameters[-1].grad = None


def run(torch, name, dtype="float64"):
    """Parameters and state after some steps, with a gap and a change of the learning rate."""
    parameters = start(torch, dtype)
    if name.startswith("Muon"):  # it takes matrices only
        del parameters[1]
    made = optimizer(torch, name, parameters)
    for step in range(STEPS):
        give_gradients(torch, parameters, step)
        if step == 5:
            made.param_groups[0]["lr"] = 0.05
        made.step()
    saved = made.state_dict()
    state = {
        str(number): {key: value.tolist() for key, value in entry.items()}
        for number, entry in saved["state"].items()
    }
    groups = [
        {key: list(v) if isinstance(v, tuple) else v for key, v in group.items()}
        for group in saved["param_groups"]
    ]
    return {"parameters": [p.tolist() for p in parameters], "state": state, "groups": groups}


def schedules(torch):
    schedule = torch.optim.lr_scheduler
    return {
        "LambdaLR": lambda o: schedule.LambdaLR(o, [lambda e: 0.95**e, lambda e: 1 / (1 + e)]),
        "MultiplicativeLR": lambda o: schedule.MultiplicativeLR(o, lambda e: 0.95),
        "StepLR": lambda o: schedule.StepLR(o, 3),
        "MultiStepLR": lambda o: schedule.MultiStepLR(o, [2, 5, 5]),
        "ConstantLR": lambda o: schedule.ConstantLR(o, total_iters=4),
        "LinearLR": lambda o: schedule.LinearLR(o, 0.3, 0.9, 6),
        "ExponentialLR": lambda o: schedule.ExponentialLR(o, 0.9),
        "PolynomialLR": lambda o: schedule.PolynomialLR(o, 7, 2.0),
        "CosineAnnealingLR": lambda o: schedule.CosineAnnealingLR(o, 5, 0.001),
        "CosineAnnealingWarmRestarts":
            lambda o: schedule.CosineAnnealingWarmRestarts(o, 3, 2, 0.001),
        "CyclicLR": lambda o: schedule.CyclicLR(o, 0.01, 0.1, 3, 4),
        "CyclicLR-2": lambda o: schedule.CyclicLR(o, 0.01, 0.1, 3, mode="triangular2"),
        "CyclicLR-exp": lambda o: schedule.CyclicLR(o, 0.01, 0.1, 3, mode="exp_range", gamma=0.9),
        "CyclicLR-own": lambda o: schedule.CyclicLR(o, 0.01, 0.1, 3, scale_fn=lambda x: 0.7**x),
        "OneCycleLR": lambda o: schedule.OneCycleLR(o, 0.3, total_steps=20),
        "OneCycleLR-3": lambda o: schedule.OneCycleLR(
            o, [0.3, 0.2], epochs=4, steps_per_epoch=5, anneal_strategy="linear",
            three_phase=True, pct_start=0.4),
        "SequentialLR": lambda o: schedule.SequentialLR(
            o, [schedule.ConstantLR(o, 0.1, 2), schedule.ExponentialLR(o, 0.9),
                schedule.StepLR(o, 2)], [3, 8]),
        "SequentialLR-cosine": lambda o: schedule.SequentialLR(
            o, [schedule.LinearLR(o, 0.1, 1.0, 3), schedule.CosineAnnealingLR(o, 10)], [3]),
        "SequentialLR-restarts": lambda o: schedule.SequentialLR(
            o, [schedule.LinearLR(o, 0.1, 1.0, 3),
                schedule.CosineAnnealingWarmRestarts(o, 4, 2)], [3]),
        "ChainedScheduler": lambda o: schedule.ChainedScheduler(
            [schedule.ConstantLR(o, 0.1, 4), schedule.ExponentialLR(o, 0.9)]),
    }  # fmt: skip


def scheduled_optimizer(torch):
    p = torch.tensor([1.0], requires_grad=True)
    q = torch.tensor([1.0], requires_grad=True)
    groups = [{"params": [p]}, {"params": [q], "lr": 0.05}]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9)


def run_schedule(torch, name):
    made = scheduled_optimizer(torch)
    scheduler = schedules(torch)[name](made)
    seen = []
    for step in range(16):
        if step:
            made.step()
            scheduler.step()
        seen.append([[g["lr"], g["momentum"]] for g in made.param_groups])
    return {"rates": seen, "state keys": list(scheduler.state_dict())}


METRICS = [1, 0.95, 0.97, 0.96, 0.9, 0.9, 0.9, 0.9, 0.9, 2, 2, 2, 3, 3, 3, 3, 0.1, 0.1, 0.1, 0.1]


def run_plateau(torch, mode, threshold_mode):
    made = scheduled_optimizer(torch)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        made, mode, 0.5, 2, threshold=0.1, threshold_mode=threshold_mode, cooldown=1,
        min_lr=[0.01, 0.002],
    )  # fmt: skip
    seen = []
    for metric in METRICS:
        scheduler.step(metric)
        seen.append([scheduler.get_last_lr(), scheduler.num_bad_epochs, scheduler.best])
    return seen


def run_lbfgs(torch, options):
    """The Rosenbrock function in four dimensions."""
    x = torch.tensor([-1.0, 2.0, 0.5, 3.0], dtype=torch.float64, requires_grad=True)
    made = torch.optim.LBFGS([x], **options)
    losses = []

    def closure():
        made.zero_grad()
        loss = ((1 - x[:-1]) ** 2).sum() + 100 * ((x[1:] - x[:-1] ** 2) ** 2).sum()
        loss.backward()
        losses.append(loss.detach().item())
        return loss

    for _ in range(3):
        made.step(closure)
    return {"losses": losses, "x": x.tolist(), "iterations": made.state[x]["n_iter"]}


LBFGS = {
    "plain": {"lr": 1e-3},
    "wolfe": {"line_search_fn": "strong_wolfe"},
    "short": {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 5, "lr": 4.0},
}


def everything(torch):
    return {
        "trajectories": {name: run(torch, name) for name in names()},
        "schedules": {name: run_schedule(torch, name) for name in schedules(torch)},
        "plateau": {f"{mode} {kind}": run_plateau(torch, mode, kind)
                    for mode in ("min", "max") for kind in ("rel", "abs")},
        "lbfgs": {name: run_lbfgs(torch, options) for name, options in LBFGS.items()},
    }  # fmt: skip
