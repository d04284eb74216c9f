"""Tensor text against PyTorch's, byte for byte, and the print options.

The goldens come from `make_printing_goldens.py`, run under real PyTorch.
"""

from __future__ import annotations

import base64
import inspect
import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from rushlight._tensor.printing import (
    format_tensor,
    format_value,
    get_printoptions,
    printoptions,
    set_printoptions,
)

GOLDENS = Path(__file__).with_name("printing_goldens.json")
CASES = json.loads(GOLDENS.read_text(encoding="utf-8"))["cases"]
DEFAULTS = {
    "precision": 4,
    "threshold": 1000,
    "edgeitems": 3,
    "linewidth": 80,
    "sci_mode": None,
}
PREFIXES = {"subclass": "Mine(", "subclassed parameter": "MineParameter("}


@pytest.fixture(autouse=True)
def default_options():
    with printoptions(profile="default"):
        yield


def array_of(case: dict) -> np.ndarray:
    name = case["dtype"]
    dtype = np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
    values = np.frombuffer(base64.b64decode(case["data"]), dtype)
    shape = tuple(case["shape"])
    return values[np.arange(np.prod(shape, dtype=int)) % len(values)].reshape(shape)


def render(case: dict) -> str:
    data = array_of(case)
    kind = case.get("kind", "plain")
    names = {
        "dtype_name": case["dtype"],
        "default_dtype_name": case.get("default", "float32"),
    }
    with printoptions(**case.get("options", {})):
        tangent = None
        if kind == "tangent":
            tangent = format_tensor(data, **names)
            if data.ndim == 0:
                tangent = format_value(data, "", None)
        return format_tensor(
            data,
            **names,
            requires_grad=case.get("requires_grad", False),
            grad_fn_name=case.get("grad_fn"),
            prefix=PREFIXES.get(kind, "tensor("),
            tangent=tangent,
            is_parameter="parameter" in kind,
            device=case.get("device"),
            contents=case.get("contents"),
        )


@pytest.mark.parametrize("index", range(len(CASES)))
def test_text_is_pytorchs(index):
    case = CASES[index]
    assert render(case) == case["text"]


def test_goldens_cover_every_dtype_and_kind():
    assert {case["dtype"] for case in CASES} >= {
        *["float16", "float32", "float64", "bfloat16", "complex64", "complex128", "bool"],
        *["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"],
    }
    kinds = {"plain", "subclass", "tangent", "parameter", "subclassed parameter"}
    assert {case.get("kind", "plain") for case in CASES} == kinds
    assert len(CASES) > 400


def test_strided_array_prints_like_its_copy():
    base = np.arange(24.0).reshape(4, 6)
    for view in (base.T, base[::2, ::-1], base[:, 2], np.broadcast_to(base[0], (3, 6))):
        assert format_tensor(view, dtype_name="float64") == format_tensor(
            view.copy(), dtype_name="float64"
        )


def test_signalling_nan_prints_without_a_warning():
    data = np.array([0x7F81, 0xFFBF, 0x3FC0], np.uint16).view(ml_dtypes.bfloat16)
    text = format_tensor(data, dtype_name="bfloat16")
    assert text == "tensor([   nan,    nan, 1.5000], dtype=torch.bfloat16)"
    assert format_value(data[0].reshape(()), "", None) == "nan"


def test_indent_shifts_what_follows_the_first_line():
    data = np.linspace(0, 1, 60, dtype=np.float32).reshape(2, 30)
    facts = {"dtype_name": "float32", "requires_grad": True}
    with printoptions(linewidth=70):
        plain = format_tensor(data, **facts)
    with printoptions(linewidth=75):
        moved = format_tensor(data, indent=5, **facts)
    assert moved == plain.replace("\n", "\n     ")


def test_meta_tensor_needs_no_elements():
    data = np.broadcast_to(np.float32(0), (10**6, 10**6))
    text = format_tensor(data, dtype_name="float32", device="meta", requires_grad=True)
    assert text == "tensor(..., device='meta', size=(1000000, 1000000), requires_grad=True)"


def test_device_is_named_first():
    data = np.zeros((0, 3))
    text = format_tensor(data, dtype_name="float64", device="cuda:0")
    assert text == "tensor([], device='cuda:0', size=(0, 3), dtype=torch.float64)"


def test_large_tensor_formats_only_its_edges():
    data = np.broadcast_to(np.int64(7), (10**5, 10**5))
    text = format_tensor(data, dtype_name="int64")
    row = "[7, 7, 7,  ..., 7, 7, 7]"
    rows = [row, row, row, "...", row, row, row]
    assert text == "tensor([" + (",\n" + " " * 8).join(rows) + "])"


@pytest.mark.parametrize(
    ("value", "dtype", "spec", "text"),
    [
        (1.5, "float32", "", "1.5"),
        (1.5, "float32", ".2f", "1.50"),
        (0.1, "float32", ">10", "0.10000000149011612"),
        (1.5, ml_dtypes.bfloat16, ".2f", "1.50"),
        (1.5, ml_dtypes.bfloat16, "", "1.5"),
        (0.1, "float16", "", "0.0999755859375"),
        (3, "int64", "x", "3"),
        (3, "uint64", ".2f", "3.00"),
        (True, "bool", "", "True"),
        (True, "bool", "d", "1"),
        (1 + 2j, "complex64", ".2f", "1.00+2.00j"),
        (1 + 2j, "complex64", ">10", "    (1+2j)"),
    ],
)
def test_format_of_a_number(value, dtype, spec, text):
    assert format_value(np.array(value, dtype), spec, None) == text


def test_format_that_does_not_fit_the_number():
    with pytest.raises(ValueError, match="Unknown format code 'd' for object of type 'float'"):
        format_value(np.array(1.5, np.float32), "d", None)


def test_format_of_a_tensor_with_dimensions_is_objects():
    class Tensor:
        def __str__(self):
            return "as str"

    data = np.ones(1)
    assert format_value(data, "", Tensor()) == "as str"
    message = r"^unsupported format string passed to Tensor\.__format__$"
    with pytest.raises(TypeError, match=message):
        format_value(data, ".2f", Tensor())


def test_default_options():
    assert get_printoptions() == DEFAULTS
    assert list(get_printoptions()) == list(DEFAULTS)


def test_signature_is_pytorchs():
    expected = ["precision", "threshold", "edgeitems", "linewidth", "profile", "sci_mode"]
    parameters = inspect.signature(set_printoptions).parameters
    assert list(parameters) == expected
    assert all(parameter.default is None for parameter in parameters.values())


@pytest.mark.parametrize(
    ("profile", "values"),
    [
        ("short", (2, 1000, 2, 80)),
        ("FULL", (4, float("inf"), 3, 80)),
        ("default", (4, 1000, 3, 80)),
        ("unknown", (9, 9, 9, 9)),
        (None, (9, 9, 9, 9)),
        (3, (9, 9, 9, 9)),
    ],
)
def test_profiles(profile, values):
    set_printoptions(9, 9, 9, 9)
    set_printoptions(profile=profile)
    assert tuple(get_printoptions().values()) == (*values, None)


def test_single_options_win_over_the_profile():
    set_printoptions(profile="short", precision=7)
    assert get_printoptions()["precision"] == 7
    assert get_printoptions()["edgeitems"] == 2


def test_every_call_sets_sci_mode():
    set_printoptions(sci_mode=True)
    assert get_printoptions()["sci_mode"] is True
    set_printoptions(precision=3)
    assert get_printoptions()["sci_mode"] is None


def test_context_manager_restores_after_an_error():
    set_printoptions(precision=3, sci_mode=False)
    before = get_printoptions()
    with pytest.raises(ZeroDivisionError), printoptions(precision=1, linewidth=20) as given:
        assert given is None
        assert get_printoptions()["linewidth"] == 20
        1 / 0  # noqa: B018
    assert get_printoptions() == before


def test_precision_that_is_no_number():
    set_printoptions(precision=-1)
    with pytest.raises(ValueError, match="Format specifier missing precision"):
        format_tensor(np.array([1.5]), dtype_name="float64")
