"""How a module's tensors are converted and moved: ``to``, ``float``, ``cpu``, ``apply``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import _core, _dtypes
from ..._core import Tensor
from ..._tensor.device import CPU, check_device, device
from ._modes import no_grad

if TYPE_CHECKING:
    from collections.abc import Callable

    from .module import Module


def _apply(self: Module, fn: Callable[[Any], Any], recurse: bool = True) -> Module:
    """Replace every parameter's data, gradient and buffer by what `fn` makes of it."""
    if recurse:
        for module in self.children():
            module._apply(fn)
    parameter: Any
    for parameter in self._parameters.values():
        if parameter is None:
            continue
        with no_grad():
            changed = fn(parameter)
        if changed is not parameter:
            parameter.data = changed
        grad = parameter.grad
        if grad is not None:
            with no_grad():
                changed = fn(grad)
            if changed is not grad:
                # Not through the setter: it insists on the dtype that is being changed.
                fresh = _core.wrap(changed._data)
                fresh._edge = grad._edge
                parameter._grad = fresh
    for name, buffer in self._buffers.items():
        if buffer is not None:
            changed = fn(buffer)
            if changed is not buffer:
                self._buffers[name] = changed
    return self


def apply(self: Module, fn: Callable[[Module], None]) -> Module:
    """Call `fn` on every module below this one, then on this one.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html

    >>> import rushlight as torch
    >>> net = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Tanh())
    >>> _ = net.apply(lambda m: print(m._get_name()))
    ReLU
    Tanh
    Sequential
    """
    for module in self.children():
        module.apply(fn)
    fn(self)
    return self


def cpu(self: Module) -> Module:
    """Move everything to the CPU: it is there already."""
    return self._apply(lambda t: t.cpu())


def _refusing(name: str) -> Any:
    def move(self: Module, device: Any = None) -> Module:
        check_device(name)
        return self

    move.__name__ = name
    move.__qualname__ = f"Module.{name}"
    move.__doc__ = f"Move everything to a device of type {name}: there is none here."
    return move


cuda, ipu, xpu, mtia = (_refusing(name) for name in ("cuda", "ipu", "xpu", "mtia"))


def _floating_to(self: Module, dtype: Any) -> Module:
    return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)


def float(self: Module) -> Module:
    """Convert floating-point parameters and buffers to float32."""
    return _floating_to(self, _dtypes.float32)


def double(self: Module) -> Module:
    """Convert floating-point parameters and buffers to float64."""
    return _floating_to(self, _dtypes.float64)


def half(self: Module) -> Module:
    """Convert floating-point parameters and buffers to float16."""
    return _floating_to(self, _dtypes.float16)


def bfloat16(self: Module) -> Module:
    """Convert floating-point parameters and buffers to bfloat16."""
    return _floating_to(self, _dtypes.bfloat16)


def type(self: Module, dst_type: Any) -> Module:
    """Convert all parameters and buffers to a dtype."""
    return self._apply(lambda t: t.type(dst_type))


def to_empty(self: Module, *, device: Any, recurse: bool = True) -> Module:
    """Give every parameter and buffer fresh, unset memory on `device`."""
    check_device(device)
    return self._apply(lambda t: _core.wrap(_empty_like(t._data)), recurse=recurse)


def _empty_like(array: Any) -> Any:
    import numpy as np

    return np.empty_like(array, subok=False)


def share_memory(self: Module) -> Module:
    """Move the tensors' memory to where other processes can see it."""
    return self._apply(lambda t: t.share_memory_())


def to(self: Module, *args: Any, **kwargs: Any) -> Module:
    """Convert or move parameters and buffers, in place.

    ``to(device=None, dtype=None, non_blocking=False)``, ``to(dtype, non_blocking=False)``,
    ``to(tensor, non_blocking=False)``; each takes ``memory_format=`` as well. Integer tensors keep
    their dtype.

    Raises:
        TypeError: the dtype is not floating point or complex.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html

    >>> import rushlight as torch
    >>> torch.nn.Linear(2, 1).to(torch.float64).weight.dtype
    torch.float64
    """
    target, dtype, _, memory_format = _parse_to(args, kwargs)
    if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
        raise TypeError(
            "nn.Module.to only accepts floating point or complex dtypes, but got desired "
            f"dtype={dtype}"
        )
    if dtype is not None and dtype.is_complex:
        import warnings

        warnings.warn(
            "Complex modules are a new feature under active development whose design may change, "
            "and some modules might not work as expected when using complex tensors as parameters "
            "or buffers. Please file an issue at https://github.com/pytorch/pytorch/issues/new?"
            "template=bug-report.yml if a complex module does not work as expected.",
            stacklevel=2,
        )
    if target is not None:
        check_device(target)

    def convert(t: Any) -> Any:
        wanted = dtype if dtype is not None and (t.is_floating_point() or t.is_complex()) else None
        if memory_format is not None and t.dim() in (4, 5):
            return t.to(target or CPU, wanted or t.dtype, memory_format=memory_format)
        return t if wanted is None or wanted is t.dtype else t.to(wanted)

    return self._apply(convert)


_TO_FORMS = """
 * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = \
False, *, torch.memory_format memory_format = None)
 * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, torch.memory_format \
memory_format = None)
 * (Tensor tensor, bool non_blocking = False, bool copy = False, *, torch.memory_format \
memory_format = None)
"""


def _parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, bool, Any]:
    """(device, dtype, non_blocking, memory_format) from the three forms of ``to``."""
    given = dict(kwargs)
    memory_format = given.pop("memory_format", None)
    rest = list(args)
    names = {"device", "dtype", "non_blocking", "copy"}
    target = dtype = None
    if rest and isinstance(rest[0], Tensor) or "tensor" in given:
        like: Any = rest.pop(0) if rest else given.pop("tensor")
        target, dtype, order = like.device, like.dtype, ["non_blocking", "copy"]
    elif rest and isinstance(rest[0], _dtypes.dtype):
        dtype, order = rest.pop(0), ["non_blocking", "copy"]
        names.discard("dtype")
    else:
        order = ["device", "dtype", "non_blocking", "copy"]
    ok = len(rest) <= len(order) and set(given) <= names
    values = dict(zip(order, rest, strict=False))
    ok = ok and not set(values) & set(given)
    values |= given
    ok = ok and isinstance(values.get("dtype"), _dtypes.dtype | None)
    ok = ok and all(isinstance(values.get(n, False), bool) for n in ("non_blocking", "copy"))
    if not ok:
        shown = ", ".join(
            [_type_name(a) for a in args] + [f"{n}={_type_name(v)}" for n, v in kwargs.items()]
        )
        raise TypeError(
            f"to() received an invalid combination of arguments - got ({shown}), but expected one "
            f"of:{_TO_FORMS}"
        )
    if values.get("copy"):
        raise RuntimeError(".to() does not accept copy argument")
    named = values.get("device")
    if named is not None:
        target = named if isinstance(named, device) else device(named)
    return target, values.get("dtype", dtype), bool(values.get("non_blocking")), memory_format


def _type_name(value: Any) -> str:
    kind = value.__class__
    if kind.__module__ in ("builtins", "torch") and kind is not Tensor:
        prefix = "" if kind.__module__ == "builtins" else "torch."
        return prefix + kind.__name__
    return kind.__name__
