"""Grad modes: contexts, decorators, generators, coroutines, threads."""

from __future__ import annotations

import asyncio
import threading

import pytest

import rushlight as torch


@pytest.fixture
def x():
    return torch.ones(2, requires_grad=True)


def test_no_grad_records_nothing(x):
    with torch.no_grad():
        y = x * 2
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    assert not y.requires_grad and y.grad_fn is None


def test_modes_nest(x):
    with torch.no_grad():
        with torch.enable_grad():
            assert (x * 2).requires_grad
            with torch.no_grad():
                assert not (x * 2).requires_grad
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad


def test_no_grad_inside_no_grad_leaves_the_outer_one_on():
    with torch.no_grad():
        with torch.no_grad():
            pass
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_exception_restores_the_mode():
    with pytest.raises(KeyError), torch.no_grad():
        raise KeyError
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("decorator", [torch.no_grad, torch.no_grad()])
def test_decorator_with_and_without_parentheses(decorator, x):
    @decorator
    def f(t):
        """What f does."""
        return t * 2

    assert not f(x).requires_grad
    assert f.__name__ == "f" and f.__doc__ == "What f does."


def test_set_grad_enabled_acts_at_once_and_as_context(x):
    torch.set_grad_enabled(False)
    try:
        assert not (x * 2).requires_grad
    finally:
        torch.set_grad_enabled(True)
    with torch.set_grad_enabled(False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_set_grad_enabled_as_decorator_does_not_act_outside():
    @torch.set_grad_enabled(False)
    def f():
        return torch.is_grad_enabled()

    assert torch.is_grad_enabled()
    assert not f()


def test_generator_runs_under_the_mode_and_its_consumer_does_not():
    @torch.no_grad()
    def numbers():
        sent = yield torch.is_grad_enabled()
        try:
            yield sent, torch.is_grad_enabled()
        except ValueError:
            yield "caught", torch.is_grad_enabled()
        return "done"

    it = numbers()
    assert next(it) is False
    assert torch.is_grad_enabled()
    assert it.send(5) == (5, False)
    assert it.throw(ValueError) == ("caught", False)
    assert torch.is_grad_enabled()
    with pytest.raises(StopIteration) as end:
        next(it)
    assert end.value.value == "done"


def test_closing_a_generator_runs_its_cleanup_under_the_mode():
    seen = []

    @torch.no_grad()
    def f():
        try:
            yield 1
        finally:
            seen.append(torch.is_grad_enabled())

    it = f()
    next(it)
    it.close()
    assert seen == [False]


def test_coroutines_do_not_leak_the_mode_to_other_tasks():
    @torch.no_grad()
    async def quiet():
        before = torch.is_grad_enabled()
        await asyncio.sleep(0)
        return before, torch.is_grad_enabled()

    @torch.no_grad()
    async def several():
        for i in range(2):
            await asyncio.sleep(0)
            yield i, torch.is_grad_enabled()

    async def other():
        seen = []
        for _ in range(4):
            seen.append(torch.is_grad_enabled())
            await asyncio.sleep(0)
        return seen

    async def main():
        return await asyncio.gather(quiet(), other()), [v async for v in several()]

    (first, second), third = asyncio.run(main())
    assert first == (False, False)
    assert second == [True] * 4
    assert third == [(0, False), (1, False)]


def test_decorated_class_warns():
    with pytest.warns(FutureWarning, match="Decorating classes is deprecated"):

        @torch.no_grad()
        class C:
            def __init__(self):
                self.mode = torch.is_grad_enabled()

    assert C().mode is False


def test_modes_belong_to_the_thread():
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_inference_mode(x):
    with torch.inference_mode():
        y = x * 2
        assert torch.is_inference_mode_enabled() and not torch.is_grad_enabled()
        with torch.inference_mode(False):
            assert (x * 2).requires_grad
        with torch.enable_grad():
            z = x * 2
    assert y.is_inference() and not y.requires_grad
    assert z.is_inference() and not z.requires_grad


def test_inference_mode_false_records_even_under_no_grad():
    with torch.no_grad(), torch.inference_mode(False):
        assert torch.is_grad_enabled()


@pytest.mark.parametrize("decorator", [torch.inference_mode, torch.inference_mode()])
def test_inference_mode_as_decorator(decorator):
    @decorator
    def f():
        return torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    assert f() == (False, True)


def test_inference_tensors_refuse_to_be_saved_and_written(x):
    with torch.inference_mode():
        i = torch.ones(2)
        i.add_(1)
    assert (x + i).requires_grad
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        x * i
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside"):
        i.add_(1)
    with torch.no_grad(), pytest.raises(RuntimeError, match="Inplace update to inference"):
        i.add_(1)
    with pytest.raises(RuntimeError, match="Setting requires_grad=True on inference tensor"):
        i.requires_grad_()
    with pytest.raises(RuntimeError, match="Inference tensors do not track version counter"):
        _ = i._version
    assert not i.clone().is_inference() and i.view(2).is_inference()
