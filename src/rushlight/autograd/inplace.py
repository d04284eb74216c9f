"""In-place operations: on leaves, on ordinary tensors, on views.

An in-place op is its out-of-place row followed by a write. What makes it surgery is the graph:

* A leaf that requires grad may not be written to while gradients are recorded.
* What the row saved: its old input must be saved as a copy, since the write destroys it; its
  output is the written memory itself, saved at the version after the write.
* The tensor's edge becomes the node of the row: from now on it *is* the result.
* A view: writing to it changes its base. The base gets a `CopySlices` node, whose gradient is
  split: the part under the view goes to the new value, the rest to the old base. All live views of
  the base now show the new base, so their edges are refreshed here and now: they become
  `AsStridedBackward0` of the base's new node. Nobody has to check for staleness later.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import CONSTANT_CELL, LEAF, Fit, Node, Tensor, bump, cell_of, ctx, edge_of
from .._kernels.memory import meets_itself
from . import hooks, messages
from .naming import renamed


class CopySlices(Node):
    """Part of a tensor was overwritten through a view."""

    __slots__ = ("geometry", "shape")
    geometry: tuple[tuple[int, ...], tuple[int, ...], int]
    shape: tuple[int, ...]

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        # In row-major order whatever that of `g`: the geometry counts in it.
        rest = np.array(g, order="C", copy=True)
        window = _window(rest, self.geometry)
        part = window.copy()
        window[...] = 0
        base, value = self.edges
        return (None if base is None else rest, None if value is None else part)

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        base, value = self.edges
        shape, strides, offset = self.geometry
        part = k.as_strided(k.contiguous(g), shape, strides, offset)
        rest = None
        if base is not None:
            rest = g - k.as_strided_adjoint(part, self.shape, shape, strides, offset)
        return (rest, None if value is None else part)


class AsStridedBackward0(Node):
    """A view of a base that was written to after the view was taken."""

    __slots__ = ("geometry", "shape")
    geometry: tuple[tuple[int, ...], tuple[int, ...], int]
    shape: tuple[int, ...]

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        out = np.zeros(self.shape, g.dtype)
        window = _window(out, self.geometry)
        if meets_itself(window):
            return (_core.RAW.as_strided_adjoint(g, self.shape, *self.geometry),)
        window[...] = g
        return (out,)

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        return (k.as_strided_adjoint(g, self.shape, *self.geometry),)


CopySlices.__module__ = AsStridedBackward0.__module__ = "torch.autograd.graph"


def _geometry(view: Any, base: Any) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Where `view` lies in a contiguous array with the logical layout of `base`: shape, strides
    and offset, in elements."""
    itemsize = base.itemsize
    start = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    if base.flags.c_contiguous:
        return view.shape, tuple(s // itemsize for s in view.strides), start // itemsize
    # The base itself is strided (it came from NumPy, or is transposed): translate through the
    # position of each element, which a run of indices written through the same window shows.
    low, high = np.lib.array_utils.byte_bounds(base)
    positions = np.arange(base.size).reshape(base.shape)
    holder = np.full((high - low) // itemsize, -1)
    offset = (base.__array_interface__["data"][0] - low) // itemsize
    np.lib.stride_tricks.as_strided(
        holder[offset:], base.shape, tuple(s // itemsize * 8 for s in base.strides)
    )[...] = positions
    at = (view.__array_interface__["data"][0] - low) // itemsize
    seen = np.lib.stride_tricks.as_strided(
        holder[at:], view.shape, tuple(s // itemsize * 8 for s in view.strides)
    )
    first = int(seen[(0,) * seen.ndim]) if seen.size else 0
    strides = []
    for axis in range(seen.ndim):
        if seen.shape[axis] > 1:
            second = seen[tuple(1 if i == axis else 0 for i in range(seen.ndim))]
            strides.append(int(second) - first)
        else:
            strides.append(0)
    return view.shape, tuple(strides), first


def _window(array: Any, geometry: Any) -> Any:
    """The view of `array`, which is contiguous, that `geometry` describes: for writing through."""
    shape, strides, offset = geometry
    if 0 in shape:
        return np.empty(shape, array.dtype)
    itemsize = array.itemsize
    return np.ndarray(
        shape, array.dtype, array, offset * itemsize, tuple(s * itemsize for s in strides)
    )


# ---------------------------------------------------------------------------------------------


def check_writable(x: Tensor, args: tuple[Any, ...] = ()) -> None:
    """Raise PyTorch's error where `x` may not be written to in this mode.

    `args`: what else goes into the result; a write of something recorded is recorded too.
    """
    cell = x._cell
    if cell is _core.INFERENCE_CELL and not _core.thread.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make "
            "a clone to get a normal tensor before doing inplace update.See "
            "https://github.com/pytorch/rfcs/pull/17 for more details."
        )
    if _core.thread.grad and not _core.thread.inference:
        info = x._view
        if info is None:
            if x._edge is LEAF:
                raise _leaf_error(messages.LEAF_IN_PLACE)
        else:
            tracked = x._edge is not None or info.base._edge is not None
            if info.origin is not None and (tracked or not _untracked(x, args)):
                raise _view_error(x, info)
            if tracked and info.base._edge is LEAF:
                raise _leaf_error(messages.VIEW_OF_LEAF_IN_PLACE)
            if x._edge is LEAF:
                raise _leaf_error(messages.LEAF_IN_PLACE)
    data = x._data
    if 0 in data.strides and data.size > 1 and overlaps(data):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )


def overlaps(data: Any) -> bool:
    """Whether one place in memory is more than one element."""
    return any(s == 0 and n > 1 for s, n in zip(data.strides, data.shape, strict=True))


def _leaf_error(text: str) -> RuntimeError:
    error = RuntimeError(text)
    messages.with_cure(error, "its old value would be lost to the graph; update it under "
                       "torch.no_grad() (as optimizers do), or use the out-of-place form.")
    return error


_WHY_NOT = {
    "multi": (
        " This view is the output of a function that returns multiple views. Such functions do not "
        "allow the output views to be modified inplace. You should replace the inplace operation "
        "by an out-of-place one."
    ),
    "custom": (
        " This view was created inside a custom Function (or because an input was returned as-is) "
        "and the autograd logic to handle view+inplace would override the custom backward "
        "associated with the custom Function, leading to incorrect gradients. This behavior is "
        "forbidden. You can fix this by cloning the output of the custom Function."
    ),
    "no_grad": (
        " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify "
        "your code by moving both the view and the inplace either both inside the no_grad block "
        "(if you don't want the inplace to be tracked) or both outside (if you want the inplace to "
        "be tracked)."
    ),
    "inference": (
        " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify "
        "your code by moving both the view and the inplace either both inside the inference_mode "
        "block (if you don't want the inplace to be tracked) or both outside (if you want the "
        "inplace to be tracked)."
    ),
}


def _view_error(x: Tensor, info: Any, what: str = "is being modified inplace") -> RuntimeError:
    if isinstance(x._edge, Node):
        node, output = _core.visible(x._edge)
        which = f"Output {output} of {messages.operation_name(node)} is a view and {what}."
    elif info.origin == "inference":
        which = f"A view was created in inference mode and {what} in normal mode."
    else:
        which = f"A view was created in no_grad mode and {what} with grad mode enabled."
    return RuntimeError(which + _WHY_NOT[info.origin])


def shadow_of(x: Tensor, copied: bool) -> Tensor:
    """`x` as an input of its own in-place op: same edge, its value kept from the write."""
    if ctx.handler is not None:
        _tell("seen", x)
    if copied and ctx.handler is not None:
        kept: Tensor = _core.OPS["clone"].call(_core.wrap(x._data))
        t = _core.wrap(kept._data, edge_of(x))
    else:
        t = _core.wrap(x._data.copy(order="K") if copied else x._data, edge_of(x))
    t._cell = [0] if copied else x._cell
    if ctx.handler is not None:
        _tell("shadow", x, t)
    return t


def _tell(hook: str, *arguments: Any) -> None:
    """Tell the handler, if it wants to know (autograd/interpreters.py)."""
    told = getattr(ctx.handler, hook, None)
    if told is not None:
        told(*arguments)


def write(x: Tensor, result: Tensor) -> Tensor:
    """Make `x` become `result`: write the value, bump the version, move the edge."""
    data = x._data
    value = result._data
    if value.shape != data.shape:
        raise RuntimeError(
            f"output with shape {list(data.shape)} doesn't match the broadcast shape "
            f"{list(value.shape)}"
        )
    if value.dtype != data.dtype:
        _check_cast(_core.dtype_of(result), _core.dtype_of(x))
    handler: Any = ctx.handler
    if handler is not None and getattr(handler, "write", None) is not None:
        handler.write(x, result)
    else:
        data[...] = value
    bump(x)
    edge = result._edge
    if not _core.thread.grad or _core.thread.inference:
        return x
    if edge is None and x._edge is None and _base_edge(x) is None:
        return x
    _adopt_output(result, x)
    if edge is not None and value.dtype != data.dtype:
        edge = Fit(edge, value.shape, value.dtype)
    rebase(x, edge)
    return x


def rebase(x: Tensor, edge: Any) -> None:
    """`x` was overwritten by what `edge` leads to: its edge, its base's and its views' change."""
    before = x._edge
    if x._view is None:
        x._edge = edge
        refresh_views(x)
        if isinstance(edge, Node):
            # For the message where the old value was saved.
            cell_of(x)[1:] = (messages.operation_name(_core.visible(edge)[0]),)
    else:
        cell_of(x)[1:] = (messages.PREFIXED["CopySlices"],)
        _write_through(x, edge)
    if ctx.hooks:
        hooks.move_retained(x, before, x._edge)


def _base_edge(x: Tensor) -> Any:
    return None if x._view is None else x._view.base._edge


def _check_cast(source: _dtypes.dtype, target: _dtypes.dtype) -> None:
    if source.category > target.category:
        raise RuntimeError(
            f"result type {source.type_name} can't be cast to the desired output type "
            f"{target.type_name}"
        )


def _adopt_output(result: Tensor, x: Tensor) -> None:
    """The node saved its output: that is the memory of `x` now, at the version after the write."""
    node = result._edge
    if not isinstance(node, Node):
        return
    for number, _, source in node.saves:
        if source is None and getattr(node, f"s{number}", None) is result._data:
            cell = cell_of(x)
            if cell is not CONSTANT_CELL:
                setattr(node, f"s{number}", x._data)
                setattr(node, f"c{number}", cell)
                setattr(node, f"v{number}", cell[0])


def _write_through(view: Tensor, value_edge: Any) -> None:
    """`view` was overwritten: its base gets a CopySlices node, its views new edges."""
    info = view._view
    assert info is not None
    base = info.base
    geometry = _geometry(view._data, base._data)
    node = _core.new(CopySlices)
    node.edges = (edge_of(base), value_edge)
    node.geometry = geometry
    node.shape = base._data.shape
    node._sequence = _core.next_sequence()
    base._edge = node
    refresh_views(base)


class ForbiddenView(Node):
    """In the place of a view's node where PyTorch refuses to say what the view is now."""

    __slots__ = ("error",)
    error: str

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        raise RuntimeError(self.error)

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        raise RuntimeError(self.error)


def refresh_views(base: Tensor) -> None:
    """Every live view of `base` now shows its new value."""
    views = base.__dict__.get("_views")
    if not views:
        return
    for reference in views:
        t = reference()
        if t is None or t._view is None or t._view.base is not base:
            continue
        edge = base._edge
        if edge is None:
            t._edge = None
            continue
        if t._view.origin is not None:
            refusal = _core.new(ForbiddenView)
            refusal.edges = ()
            refusal.error = str(
                _view_error(
                    t, t._view, "its base or another view of its base has been modified inplace"
                )
            )
            refusal._sequence = _core.next_sequence()
            t._edge = refusal
            continue
        before = t._edge
        node = _core.new(AsStridedBackward0)
        node.edges = (edge_of(base),)
        node.geometry = _geometry(t._data, base._data)
        node.shape = base._data.shape
        node._sequence = _core.next_sequence()
        t._edge = node
        if ctx.hooks:
            hooks.move_retained(t, before, node)


# ---------------------------------------------------------------------------------------------
# Twins


#: Nodes that PyTorch names otherwise than those of the out-of-place form.
_NODES = {
    "leaky_relu_": "LeakyReluBackward1", "elu_": "EluBackward1", "celu_": "CeluBackward1",
    "threshold_": "ThresholdBackward1", "rrelu_with_noise_": "RreluWithNoiseBackward1",
    "asinh_": "AsinhBackward1", "acosh_": "AcoshBackward1", "atanh_": "AtanhBackward1",
}  # fmt: skip


def twin(row: Any, name: str) -> Any:
    """The in-place twin of `row`: ``x.mul_(y)`` from ``mul``."""
    node = _NODES.get(name)
    tensors = name in ("atan2_", "hypot_")
    ufunc = row.forward if row.is_ufunc else None
    saves_input = row.inputs[0] in {
        p for f in row.formula_list for p in f.__code__.co_varnames[: f.__code__.co_argcount]
    }

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(self, Tensor):
            from .._define.binding import bind

            bind(name, row.schemas, (self, *args), kwargs, method=True)
        if tensors and args and not isinstance(args[0], Tensor):
            raise TypeError(
                f"{name}(): argument '{row.public_names[1]}' (position 1) must be Tensor, not "
                f"{type(args[0]).__name__}"
            )
        if (
            ufunc is not None
            and not kwargs
            and ctx.handler is None
            and (not _core.thread.grad or _untracked(self, args))
        ):
            done = _write_directly(self, ufunc, args)
            if done is not None:
                return done
        check_writable(self, args)
        copied = saves_input and _core.thread.grad and not _untracked(self, args)
        result = row.call(shadow_of(self, copied), *args, **kwargs)
        if node is not None:
            renamed(result, node)
        return write(self, result)

    method.__name__ = method.__qualname__ = name
    method.__module__ = "torch"
    method.op = row  # type: ignore[attr-defined]
    return method


def from_function(function: Any, name: str) -> Any:
    """The in-place twin of a composed function."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_writable(self, args)
        copied = _core.thread.grad and not _untracked(self, args)
        return write(self, function(shadow_of(self, copied), *args, **kwargs))

    method.__name__ = method.__qualname__ = name
    method.__module__ = "torch"
    return method


def _untracked(x: Tensor, args: tuple[Any, ...]) -> bool:
    if x._edge is not None or (x._view is not None and x._view.base._edge is not None):
        return False
    return not any(isinstance(a, Tensor) and a._edge is not None for a in args)


def _write_directly(x: Tensor, ufunc: Any, args: tuple[Any, ...]) -> Tensor | None:
    """Nothing is recorded and the dtypes agree: the ufunc writes into the memory itself."""
    data = x._data
    operands = [data]
    for a in args:
        if isinstance(a, Tensor):
            if a._data.dtype is not data.dtype:
                return None
            operands.append(a._data)
        elif type(a) in (float, int) and data.dtype in (_dtypes.FLOAT32, _dtypes.FLOAT64):
            operands.append(_core.constant(a, data.dtype)._data)
        else:
            return None
    if ufunc.nin != len(operands) or (0 in data.strides and overlaps(data)):
        return None
    if ufunc in _TO_FLOAT and data.dtype.kind != "f":
        return None
    if x._cell is _core.INFERENCE_CELL and not _core.thread.inference:
        return None
    token = _core.be_quiet()
    try:
        ufunc(*operands, out=data, casting="no")
    except (ValueError, TypeError):
        return None
    finally:
        _core.be_loud(token)
    bump(x)
    return x


_TO_FLOAT = frozenset(
    (np.divide, np.exp, np.log, np.sqrt, np.tanh, np.sin, np.cos, np.reciprocal, np.log1p,
     np.expm1, np.log2, np.log10, np.tan, np.arctan)
)  # fmt: skip


def write_out(op: Any, result: Tensor, out: Any) -> Tensor:
    """``out=``: write `result` into a tensor of the caller, resizing it as PyTorch does."""
    if not isinstance(out, Tensor):
        raise TypeError(
            f"{op.public_name}(): argument 'out' must be Tensor, not {type(out).__name__}"
        )
    if _core.thread.grad and (out._edge is not None or result._edge is not None):
        raise RuntimeError(
            f"{op.public_name}(): functions with out=... arguments don't support automatic "
            "differentiation, but one of the arguments requires grad."
        )
    if ctx.handler is not None:
        _tell("out", op, result, out)
    if out._data.shape != result._data.shape:
        if out._data.size:
            import warnings

            warnings.warn(
                "An output with one or more elements was resized since it had shape "
                f"{list(out._data.shape)}, which does not match the required output shape "
                f"{list(result._data.shape)}. This behavior is deprecated, and in a future PyTorch "
                "release outputs will not be resized unless they have zero elements. You can "
                "explicitly reuse an out tensor t by resizing it, inplace, to zero elements with "
                "t.resize_(0).",
                UserWarning,
                stacklevel=5,
            )
        out._data = np.empty(result._data.shape, out._data.dtype)
    _check_cast(_core.dtype_of(result), _core.dtype_of(out))
    out._data[...] = result._data
    bump(out)
    return out
