"""Families that load late: their names are known beforehand, and using one loads them."""

import subprocess
import sys

NAMES = """
from rushlight._tensor import registry
import rushlight
early, methods = set(registry.FUNCTIONS), set(registry.METHODS)
registry.load_late()
new = {name for name in set(registry.FUNCTIONS) - early if not name.startswith("_foreach_")}
assert new == registry.LATE_NAMES, new ^ registry.LATE_NAMES
new = set(registry.METHODS) - methods
assert new == registry.LATE_METHODS, new ^ registry.LATE_METHODS
"""
USE = """
import sys
import rushlight as torch
assert "rushlight._ops.conv" not in sys.modules
assert "conv2d" in dir(torch)
assert torch.conv2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2)).item() == 4
"""
METHOD = """
import sys
import rushlight as torch
assert "rushlight._ops.special" not in sys.modules
assert "mvlgamma" in dir(torch.Tensor)
assert torch.ones(1).cummax(0).indices.item() == 0
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


def test_using_a_method_loads_its_family():
    run(METHOD)


def test_a_kernel_of_a_late_family_is_found():
    run(KERNEL)
