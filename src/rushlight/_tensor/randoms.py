"""Random tensors and in-place random methods, with PyTorch's numbers bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor, bump
from .._define.values import Types
from .._ops import random
from .._ops.random import Generator, default_generator, draw, draw_into
from ..autograd import inplace
from .creation import into
from .device import default_device
from .options import (
    LONG_OPTIONS,
    OPTIONS,
    allocate,
    check_out,
    finish,
    like,
    like_array,
    numpy_dtype,
)  # fmt: skip
from .registry import overloaded, public

Types.generator = Generator
Types.names = {**Types.names, Generator: "torch._C.Generator"}

_GENERATOR = "Generator? generator=None"


def manual_seed(seed: Any) -> Generator:
    """Start the default generator's sequence of `seed`; returns the generator.

    Source: https://pytorch.org/docs/stable/generated/torch.manual_seed.html

    >>> import rushlight as torch
    >>> g = torch.manual_seed(0)
    >>> torch.rand(1)
    tensor([0.4963])
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the operating system; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator's sequence started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Continue the default generator from a state of `get_rng_state`."""
    default_generator.set_state(new_state)


# ---------------------------------------------------------------------------------------------
# New tensors


def _check_size(size: Any, numpy: Any) -> None:
    for n in size:
        if n < 0:
            allocate(_negative, size, numpy)


def _negative(shape: Any, numpy: Any) -> Any:
    raise ValueError


def _optioned(t: Tensor, layout: Any, device: Any, pin: Any, grad: Any) -> Tensor:
    if grad or layout is not None or device is not None or pin or default_device.value is not None:
        return finish(t._data, layout, device, pin, grad)
    return t


def _drawn(kind: str, generator: Any, size: Any, numpy: Any, options: Any, *parameters: Any) -> Any:
    if size and min(size) < 0:
        _check_size(size, numpy)
    try:
        t = draw(generator, kind, size, numpy, *parameters)
    except (ValueError, MemoryError):
        allocate(np.empty, size, numpy)
        raise
    return _optioned(t, *options)


_METHOD_OF = {"rand": "uniform", "randn": "normal", "randint": "random"}


def _into_out(kind: str, generator: Any, size: Any, out: Any, *parameters: Any) -> Tensor:
    """``out=``: the numbers are drawn into its memory."""
    if out._data.shape != tuple(size):
        into(kind, np.empty(size, out._data.dtype), out)
    draw_into(out, generator, _METHOD_OF[kind], *parameters)
    bump(out)
    return out


def _unit(kind: str) -> None:
    """``rand`` and ``randn`` and their ``_like``."""

    def make(size: Any, dtype: Any, *options: Any) -> Tensor:
        return _drawn(kind, None, size, numpy_dtype(dtype), options)

    def make_from(size: Any, generator: Any, dtype: Any, *options: Any) -> Tensor:
        return _drawn(kind, generator, size, numpy_dtype(dtype), options)

    def make_out(size: Any, out: Any, dtype: Any, *options: Any) -> Tensor:
        check_out(out, dtype)
        return _into_out(kind, None, size, out)

    def make_from_out(size: Any, generator: Any, out: Any, dtype: Any, *options: Any) -> Tensor:
        check_out(out, dtype)
        return _into_out(kind, generator, size, out)

    def make_like(x: Any, dtype: Any, layout: Any, device: Any, pin: Any, memory_format: Any,
                  grad: Any) -> Tensor:  # fmt: skip
        return make_like_from(x, None, dtype, layout, device, pin, memory_format, grad)

    def make_like_from(x: Any, generator: Any, dtype: Any, layout: Any, device: Any, pin: Any,
                       memory_format: Any, grad: Any) -> Tensor:  # fmt: skip
        data = x._data
        numpy = data.dtype if dtype is None else dtype.numpy
        t = like(x, finish(like_array(data, numpy, memory_format)))
        draw_into(t, generator, _METHOD_OF[kind])
        return _optioned(t, layout, device, pin, grad)

    size = "SymInt[] size, *"
    overloaded(
        kind,
        (f"{kind}({size}, {OPTIONS}) -> Tensor", make),
        (f"{kind}.generator({size}, Generator? generator, {OPTIONS}) -> Tensor", make_from),
        (f"{kind}.out({size}, Tensor(a!) out) -> Tensor(a!)", make_out),
        (f"{kind}.generator_out({size}, Generator? generator, Tensor(a!) out) -> Tensor(a!)",
         make_from_out),
        method=False,
    )  # fmt: skip
    memory = "MemoryFormat? memory_format=None"
    overloaded(
        f"{kind}_like",
        (f"{kind}_like(Tensor self, *, {OPTIONS}, {memory}) -> Tensor", make_like),
        (f"{kind}_like.generator(Tensor self, *, Generator? generator, {OPTIONS}, {memory}) "
         "-> Tensor", make_like_from),
        method=False,
    )  # fmt: skip


def _randint(
    low: Any, high: Any, size: Any, generator: Any, dtype: Any, *options: Any
) -> Tensor:
    _check_bounds(low, high)
    return _drawn("randint", generator, size, dtype.numpy, options, low, high)


def _check_bounds(low: Any, high: Any) -> None:
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )


def _randint_out(low: Any, high: Any, size: Any, generator: Any, out: Any, dtype: Any,
                 *_: Any) -> Tensor:  # fmt: skip
    return _into_out("randint", generator, size, out, low, high)


def _randint_like(
    x: Any, low: Any, high: Any, generator: Any, dtype: Any, layout: Any, device: Any, pin: Any,
    memory_format: Any, grad: Any,
) -> Tensor:  # fmt: skip
    numpy = x._data.dtype if dtype is None else dtype.numpy
    t = like(x, finish(like_array(x._data, numpy, memory_format)))
    draw_into(t, generator, "random", low, high)
    return _optioned(t, layout, device, pin, grad)


def _register_integers() -> None:
    size = "SymInt[] size, *"
    chosen = "Generator? generator"
    written = "Tensor(a!) out) -> Tensor(a!)"
    overloaded(
        "randint",
        (f"randint(SymInt high, {size}, {LONG_OPTIONS}) -> Tensor",
         lambda high, n, *rest: _randint(0, high, n, None, *rest)),
        (f"randint.generator(SymInt high, {size}, {chosen}, {LONG_OPTIONS}) -> Tensor",
         lambda high, n, g, *rest: _randint(0, high, n, g, *rest)),
        (f"randint.low(SymInt low, SymInt high, {size}, {LONG_OPTIONS}) -> Tensor",
         lambda low, high, n, *rest: _randint(low, high, n, None, *rest)),
        (f"randint.low_generator(SymInt low, SymInt high, {size}, {chosen}, {LONG_OPTIONS}) "
         "-> Tensor", _randint),
        (f"randint.out(SymInt high, {size}, {written}",
         lambda high, n, *rest: _randint_out(0, high, n, None, *rest)),
        (f"randint.generator_out(SymInt high, {size}, {chosen}, {written}",
         lambda high, n, g, *rest: _randint_out(0, high, n, g, *rest)),
        (f"randint.low_out(SymInt low, SymInt high, {size}, {written}",
         lambda low, high, n, *rest: _randint_out(low, high, n, None, *rest)),
        (f"randint.low_generator_out(SymInt low, SymInt high, {size}, {chosen}, {written}",
         _randint_out),
        method=False,
    )  # fmt: skip
    memory = f"{OPTIONS}, MemoryFormat? memory_format=None) -> Tensor"
    overloaded(
        "randint_like",
        (f"randint_like(Tensor self, SymInt high, *, {memory}",
         lambda x, high, *rest: _randint_like(x, 0, high, None, *rest)),
        (f"randint_like.low_dtype(Tensor self, SymInt low, SymInt high, *, {memory}",
         lambda x, low, high, *rest: _randint_like(x, low, high, None, *rest)),
        (f"randint_like.generator(Tensor self, SymInt high, *, {chosen}, {memory}",
         lambda x, high, g, *rest: _randint_like(x, 0, high, g, *rest)),
        (f"randint_like.low_generator_dtype(Tensor self, SymInt low, SymInt high, *, {chosen}, "
         f"{memory}", _randint_like),
        method=False,
    )  # fmt: skip
    overloaded(
        "randperm",
        (f"randperm(SymInt n, *, {LONG_OPTIONS}) -> Tensor",
         lambda n, *rest: _randperm(n, None, *rest)),
        (f"randperm.generator(SymInt n, *, {chosen}, {LONG_OPTIONS}) -> Tensor", _randperm),
        (f"randperm.out(SymInt n, *, {written}",
         lambda n, *rest: _randperm_out(n, None, *rest)),
        (f"randperm.generator_out(SymInt n, *, {chosen}, {written}", _randperm_out),
        method=False,
    )  # fmt: skip


_INT_WORDS = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "int32": "int"}
_EXACT = {_dtypes.FLOAT16: (2049, "2049"), _dtypes.FLOAT32: ((1 << 24) + 1, "2^24+1"),
          _dtypes.FLOAT64: ((1 << 53) + 1, "2^53+1")}  # fmt: skip


def _check_randperm(n: int, numpy: Any) -> None:
    found = _dtypes.from_numpy(numpy)
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if numpy.kind in "cb":
        raise NotImplementedError(f"\"randperm\" not implemented for '{found.type_name}'")
    if numpy.kind in "iu":
        if n > int(np.iinfo(numpy).max):
            word = _INT_WORDS.get(found.name, found.name + "_t")
            raise RuntimeError(f"value cannot be converted to type {word} without overflow")
    elif numpy in _EXACT:
        largest, text = _EXACT[numpy]
        if n > largest:
            raise RuntimeError(f"n cannot be greater than {text} for {found.type_name} type.")


def _randperm(n: int, generator: Any, dtype: Any, *options: Any) -> Tensor:
    _check_randperm(n, dtype.numpy)
    return _drawn("randperm", generator, (n,), dtype.numpy, options, n)


def _randperm_out(n: int, generator: Any, out: Any, *_: Any) -> Tensor:
    _check_randperm(n, out._data.dtype)
    return into("randperm", draw(generator, "randperm", (n,), out._data.dtype, n)._data, out)


# ---------------------------------------------------------------------------------------------
# In place


def _overwritten(name: str, kind: str, node: str) -> Any:
    """An in-place random method: the old value does not matter to the new one."""

    def method(self: Tensor, *given: Any) -> Tensor:
        inplace.check_writable(self)
        *parameters, generator = given
        if kind == "geometric" and self._data.dtype == np.bool_:
            raise NotImplementedError("\"geometric_cpu\" not implemented for 'Bool'")
        draw_into(self, generator, kind, *parameters)
        _written(self, node)
        return self

    method.__name__ = method.__qualname__ = name
    return method


def _written(x: Tensor, node: str) -> None:
    """The memory of `x` was overwritten by constants: no gradient flows to what it was."""
    if _core.thread.grad and (x._edge is not None or _base_requires_grad(x)):
        row = random.WITHOUT_GRADIENT[node]
        inplace.write(x, row.call(inplace.shadow_of(x, False), _core.wrap(x._data)))
    else:
        bump(x)


def _traced(node: str, source: Any, values: Tensor) -> Tensor:
    """`values` as drawn from the parameters `source`."""
    if not _core.thread.grad or source._edge is None:
        return values
    return random.WITHOUT_GRADIENT[node].call(source, values)


def _base_requires_grad(x: Tensor) -> bool:
    return x._view is not None and x._view.base._edge is not None


def _register_methods() -> None:
    for name, kind, node, arguments in (
        ("uniform_", "uniform", "UniformBackward0", "float from=0., float to=1."),
        ("normal_", "normal", "NormalBackward0", "float mean=0., float std=1."),
        ("exponential_", "exponential", "ExponentialBackward0", "float lambd=1."),
        ("geometric_", "geometric", "GeometricBackward0", "float p"),
        ("cauchy_", "cauchy", "CauchyBackward0", "float median=0., float sigma=1."),
        ("log_normal_", "log_normal", "LogNormalBackward0", "float mean=1., float std=2."),
    ):
        overloaded(
            name,
            (f"{name}(Tensor(a!) self, {arguments}, *, {_GENERATOR}) -> Tensor(a!)",
             _overwritten(name, kind, node)),
            function=False,
        )  # fmt: skip
    overloaded(
        "random_",
        (f"random_(Tensor(a!) self, *, {_GENERATOR}) -> Tensor(a!)",
         _overwritten("random_", "random_full", "RandomBackward2")),
        (f"random_.to(Tensor(a!) self, int to, *, {_GENERATOR}) -> Tensor(a!)",
         lambda x, to, g: _random_to(x, 0, to, g)),
        (f"random_.from(Tensor(a!) self, int from, int? to, *, {_GENERATOR}) -> Tensor(a!)",
         _random_from),
        function=False,
    )  # fmt: skip
    overloaded(
        "bernoulli_",
        (f"bernoulli_.Tensor(Tensor(a!) self, Tensor p, *, {_GENERATOR}) -> Tensor(a!)",
         _bernoulli_of_tensor),
        (f"bernoulli_.float(Tensor(a!) self, float p=0.5, *, {_GENERATOR}) -> Tensor(a!)",
         _overwritten("bernoulli_", "bernoulli", "BernoulliBackward2")),
        function=False,
    )  # fmt: skip


_random_between = _overwritten("random_", "random", "RandomBackward0")
_random_upwards = _overwritten("random_", "random_from", "RandomBackward0")
_random_to = _overwritten("random_", "random", "RandomBackward1")
_bernoulli_each = _overwritten("bernoulli_", "bernoulli_tensor", "BernoulliBackward1")


def _random_from(x: Tensor, low: Any, high: Any, generator: Any) -> Tensor:
    if high is None:
        return _random_upwards(x, low, generator)
    return _random_between(x, low, high, generator)


def _bernoulli_of_tensor(x: Tensor, p: Any, generator: Any) -> Tensor:
    p = p.detach()
    if p._data.shape != x._data.shape:
        p = p.expand(x._data.shape)
    return _bernoulli_each(x, p, generator)


# ---------------------------------------------------------------------------------------------
# Distributions with tensors as parameters


def _normal_float(mean: float, std: float, size: Any, generator: Any, dtype: Any, layout: Any,
                  device: Any, pin: Any, grad: Any) -> Tensor:  # fmt: skip
    t = finish(allocate(np.empty, size, numpy_dtype(dtype)))
    draw_into(t, generator, "normal", mean, std)
    return _optioned(t, layout, device, pin, grad)


def _normal(mean: Any, std: Any, generator: Any) -> Tensor:
    """Tensor mean or std: standard normals scaled and shifted, each step rounded."""
    tensors = [v for v in (mean, std) if isinstance(v, Tensor)]
    if isinstance(std, Tensor):
        if std._data.dtype.kind == "c":
            raise RuntimeError("normal expects standard deviation to be non-complex")
        if std._data.size and not (std._data >= 0).all():
            raise RuntimeError("normal expects all elements of std >= 0.0")
    elif not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    shape = np.broadcast_shapes(*(t._data.shape for t in tensors))
    numpy = tensors[0]._data.dtype
    t = finish(np.empty(shape, numpy))
    for source in reversed(tensors):
        like(source, t)
    if not isinstance(std, Tensor):
        draw_into(t, generator, "normal", 0.0, std)
        return _traced("NormalBackward1", mean, t.add(mean.detach()))
    draw_into(t, generator, "normal", 0.0, 1.0)
    t = t.mul(std.detach())
    if not isinstance(mean, Tensor):
        return _traced("NormalBackward2", std, t.add(mean))
    t = t.add(mean.detach())
    if _core.thread.grad and (mean._edge is not None or std._edge is not None):
        return random.NORMAL_OF_TWO.call(mean, std, t)
    return t


def _normal_out(mean: Any, std: Any, generator: Any, out: Any) -> Tensor:
    return into("normal", _normal(mean, std, generator)._data, out)


def _normal_float_out(mean: Any, std: Any, size: Any, generator: Any, out: Any,
                      *_: Any) -> Tensor:  # fmt: skip
    if out._data.shape != tuple(size):
        into("normal", np.empty(size, out._data.dtype), out)
    draw_into(out, generator, "normal", mean, std)
    bump(out)
    return out


def _poisson(rate: Any, generator: Any) -> Tensor:
    found = draw(generator, "poisson", rate._data.shape, rate._data.dtype, rate)
    return _traced("PoissonBackward0", rate, found)


def _multinomial(weights: Any, n: int, replacement: bool, generator: Any) -> Tensor:
    shape = (*weights._data.shape[:-1], n)
    return draw(generator, "multinomial", shape, _dtypes.INT64, weights, n, replacement)


def _bernoulli(x: Any, generator: Any) -> Tensor:
    if x._data.dtype.kind not in "f" and x._data.dtype != _dtypes.BFLOAT16:
        # PyTorch draws into a tensor of this dtype with itself as the probability.
        name = _dtypes.from_numpy(x._data.dtype).type_name
        raise NotImplementedError(f"\"bernoulli_tensor_cpu_p_\" not implemented for '{name}'")
    t = like(x, finish(np.empty(x._data.shape, x._data.dtype)))
    draw_into(t, generator, "bernoulli_tensor", x)
    return _traced("BernoulliBackward0", x, t)


def _bernoulli_p(x: Any, p: Any, generator: Any) -> Tensor:
    t = like(x, finish(np.empty(x._data.shape, x._data.dtype)))
    return draw_into(t, generator, "bernoulli", p)


def _register_distributions() -> None:
    out = "Tensor(a!) out) -> Tensor(a!)"
    overloaded(
        "normal",
        (f"normal.Tensor_float(Tensor mean, float std=1., *, {_GENERATOR}) -> Tensor", _normal),
        (f"normal.Tensor_float_out(Tensor mean, float std=1., *, {_GENERATOR}, {out}",
         _normal_out),
        (f"normal.float_Tensor(float mean, Tensor std, *, {_GENERATOR}) -> Tensor", _normal),
        (f"normal.float_Tensor_out(float mean, Tensor std, *, {_GENERATOR}, {out}", _normal_out),
        (f"normal.Tensor_Tensor(Tensor mean, Tensor std, *, {_GENERATOR}) -> Tensor", _normal),
        (f"normal.Tensor_Tensor_out(Tensor mean, Tensor std, *, {_GENERATOR}, {out}",
         _normal_out),
        (f"normal.float_float(float mean, float std, SymInt[] size, *, {_GENERATOR}, {OPTIONS}) "
         "-> Tensor", _normal_float),
        (f"normal.float_float_out(float mean, float std, SymInt[] size, *, {_GENERATOR}, {out}",
         _normal_float_out),
        method=False,
    )  # fmt: skip
    overloaded(
        "bernoulli",
        (f"bernoulli(Tensor self, *, {_GENERATOR}) -> Tensor", _bernoulli),
        (f"bernoulli.p(Tensor self, float p, *, {_GENERATOR}) -> Tensor", _bernoulli_p),
        (f"bernoulli.out(Tensor self, *, {_GENERATOR}, {out}",
         lambda x, g, o: into("bernoulli", _bernoulli(x, g)._data, o)),
    )  # fmt: skip
    overloaded(
        "multinomial",
        (f"multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, {_GENERATOR}) "
         "-> Tensor", _multinomial),
        (f"multinomial.out(Tensor self, SymInt num_samples, bool replacement=False, *, "
         f"{_GENERATOR}, {out}",
         lambda w, n, r, g, o: into("multinomial", _multinomial(w, n, r, g)._data, o)),
    )  # fmt: skip
    overloaded(
        "poisson",
        ("poisson(Tensor self, Generator? generator=None) -> Tensor", _poisson),
        method=False,
    )


_unit("rand")
_unit("randn")
_register_integers()
_register_methods()
_register_distributions()
for _function in (manual_seed, seed, initial_seed, get_rng_state, set_rng_state):
    _function.__module__ = "torch.random"
    public(_function.__name__, _function, method=False)
public("Generator", Generator, method=False)
public("default_generator", default_generator, method=False)
__all__ = ["random"]
