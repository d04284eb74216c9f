"""Schema strings are parsed completely, and their twins are written as PyTorch writes them."""

import json
import pathlib

import pytest

from rushlight._define.schema import inplace_schema, is_factory, out_schema, parse
from rushlight._define.stubs import signature, stub_text

RECORD = json.loads(pathlib.Path(__file__).with_name("argument_errors.json").read_text())
SCHEMAS = sorted(
    {s for group in ("functions", "methods") for v in RECORD[group].values() for s in v}
)


def test_name_and_overload():
    schema = parse("aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False) -> Tensor")
    assert (schema.name, schema.overload) == ("sum", "dim_IntList")
    assert parse("exp(Tensor self) -> Tensor").overload == ""


def test_arguments():
    schema = parse(
        "f(Tensor(a!) self, int[1]? dim, SymInt[2] stride=1, *, ScalarType? dtype=None,"
        " str padding='valid, same', float eps=1e-05, Tensor?[] indices, float p=1) -> Tensor(a!)"
    )
    own, dim, stride, dtype, padding, eps, indices, p = schema.arguments
    assert (own.type, own.alias, own.mutable, own.optional) == ("Tensor", "a!", True, False)
    assert (dim.type, dim.list_size, dim.optional, dim.has_default) == ("int", 1, True, False)
    assert (stride.type, stride.symbolic, stride.default) == ("int", True, (1, 1))
    assert (dtype.keyword_only, dtype.optional, dtype.default) == (True, True, None)
    assert padding.default == "valid, same"
    assert eps.default == 1e-05
    assert (indices.list_size, indices.optional_elements, indices.optional) == (0, True, False)
    assert type(p.default) is float
    assert not stride.keyword_only and own.type_text() == "Tensor"


def test_returns():
    values, indices = parse("max.dim(Tensor self) -> (Tensor values, Tensor indices)").returns
    assert (values.name, indices.name) == ("values", "indices")
    assert parse("f(Tensor self) -> ()").returns == ()
    (split,) = parse("split(Tensor(a -> *) self, SymInt n, int dim=0) -> Tensor(a)[]").returns
    assert (split.type, split.is_list, split.alias) == ("Tensor", True, "a")


def test_out_and_inplace_are_recognised():
    schema = parse("max.dim_max(Tensor self, *, Tensor(a!) max, Tensor(b!) v) -> (Tensor, Tensor)")
    assert [argument.name for argument in schema.outs] == ["max", "v"]
    assert schema.is_out and not schema.is_inplace
    assert parse("add_(Tensor(a!) self) -> Tensor(a!)").is_inplace
    assert not parse("__iand__(Tensor(a!) self) -> Tensor(a!)").is_inplace


@pytest.mark.parametrize("text", ["", "add", "add(Tensor self)", "(Tensor self) -> Tensor"])
def test_what_is_no_schema_is_refused(text):
    with pytest.raises(ValueError, match="not a schema"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "out"),
    [
        (
            "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
            "add.Tensor_out(Tensor self, Tensor other, *, Scalar alpha=1, Tensor(a!) out)"
            " -> Tensor(a!)",
        ),
        (
            "topk(Tensor self, SymInt k) -> (Tensor values, Tensor indices)",
            "topk.out(Tensor self, SymInt k, *, Tensor(a!) values, Tensor(b!) indices)"
            " -> (Tensor(a!), Tensor(b!))",
        ),
        (
            "ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None,"
            " Device? device=None, bool? pin_memory=None) -> Tensor",
            "ones.out(SymInt[] size, *, Tensor(a!) out) -> Tensor(a!)",
        ),
    ],
)
def test_out_schema(text, out):
    assert out_schema(text) == out


def test_inplace_schema():
    text = "sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"
    assert inplace_schema(text) == (
        "sub_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)"
    )


@pytest.mark.parametrize("text", SCHEMAS)
def test_nothing_of_a_real_schema_is_lost(text):
    schema = parse(text)
    for argument in schema.arguments:
        bare = argument.type_text().replace("?", "").split("[")[0]
        assert bare in text and f" {argument.name}" in text
    assert text.count(",") >= len(schema.arguments) - 1
    stars = [argument.keyword_only for argument in schema.arguments]
    assert stars == sorted(stars)
    assert any(stars) == (" *, " in text or "(*, " in text)
    written = [argument for argument in schema.arguments if argument.has_default]
    assert len(written) == text.split("->")[0].count("=") or "(a -> *)" in text


def test_factories():
    assert is_factory(parse(RECORD["functions"]["zeros"][0]))
    assert not is_factory(parse(RECORD["functions"]["add"][0]))


def test_signature_has_pytorchs_names():
    assert str(signature(RECORD["functions"]["softmax"])) == "(input, dim, dtype=None, *, out=None)"
    found = signature(RECORD["functions"]["sum"])
    assert str(found) == "(input, dim=None, keepdim=False, *, dtype=None, out=None)"
    assert str(signature(RECORD["methods"]["mul"], method=True)) == "(self, /, other)"


def test_stub_text_compiles_and_lists_overloads():
    text = stub_text("max", RECORD["functions"]["max"])
    assert text.count("@overload") == 3
    assert "def max(input: Tensor, dim: int, keepdim: bool = False, *," in text
    assert "-> return_types.max: ..." in text
    for method, group in ((False, "functions"), (True, "methods")):
        for name, schemas in RECORD[group].items():
            compile(stub_text(name, schemas, method=method), name, "exec")
            signature(schemas, name=name, method=method)


def test_stub_text_of_a_bare_list_of_ints():
    text = stub_text("view", RECORD["methods"]["view"], method=True)
    assert "def view(self, *size: int) -> Tensor: ..." in text
