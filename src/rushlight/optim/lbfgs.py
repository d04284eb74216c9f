"""L-BFGS: a quasi-Newton method that remembers a few steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import Tensor, wrap
from ._checks import check_lr
from ._line_search import strong_wolfe
from ._state import as_float
from ._update import call_closure
from .optimizer import Optimizer, ParamsT

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    r"""Limited-memory BFGS.

    Steps along :math:`-H g`, where :math:`H` approximates the inverse Hessian from the last
    `history_size` steps. Each call makes up to `max_iter` of them and needs a closure that clears
    the gradients, computes the loss, runs backward and returns the loss.

    Args:
        params: tensors; one group only.
        lr: the length of a step, times the direction.
        max_iter: iterations in a call. max_eval: evaluations in a call; 1.25 * max_iter by default.
        tolerance_grad: end when no gradient is larger.
        tolerance_change: end when the loss or the parameters change less.
        history_size: steps to remember.
        line_search_fn: None or "strong_wolfe".

    Raises:
        ValueError: several groups; a negative learning rate.

    Source: https://doi.org/10.1007/BF01589116,
        https://pytorch.org/docs/stable/generated/torch.optim.LBFGS.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.LBFGS([p], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((p - 3) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> _ = optimizer.step(closure)
    >>> p
    tensor([3.], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = {
            "lr": lr, "max_iter": max_iter, "max_eval": max_eval, "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def _gradient(self) -> Any:
        parts = []
        for p in self.param_groups[0]["params"]:
            grad = p._grad
            flat = np.zeros(p._data.size, p._data.dtype) if grad is None else grad._data.reshape(-1)
            parts.append(flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat)
        return np.concatenate(parts)

    def _add(self, t: float, direction: Any) -> None:
        """Move the parameters by `t` times a direction."""
        start = 0
        for p in self.param_groups[0]["params"]:
            data = p._data
            width = data.size * (2 if data.dtype.kind == "c" else 1)
            part = np.ascontiguousarray(direction[start : start + width])
            move = part.view(data.dtype) if data.dtype.kind == "c" else part
            data += data.dtype.type(t) * move.reshape(data.shape)
            _core.bump(p)
            start += width

    def _restore(self, saved: list[Any]) -> None:
        for p, data in zip(self.param_groups[0]["params"], saved, strict=True):
            p._data[...] = data
            _core.bump(p)

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Make up to `max_iter` iterations.

        Args:
            closure: evaluates the model again and returns the loss.

        Returns:
            The loss before the first iteration, as the closure gave it.
        """
        with _core.quiet():
            return self._minimize(closure)

    def _minimize(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        lr = as_float(group["lr"])
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = call_closure(closure)
        loss = as_float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        gradient = self._gradient()
        if _largest(gradient) <= group["tolerance_grad"]:
            return first_loss

        direction = _array(state.get("d"))
        t = state.get("t")
        steps = [_array(x) for x in state.get("old_dirs") or ()]
        changes = [_array(x) for x in state.get("old_stps") or ()]
        inverses = [_array(x) for x in state.get("ro") or ()]
        scale = _array(state.get("H_diag"))
        old_gradient = _array(state.get("prev_flat_grad"))
        old_loss = state.get("prev_loss")

        n = 0
        while n < group["max_iter"]:
            n += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                direction = -gradient
                steps, changes, inverses = [], [], []
                scale = 1
            else:
                y = gradient - old_gradient
                s = direction * gradient.dtype.type(t)
                ys = y @ s
                if ys > 1e-10:
                    if len(steps) == group["history_size"]:
                        steps.pop(0)
                        changes.pop(0)
                        inverses.pop(0)
                    steps.append(y)
                    changes.append(s)
                    inverses.append(1 / ys)
                    scale = ys / (y @ y)
                factors = state.setdefault("al", [None] * group["history_size"])
                direction = _two_loops(gradient, steps, changes, inverses, scale, factors)
            old_gradient = gradient.copy()
            old_loss = loss

            if state["n_iter"] == 1:
                t = min(1.0, 1.0 / float(np.abs(gradient).sum())) * lr
            else:
                t = lr
            slope = float(gradient @ direction)
            if slope > -group["tolerance_change"]:
                break
            made = 0
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                start = [p._data.copy() for p in group["params"]]

                def evaluate(t: float, along: Any = direction, start: Any = start) -> Any:
                    self._add(t, along)
                    value = as_float(call_closure(closure))
                    found = self._gradient()
                    self._restore(start)
                    return value, found

                loss, gradient, t, made = strong_wolfe(
                    evaluate, t, direction, loss, gradient, slope
                )
                self._add(t, direction)
                done = _largest(gradient) <= group["tolerance_grad"]
            else:
                self._add(t, direction)
                done = False
                if n != group["max_iter"]:
                    loss = as_float(call_closure(closure))
                    gradient = self._gradient()
                    done = _largest(gradient) <= group["tolerance_grad"]
                    made = 1
            evaluations += made
            state["func_evals"] += made
            if n == group["max_iter"] or evaluations >= group["max_eval"] or done:
                break
            if _largest(direction * gradient.dtype.type(t)) <= group["tolerance_change"]:
                break
            if abs(loss - old_loss) < group["tolerance_change"]:
                break

        state["d"] = _tensor(direction)
        state["t"] = t
        state["old_dirs"] = [_tensor(x) for x in steps]
        state["old_stps"] = [_tensor(x) for x in changes]
        state["ro"] = [_tensor(x) for x in inverses]
        state["H_diag"] = _tensor(scale)
        state["prev_flat_grad"] = _tensor(old_gradient)
        state["prev_loss"] = old_loss
        return first_loss


def _two_loops(
    gradient: Any, steps: Any, changes: Any, inverses: Any, scale: Any, factors: list[Any]
) -> Any:
    """The direction ``-H gradient``; `steps` are changes of the gradient, `changes` of the
    parameters; `factors` is filled."""
    q = -gradient
    for i in reversed(range(len(steps))):
        factor = (changes[i] @ q) * inverses[i]
        factors[i] = _tensor(factor)
        q = q - factor * steps[i]
    q = q * scale
    for i, s in enumerate(changes):
        q = q + (_array(factors[i]) - (steps[i] @ q) * inverses[i]) * s
    return q


def _largest(x: Any) -> float:
    return float(np.abs(x).max(initial=0.0))


def _array(x: Any) -> Any:
    """A state as NumPy sees it."""
    return x._data[()] if isinstance(x, Tensor) else x


def _tensor(x: Any) -> Any:
    return wrap(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x


LBFGS.__module__ = "torch.optim.lbfgs"
