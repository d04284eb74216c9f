"""The examples of docstrings run; doctest itself skips classes that report other modules."""

import doctest
import inspect

import pytest

import rushlight as torch


def documented():
    for module in (torch.optim, torch.optim.lr_scheduler, torch.utils.data):
        for name, thing in inspect.getmembers(module):
            if (inspect.isclass(thing) or inspect.isfunction(thing)) and ">>>" in (
                thing.__doc__ or ""
            ):
                yield pytest.param(thing, id=name)


@pytest.mark.parametrize("thing", list(documented()))
def test_example(thing):
    example = doctest.DocTestParser().get_doctest(thing.__doc__, {}, thing.__name__, None, 0)
    runner = doctest.DocTestRunner(verbose=False)
    assert runner.run(example).failed == 0
