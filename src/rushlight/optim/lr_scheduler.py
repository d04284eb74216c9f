"""Learning-rate schedules: ``torch.optim.lr_scheduler``."""

from __future__ import annotations

from ._schedules.base import LRScheduler, _LRScheduler
from ._schedules.combined import ChainedScheduler, ReduceLROnPlateau, SequentialLR
from ._schedules.cyclic import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from ._schedules.shapes import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)  # fmt: skip

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
    "CyclicLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR",
    "MultiplicativeLR", "OneCycleLR", "PolynomialLR", "ReduceLROnPlateau", "SequentialLR",
    "StepLR",
]  # fmt: skip

for _class in (
    LRScheduler, _LRScheduler, ChainedScheduler, ConstantLR, CosineAnnealingLR,
    CosineAnnealingWarmRestarts, CyclicLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR,
    MultiplicativeLR, OneCycleLR, PolynomialLR, ReduceLROnPlateau, SequentialLR, StepLR,
):  # fmt: skip
    _class.__module__ = "torch.optim.lr_scheduler"

