"""Draws of random numbers, the generators they come from, and dropout.

Every draw of the library goes through `draw` (a new array) or `draw_into` (a tensor's memory).
Both first offer themselves to ``ctx.handler.draw``: a recorder turns them into equations on the
generator, so that a replayed step continues the same sequence (capture.md, rule 11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, _dtypes
from .._core import INFERENCE_CELL, Tensor, ctx, wrap
from .._define.kinds import linear

if TYPE_CHECKING:
    from .._kernels.random import Engine


class Generator:
    """A source of random numbers: the Mersenne Twister of PyTorch's CPU generator.

    Args:
        device: the CPU.

    Source: https://pytorch.org/docs/stable/generated/torch.Generator.html

    >>> import rushlight as torch
    >>> g = torch.Generator().manual_seed(0)
    >>> torch.rand(2, generator=g)
    tensor([0.4963, 0.7682])
    """

    __slots__ = ("__weakref__", "_engine")

    def __init__(self, device: Any = None) -> None:
        if device is not None:
            _check_generator_device(device)
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The words behind the numbers, made when first needed."""
        engine = self._engine
        if engine is None:
            from .._kernels.random import Engine

            engine = self._engine = Engine(*self._first_seed())
        return engine

    def _first_seed(self) -> tuple[Any, ...]:
        return ()

    @property
    def device(self) -> Any:
        """The device of the numbers: the CPU."""
        from .._tensor.device import CPU

        return CPU

    def manual_seed(self, seed: int) -> Generator:
        """Start the sequence of `seed`; returns the generator.

        Raises:
            RuntimeError: no integer.
            ValueError: outside ``[-2**63, 2**64 - 1]``.
        """
        self.engine.manual_seed(seed)
        self._tell("manual_seed()")
        return self

    def seed(self) -> int:
        """Seed from the operating system; returns the seed."""
        self._tell("seed()")
        return self.engine.seed()

    def _tell(self, what: str) -> None:
        """A recorder must know: a replay of the draws alone would not do this."""
        told = getattr(ctx.handler, "touches", None)
        if told is not None:
            told(self, what)

    def initial_seed(self) -> int:
        """The seed that the sequence started from."""
        return self.engine.initial_seed()

    def get_state(self) -> Tensor:
        """The state as a tensor of bytes."""
        self._tell("get_state()")
        return wrap(self.engine.get_state())

    def set_state(self, new_state: Tensor) -> Generator:
        """Continue from a state of `get_state`; returns the generator.

        Raises:
            TypeError: not a tensor of bytes.
            RuntimeError: no state of a generator.
        """
        if not isinstance(new_state, Tensor):
            raise TypeError(
                f"expected a torch.ByteTensor, but got {type(new_state).__name__}"
            )
        if new_state._data.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        self.engine.set_state(new_state._data)
        self._tell("set_state()")
        return self

    def clone_state(self) -> Generator:
        """A new generator that continues from the same state."""
        other = Generator()
        other._engine = self.engine.clone_state()  # type: ignore[assignment]
        return other

    def get_offset(self) -> int:
        """Raises: the Mersenne Twister has no offset."""
        raise RuntimeError("CPU Generator does not use offset")

    graphsafe_get_state = clone_state

    def graphsafe_set_state(self, state: Generator) -> Generator:
        """Take over the state of another generator."""
        self.engine.set_state(state.engine.get_state())
        return self

    def __repr__(self) -> str:
        return f"<torch._C.Generator object at {hex(id(self))}>"

    def __reduce__(self) -> Any:
        return _rebuild_generator, (self.initial_seed(), self.get_state())

    def __deepcopy__(self, memo: dict[int, Any]) -> Generator:
        return self.clone_state()


class _DefaultGenerator(Generator):
    """The generator of every draw that names none; seeded from the operating system."""

    __slots__ = ()

    def _first_seed(self) -> tuple[Any, ...]:
        return (None,)

    def __reduce__(self) -> Any:
        return Generator.__reduce__(self)


Generator.__module__ = "torch"
_DefaultGenerator.__module__ = "torch"
_DefaultGenerator.__name__ = _DefaultGenerator.__qualname__ = "Generator"
default_generator = _DefaultGenerator()


def _rebuild_generator(seed: int, state: Tensor) -> Generator:
    made = Generator()
    made.manual_seed(seed)
    return made.set_state(state)


def _check_generator_device(device: Any) -> None:
    from .._tensor.device import device as device_type

    found = device if isinstance(device, device_type) else device_type(device)
    if found.type == "cpu":
        return
    if found.type == "cuda":
        raise RuntimeError(
            "Cannot get CUDA generator without ATen_cuda library. PyTorch splits its backend into "
            "two shared libraries: a CPU library and a CUDA library; this error has occurred "
            "because you are trying to use some CUDA functionality, but the CUDA library has not "
            "been loaded by the dynamic linker for some reason."
        )
    if found.type == "mps":
        raise RuntimeError("Cannot execute getNewGenerator() without MPS backend.")
    raise RuntimeError(f"Device type {found.type} is not supported for torch.Generator() api.")


# ---------------------------------------------------------------------------------------------
# Draws. A kind is the name of an engine's method.


def _engine_of(generator: Any) -> Any:
    found = default_generator if generator is None else generator
    return found._engine or found.engine


def draw(
    generator: Any, kind: str, shape: tuple[int, ...], dtype: Any, *parameters: Any
) -> Tensor:
    """A tensor of fresh random numbers.

    Args:
        generator: None for the default one.
        kind: rand, randn, randint (low, high), randperm (n), bernoulli_mask (p), dropout_noise
            (p), or one that reads arrays: multinomial (p, n, replacement), poisson (rate); those
            take Tensors.
        shape: of the result.
        dtype: a NumPy dtype.
    """
    handler = ctx.handler
    if handler is not None:
        offered = getattr(handler, "draw", None)
        if offered is not None:
            found = offered(generator or default_generator, kind, shape, dtype, parameters)
            if found is not NotImplemented:
                return found
    t = wrap(draw_array(generator, kind, shape, dtype, parameters))
    if ctx.modes and _core.thread.inference:
        t._cell = INFERENCE_CELL
    return t


def draw_array(
    generator: Any, kind: str, shape: tuple[int, ...], dtype: Any, parameters: tuple[Any, ...]
) -> Any:
    """The array of a draw: what a recorder calls to carry it out."""
    engine = _engine_of(generator)
    if kind == "rand" or kind == "randn":
        return getattr(engine, kind)(shape, dtype)
    if kind == "dropout_noise":
        return _noise(engine, shape, dtype, *parameters)
    if kind == "bernoulli_mask":
        return engine.bernoulli_mask(shape, *parameters)
    if kind == "randint":
        return engine.randint(*parameters, shape, dtype)
    if kind == "randperm":
        return engine.randperm(*parameters).astype(dtype, copy=False)
    arrays = [p._data if isinstance(p, Tensor) else p for p in parameters]
    return getattr(engine, kind)(*arrays)


def draw_into(t: Tensor, generator: Any, kind: str, *parameters: Any) -> Tensor:
    """Overwrite the memory of `t`, in its order, with random numbers; the graph is not touched.

    `kind`: uniform, normal, random, random_from, random_full, bernoulli, bernoulli_tensor,
    exponential, geometric, cauchy, log_normal; `parameters` as the engine's method takes them.
    """
    handler = ctx.handler
    if handler is not None:
        offered = getattr(handler, "draw_into", None)
        if offered is not None:
            found = offered(t, generator or default_generator, kind, parameters)
            if found is not NotImplemented:
                return t
    fill_array(t._data, generator, kind, parameters)
    return t


def fill_array(array: Any, generator: Any, kind: str, parameters: tuple[Any, ...]) -> None:
    """Carry out a draw into an array."""
    engine = _engine_of(generator)
    if kind == "bernoulli_tensor":
        (p,) = parameters
        engine.bernoulli_tensor(p._data if isinstance(p, Tensor) else p, array)
    else:
        getattr(engine, kind)(array, *parameters)


def _noise(engine: Any, shape: tuple[int, ...], dtype: Any, p: float) -> Any:
    """What dropout multiplies by: 0 with probability `p`, else ``1 / (1 - p)``."""
    half = dtype in _dtypes.LOW_PRECISION
    if dtype.kind == "c":
        name = _dtypes.from_numpy(dtype).type_name
        raise NotImplementedError(f"\"bernoulli_scalar_cpu_\" not implemented for '{name}'")
    keep = engine.bernoulli_mask(shape, 1.0 - p)
    if dtype.kind not in "f" and not half:
        name = _dtypes.from_numpy(dtype).type_name
        raise RuntimeError(
            f"result type {_dtypes.default.dtype.type_name} can't be cast to the desired output "
            f"type {name}"
        )
    wide = np.float32 if half else dtype.type
    scale = wide(1.0) / wide(1.0 - p)
    noise = keep.astype(dtype)
    if half:
        noise[keep] = scale.astype(dtype)
    else:
        np.multiply(noise, scale, out=noise)
    return noise


# ---------------------------------------------------------------------------------------------
# Random numbers have no gradient, but PyTorch records where they were put or what they came from:
# the gradient is zero.


def _without_gradient(node: str) -> Any:
    return linear(
        f"drawn_{node}", lambda x, values: values,
        f"_drawn_{node}(Tensor self, Tensor values) -> Tensor",
        x=lambda k, g, x_shape: k.sum_to(k.zeros_like_(g), x_shape), inputs=("x", "values"),
        public=False, node=node,
    )  # fmt: skip


#: Rows ``(tensor, values) -> values`` by the name of their node.
WITHOUT_GRADIENT = {
    node: _without_gradient(node)
    for node in (
        "UniformBackward0", "NormalBackward0", "NormalBackward1", "NormalBackward2",
        "ExponentialBackward0", "GeometricBackward0", "CauchyBackward0", "LogNormalBackward0",
        "RandomBackward0", "RandomBackward1", "RandomBackward2", "BernoulliBackward0",
        "BernoulliBackward1", "BernoulliBackward2", "PoissonBackward0",
    )
}  # fmt: skip

NORMAL_OF_TWO = linear(
    "drawn_normal_of_two", lambda x, y, values: values,
    "_drawn_normal_of_two(Tensor self, Tensor other, Tensor values) -> Tensor",
    x=lambda k, g, x_shape: k.sum_to(k.zeros_like_(g), x_shape),
    y=lambda k, g, y_shape: k.sum_to(k.zeros_like_(g), y_shape),
    inputs=("x", "y", "values"), public=False, node="NormalBackward3",
)  # fmt: skip
