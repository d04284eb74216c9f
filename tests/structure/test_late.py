"""Families that load late: their names are known beforehand, and using one loads them."""

import subprocess
import sys

NAMES = """
from rushlight._tensor import registry
import rushlight
early, methods = set(registry.FUNCTIONS), set(registry.METHODS)
registry.load_late()
assert set(registry.FUNCTIONS) - early == registry.LATE_NAMES, (
    set(registry.FUNCTIONS) - early ^ registry.LATE_NAMES)
assert set(registry.METHODS) == methods
"""
USE = """
import sys
import rushlight as torch
assert "rushlight._ops.conv" not in sys.modules
assert "conv2d" in dir(torch)
assert torch.conv2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2)).item() == 4
"""
KERNEL = """
import rushlight
from rushlight._core import RAW, TEN
assert RAW.conv and TEN.conv
assert not hasattr(RAW, "no_such_kernel")
"""


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_names_are_those_of_the_families():
    run(NAMES)


def test_using_a_name_loads_its_family():
    run(USE)


def test_a_kernel_of_a_late_family_is_found():
    run(KERNEL)
