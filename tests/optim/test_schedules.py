"""What schedules refuse, warn about and save; their numbers are in test_trajectories.py."""

import optim_cases
import pytest

import rushlight as torch

S = torch.optim.lr_scheduler


@pytest.fixture
def optimizer():
    return optim_cases.scheduled_optimizer(torch)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: S.LambdaLR(o, [lambda e: 1]), "Expected 2 lr_lambdas, but got 1"),
        (lambda o: S.ConstantLR(o, factor=2.0),
         "Constant multiplicative factor expected to be between 0 and 1."),
        (lambda o: S.LinearLR(o, start_factor=0),
         "Starting multiplicative factor expected to be greater than 0 and less or equal to 1."),
        (lambda o: S.LinearLR(o, end_factor=2.0),
         "Ending multiplicative factor expected to be between 0 and 1."),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 1.5),
         "Expected positive integer T_0, but got 1.5"),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 2, 0),
         "Expected integer T_mult >= 1, but got 0"),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 2).step(-1),
         "Expected non-negative epoch, but got -1"),
        (lambda o: S.OneCycleLR(o, 0.1),
         "You must define either total_steps OR (epochs AND steps_per_epoch)"),
        (lambda o: S.OneCycleLR(o, 0.1, total_steps=0),
         "Expected positive integer total_steps, but got 0"),
        (lambda o: S.OneCycleLR(o, 0.1, total_steps=5, pct_start=2),
         "Expected float between 0 and 1 pct_start, but got 2"),
        (lambda o: S.OneCycleLR(o, 0.1, total_steps=5, anneal_strategy="x"),
         "anneal_strategy must be one of 'cos' or 'linear', instead got x"),
        (lambda o: S.CyclicLR(o, 0.1, 0.2, mode="x"), "mode is invalid and scale_fn is None"),
        (lambda o: S.CyclicLR(o, [0.1], 0.2), "base_lr must have the same length as "
         "optimizer.param_groups. base_lr has 1 values, param_groups has 2."),
        (lambda o: S.SequentialLR(o, [], []),
         "SequentialLR expects at least one scheduler, but got no scheduler."),
        (lambda o: S.ChainedScheduler([]),
         "ChainedScheduler expects at least one scheduler to be chained, but got no scheduler."),
        (lambda o: S.ReduceLROnPlateau(o, "x"), "mode x is unknown!"),
        (lambda o: S.ReduceLROnPlateau(o, factor=1.0), "Factor should be < 1.0."),
        (lambda o: S.ReduceLROnPlateau(o, min_lr=[1]), "expected 2 min_lrs, got 1"),
    ],
)  # fmt: skip
def test_value_errors(make, message, optimizer):
    with pytest.raises(ValueError) as caught:
        make(optimizer)
    assert str(caught.value) == message


def test_other_optimizers_are_refused(optimizer):
    other = optim_cases.scheduled_optimizer(torch)
    parts = [S.StepLR(optimizer, 1), S.StepLR(other, 1)]
    with pytest.raises(ValueError, match="at index 1 has SGD"):
        S.SequentialLR(optimizer, parts, [1])
    with pytest.raises(ValueError, match="at index 1 has SGD"):
        S.ChainedScheduler(parts)
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        S.StepLR(3, 1)
    p = torch.tensor([1.0], requires_grad=True)
    with pytest.raises(ValueError, match="optimizer must support momentum or beta1"):
        S.OneCycleLR(torch.optim.Adagrad([p]), 0.1, total_steps=5)


def test_going_on_needs_initial_rates(optimizer):
    with pytest.raises(KeyError, match="param 'initial_lr' is not specified"):
        S.StepLR(optimizer, 1, last_epoch=3)
    S.StepLR(optimizer, 2)
    resumed = S.StepLR(optimizer, 2, last_epoch=3)
    assert (resumed.last_epoch, resumed._step_count) == (4, 1)
    assert resumed.get_last_lr() == [0.1 * 0.1, 0.05 * 0.1]


def test_one_cycle_ends(optimizer):
    scheduler = S.OneCycleLR(optimizer, 0.1, total_steps=3)
    with pytest.raises(ValueError, match="Tried to step 4 times"):
        for _ in range(5):
            optimizer.step()
            scheduler.step()


def test_order_is_warned_about(optimizer):
    scheduler = S.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before"):
        scheduler.step()
    optimizer.step()
    scheduler.step()
    other = optim_cases.scheduled_optimizer(torch)
    scheduler = S.StepLR(other, 1)
    other.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden after learning rate scheduler"):
        scheduler.step()


def test_epoch_and_get_lr_are_warned_about(optimizer):
    scheduler = S.StepLR(optimizer, 2)
    optimizer.step()
    with pytest.warns(UserWarning, match="The epoch parameter in"):
        scheduler.step(5)
    assert scheduler.get_last_lr() == [0.1 * 0.1**2, 0.05 * 0.1**2]
    with pytest.warns(UserWarning, match="To get the last learning rate computed"):
        scheduler.get_lr()


@pytest.mark.parametrize("name", list(optim_cases.schedules(torch)))
def test_loading_goes_on(name):
    first, second = (optim_cases.scheduled_optimizer(torch) for _ in range(2))
    one = optim_cases.schedules(torch)[name](first)
    for _ in range(5):
        first.step()
        one.step()
    two = optim_cases.schedules(torch)[name](second)
    two.load_state_dict(one.state_dict())
    second.load_state_dict(first.state_dict())
    for _ in range(5):
        for optimizer, scheduler in ((first, one), (second, two)):
            optimizer.step()
            scheduler.step()
        assert one.get_last_lr() == two.get_last_lr()


def test_called_objects_are_saved(optimizer):
    class Halving:
        def __init__(self):
            self.base = 0.5

        def __call__(self, epoch):
            return self.base**epoch

    scheduler = S.LambdaLR(optimizer, Halving())
    assert scheduler.state_dict()["lr_lambdas"] == [{"base": 0.5}, {"base": 0.5}]
    other = S.LambdaLR(optimizer, lambda epoch: 1.0)
    assert other.state_dict()["lr_lambdas"] == [None, None]


def test_own_schedule(optimizer):
    class Halving(S.LRScheduler):
        def get_lr(self):
            return [base * 0.5**self.last_epoch for base in self.base_lrs]

    scheduler = Halving(optimizer)
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.05, 0.025]


def test_plateau_reads_tensors(optimizer):
    scheduler = S.ReduceLROnPlateau(optimizer, patience=0)
    scheduler.step(torch.tensor(1.0))
    scheduler.step(torch.tensor(2.0))
    assert scheduler.get_last_lr() == [0.1 * 0.1, 0.05 * 0.1]
