"""Calls are bound, and refused, as PyTorch does: compared with its recorded answers.

`argument_errors.json` holds calls with PyTorch 2.13's answers (`record_argument_errors.py`). The
classes here stand in for the library's, so that only the binding is tested.
"""

import json
import pathlib
import types
import warnings

import numpy as np
import pytest

from rushlight._define import binding, values
from rushlight._define.binding import bind
from rushlight._define.dispatch import make_dispatcher
from rushlight._define.messages import hash_order
from rushlight._define.schema import parse

RECORD = json.loads(pathlib.Path(__file__).with_name("argument_errors.json").read_text())

# These overloads are compositions in PyTorch: its record names the op that they call.
COMPOSITE = {"var", "std", "var_mean", "std_mean"}


class FakeTensor:
    def __init__(self, data, requires_grad=False):
        self.data = np.asarray(data)
        self.requires_grad = requires_grad

    def dim(self):
        return self.data.ndim

    def numel(self):
        return self.data.size

    def item(self):
        return self.data.item()

    @property
    def T(self):
        return self

    def __gt__(self, other):
        return self

    def __getattr__(self, name):
        if name not in RECORD["methods"]:
            raise AttributeError(name)
        return types.MethodType(dispatcher(name, True), self)


class Parameter(FakeTensor):
    pass


class FakeDtype:
    pass


class FakeDevice:
    def __init__(self, name):
        if name != "cpu":
            raise RuntimeError(name)


class FakeSize(tuple):
    __slots__ = ()


class FakeGenerator:
    pass


class FakeLayout:
    pass


class FakeFormat:
    pass


FakeTensor.__name__ = "Tensor"
FLOAT64, INT64 = FakeDtype(), FakeDtype()


@pytest.fixture(autouse=True)
def registered():
    """The classes above in the place of the library's, for one test."""
    names = [name for name in vars(values.Types) if name[0] != "_"]
    before = {name: getattr(values.Types, name) for name in names}
    binding.configure(
        tensor_type=FakeTensor,
        dtype_type=FakeDtype,
        device_type=FakeDevice,
        size_type=FakeSize,
        generator_type=FakeGenerator,
        layout_type=FakeLayout,
        memory_format_type=FakeFormat,
        python_dtypes={float: FLOAT64, int: INT64, bool: FakeDtype(), complex: FakeDtype()},
    )
    yield
    for name, value in before.items():
        setattr(values.Types, name, value)


dispatchers = {}


def dispatcher(name, method):
    key = name, method
    if key not in dispatchers:
        schemas = RECORD["methods" if method else "functions"][name]
        targets = []
        for text in schemas:
            overload = f"{name}.{parse(text).overload or 'default'}"
            targets.append(lambda *args, overload=overload: (overload, args))
        dispatchers[key] = make_dispatcher(name, schemas, targets, method)
    return dispatchers[key]


class FakeTorch:
    float32, int32, strided, preserve_format = FakeDtype(), FakeDtype(), FakeLayout(), FakeFormat()
    Size, Generator, device = FakeSize, FakeGenerator, FakeDevice

    def __getattr__(self, name):
        return dispatcher(name, False)


def answer(call):
    space = {
        "torch": FakeTorch(),
        "np": np,
        "T": FakeTensor(np.ones((2, 3))),
        "P": Parameter(np.ones(2)),
        "I": FakeTensor(1),
        "I1": FakeTensor([1]),
        "F": FakeTensor(1.5),
        "B": FakeTensor(True),
        "R": FakeTensor(1.0, requires_grad=True),
        "O": object(),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated overloads, tested below
        try:
            return ["bound", eval(call, space)[0]]
        except TypeError as error:
            return ["error", str(error)]
        except RuntimeError:
            return ["bound", None]


@pytest.mark.parametrize("call", RECORD["calls"])
def test_same_answer_as_pytorch(call):
    expected = RECORD["calls"][call]
    # The second time a plan made by the first may answer.
    for _ in range(2):
        kind, text = answer(call)
        assert kind == expected[0], text
        if kind == "error":
            assert text == expected[1]
        elif text is not None and expected[1] is not None:
            name = text.split(".")[0]
            if expected[1].split(".")[0] == name and name not in COMPOSITE:
                assert text == expected[1]


ADD = ["add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"]
SUM = RECORD["functions"]["sum"]
T = FakeTensor(np.ones((2, 3)))


def test_defaults_are_filled_in():
    assert bind("add", ADD, (T, T), {}) == (0, [T, T, 1])
    index, bound = bind("sum", SUM, (T, 1), {"keepdims": True})
    assert parse(SUM[index]).overload == "dim_IntList"
    assert bound == [T, (1,), True, None]


def test_method_takes_the_tensor_first():
    assert bind("add", ADD, (T, 2), {"alpha": 3}, method=True) == (0, [T, 2, 3])


def test_single_int_is_repeated_and_numbers_become_pythons():
    schema = ["f(Tensor self, int[2] stride=1, float p=0, Scalar s=0, int n=0) -> Tensor"]
    args = (T, np.int64(3), True, np.float32(0.5), FakeTensor(7))
    assert bind("f", schema, args, {})[1] == [T, (3, 3), 1.0, 0.5, 7]
    bound = bind("f", schema, args, {})[1]
    assert [type(value) for value in bound[2:]] == [float, float, int]
    assert bind("f", schema, (T,), {})[1] == [T, (1, 1), 0.0, 0, 0]


def test_out_selects_the_out_schema():
    schemas = [
        "max.dim(Tensor self, int dim) -> (Tensor values, Tensor indices)",
        "max.dim_max(Tensor self, int dim, *, Tensor(a!) max, Tensor(b!) v) -> (Tensor, Tensor)",
    ]
    first, second = FakeTensor(1), FakeTensor(2)
    assert bind("max", schemas, (T, 1), {"out": (first, second)}) == (1, [T, 1, first, second])
    assert bind("max", schemas, (T, 1), {"out": None}) == (0, [T, 1])
    with pytest.raises(TypeError, match="expected tuple of 2 elements but got 1"):
        bind("max", schemas, (T, 1), {"out": [first]})


def test_factory_gains_requires_grad():
    schemas = RECORD["functions"]["zeros"]
    index, bound = bind("zeros", schemas, (2, 3), {"dtype": float, "requires_grad": True})
    assert parse(schemas[index]).overload == ""
    assert bound == [(2, 3), FLOAT64, None, None, False, True]
    index, bound = bind("zeros", schemas, ((2,),), {"out": T})
    assert parse(schemas[index]).overload == "out"
    assert bound == [(2,), T, None, None, None, False, False]


def test_default_dtype_of_a_schema():
    schemas = RECORD["functions"]["randint"]
    index, bound = bind("randint", schemas, (3, (2,)), {})
    names = [argument.name for argument in parse(schemas[index]).arguments]
    assert bound[names.index("dtype")] is INT64


def test_deprecated_overload_warns():
    with pytest.warns(UserWarning, match="This overload of add is deprecated") as caught:
        assert bind("add", ADD, (T, 2, T), {}) == (0, [T, T, 2])
    assert caught[0].filename == __file__


@pytest.mark.filterwarnings("ignore:This overload")
def test_deprecated_products():
    schema = [
        "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor"
    ]
    first, second = FakeTensor(1), FakeTensor(2)
    assert bind("addmm", schema, (2, T, 3, first, second), {})[1] == [T, first, second, 2, 3]
    assert bind("addmm", schema, (2, T, first, second), {})[1] == [T, first, second, 2, 1]
    bound = bind("addmm", schema, (T, 2, 3, first, second), {}, method=True)[1]
    assert bound == [T, first, second, 2, 3]


def test_hash_order_is_that_of_the_c_library():
    assert hash_order(["dim", "index", "value"]) == ["index", "value", "dim"]
    assert hash_order(["dim", "foo", "value"]) == ["foo", "value", "dim"]


def recorded(schemas, method=False):
    """A dispatcher whose targets give their arguments back, and the list of calls bound anew."""
    name = parse(schemas[0]).name
    targets = [lambda *args, i=i: (i, args) for i in range(len(schemas))]
    return make_dispatcher(name, schemas, targets, method)


@pytest.fixture
def resolutions(monkeypatch):
    """The calls that were resolved anew instead of by a plan."""
    calls = []
    resolve = binding.Parser.resolve

    def counting(self, args, kwargs, trace):
        calls.append(args)
        return resolve(self, args, kwargs, trace)

    monkeypatch.setattr(binding.Parser, "resolve", counting)
    return calls


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("sum", (T,), {}),
        ("sum", (T, 1), {"keepdim": True}),
        ("sum", (T, (0, 1)), {}),
        ("sum", (T, None), {}),
        ("sum", (), {"x": T, "axis": [0]}),
        ("pow", (T, 2), {}),
        ("zeros", (2, 3), {"requires_grad": True}),
        ("zeros", ((2, 3),), {"device": "cpu"}),
        ("cat", ([T, T],), {"dim": 0}),
        ("dropout", (T, 1, True), {}),
        ("conv2d", (T, T), {"padding": (1, 1)}),
        ("add", (T, 2), {"out": T}),
    ],
)
def test_plans_give_what_binding_gives(name, args, kwargs, resolutions):
    schemas = RECORD["functions"][name]
    dispatch = recorded(schemas)
    index, bound = bind(name, schemas, args, kwargs)
    if "device" in kwargs:
        kwargs["device"] = FakeDevice("cpu")
        index, bound = bind(name, schemas, args, kwargs)
    assert dispatch(*args, **kwargs) == (index, tuple(bound))
    resolutions.clear()
    assert dispatch(*args, **kwargs) == (index, tuple(bound))
    assert resolutions == []


def test_a_choice_by_value_is_made_on_every_call():
    dispatch = recorded(RECORD["functions"]["clamp"])
    bound = dispatch(T, 0, FakeTensor(1.5))[1]
    assert bound == (T, 0, 1.5)
    with pytest.raises(TypeError, match="invalid combination"):
        dispatch(T, 0, FakeTensor([1.5]))


def test_a_plan_looks_into_lists():
    dispatch = recorded(RECORD["functions"]["sum"])
    assert dispatch(T, [0, 1])[1][1] == (0, 1)
    assert dispatch(T, [np.int64(0), FakeTensor(1)])[1][1] == (0, 1)
    with pytest.raises(TypeError, match="failed to unpack the object at pos 2"):
        dispatch(T, [0, "a"])
    with pytest.raises(TypeError, match="invalid combination"):
        dispatch(T, [1.5])
    cat = recorded(RECORD["functions"]["cat"])
    assert cat([T, T])[1] == ((T, T), 0)
    with pytest.raises(TypeError, match="expected Tensor as element 1 in argument 0, but got int"):
        cat([T, 1])


def test_an_error_of_the_target_is_the_targets():
    def target(*args):
        raise TypeError("mine")

    dispatch = make_dispatcher("exp", ["exp(Tensor self) -> Tensor"], [target])
    for _ in range(2):
        with pytest.raises(TypeError, match=r"^mine$"):
            dispatch(T)
