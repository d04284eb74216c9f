"""What a tensor says of itself: shape, dtype, strides, edges, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import LEAF, Node, Tensor, ctx, visible, wrap
from .._ops import casting
from ..autograd import engine
from . import registry
from .device import CPU, Size
from .storage import elements, storage_of


def _size(self: Tensor, dim: Any = None) -> Any:
    """The shape, or the size of one dim."""
    if dim is None:
        return Size(self._data.shape)
    from .._ops.checks import canonical_dim

    if not self._data.ndim:
        canonical_dim(dim, 0)
        raise IndexError("Dimension specified as " + str(dim) + " but tensor has no dimensions")
    return self._data.shape[canonical_dim(dim, self._data.ndim)]


def _stride(self: Tensor, dim: Any = None) -> Any:
    """Steps between elements along each dim, in elements."""
    strides = contiguous_like_strides(self._data)
    if dim is None:
        return strides
    from .._ops.checks import canonical_dim

    return strides[canonical_dim(dim, self._data.ndim)]


def contiguous_like_strides(data: Any) -> tuple[int, ...]:
    """Element strides; those of a contiguous array are PyTorch's also where sizes are 0 or 1."""
    if data.flags.c_contiguous:
        strides, step = [], 1
        for n in reversed(data.shape):
            strides.append(step)
            step *= max(n, 1)
        return tuple(reversed(strides))
    return elements(data.strides, data.itemsize)


def _warn_of_no_grad() -> None:
    import warnings

    warnings.warn(
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
        "attribute won't be populated during autograd.backward(). If you indeed want the .grad "
        "field to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. "
        "If you access the non-leaf Tensor by mistake, make sure you access the leaf Tensor "
        "instead. See github.com/pytorch/pytorch/pull/30531 for more information.",
        UserWarning,
        stacklevel=3,
    )


def _get_grad(self: Tensor) -> Tensor | None:
    grad = self._grad
    if grad is None:
        edge = self._edge
        if edge is not None and edge is not LEAF and not self.retains_grad:
            _warn_of_no_grad()
        return None
    if ctx.handler is not None:
        reader = getattr(ctx.handler, "read_grad", None)
        if reader is not None:
            reader(self, grad)
    return grad


def _set_grad(self: Tensor, value: Any) -> None:
    if value is not None:
        if not isinstance(value, Tensor):
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type "
                f"{type(value).__name__}"
            )
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if value._data.dtype != self._data.dtype:
            from .._kernels.random_names import cpp_type_name

            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{cpp_type_name(value._data.dtype)}' "
                f"to a tensor with grad_dtype '{_core.dtype_of(self).type_name}'. The gradient "
                "must match the tensor's grad_dtype (defaults to the tensor's dtype). You can set "
                "the tensor's grad_dtype attribute with a specific dtype, or None to allow any "
                "dtype. Set grad_dtype with caution. Diverging the dtypes of a tensor and its "
                "gradient may break downstream systems that assume they match."
            )
        if value._data.shape != self._data.shape:
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value._data.shape)}' to a tensor "
                f"of size '{list(self._data.shape)}'. Please ensure that the gradient and the "
                "tensor are the same size"
            )
    if ctx.handler is not None:
        setter = getattr(ctx.handler, "set_grad", None)
        if setter is not None:
            setter(self, value)
    store_grad(self, value)


def store_grad(self: Tensor, value: Tensor | None) -> None:
    """Set ``.grad`` without checks."""
    if value is None:
        self.__dict__.pop("_grad", None)
    else:
        self._grad = value


def _get_requires_grad(self: Tensor) -> bool:
    # A view made under no_grad says what its base says, though no gradient goes through it.
    if self._edge is not None:
        return True
    if ctx.handler is not None and self._batched is not None:
        tracked = getattr(ctx.handler, "tracked", None)
        if tracked is not None:
            return bool(tracked(self))
    return self._view is not None and self._view.base._edge is not None


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Record operations on this tensor from now on (or no longer)."""
    if type(requires_grad) is not bool:
        raise TypeError("requires_grad_(): argument 'requires_grad' must be bool")
    if requires_grad:
        if self._edge is None:
            if not _core.dtype_of(self).is_floating_point and self._data.dtype.kind != "c":
                raise RuntimeError(
                    "only Tensors of floating point dtype can require gradients"
                )
            if self._cell is _core.INFERENCE_CELL and not _core.thread.inference:
                raise RuntimeError("Setting requires_grad=True on inference tensor outside "
                                   "InferenceMode is not allowed.")  # fmt: skip
            _core.make_leaf(self)
            _core.changed_structure()
    elif self._edge is not None:
        if self._edge is not LEAF:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        self._edge = None
        _core.changed_structure()
    return self


def _set_requires_grad(self: Tensor, value: bool) -> None:
    if type(value) is not bool:
        raise RuntimeError("requires_grad must be a bool")
    requires_grad_(self, value)


def _is_leaf(self: Tensor) -> bool:
    return self._edge is None or self._edge is LEAF


def _grad_fn(self: Tensor) -> Any:
    edge = self._edge
    if not isinstance(edge, Node):
        return None
    return visible(edge)[0]


def _get_data(self: Tensor) -> Tensor:
    """A tensor over the same memory that autograd does not see: writes to it are not versioned."""
    if ctx.handler is not None and self._batched is not None:
        raise RuntimeError("accessing `data` under vmap transform is not allowed")
    t = wrap(self._data[...])
    kind: Any = type(self)
    if kind is not Tensor and hasattr(kind, "_wrap_data"):
        return kind._wrap_data(t)
    return t


def _set_data(self: Tensor, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(
            f"Variable data has to be a tensor, but got {type(value).__name__}"
        )
    if self._edge is not None and not _core.dtype_of(value).is_floating_point:
        raise RuntimeError("data set to a tensor that requires gradients must be floating point "
                           "or complex dtype")  # fmt: skip
    self._data = value._data[...]
    self._cell = None
    self.__dict__.pop("_view", None)
    _core.changed_structure()


def backward(
    self: Tensor,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Carry gradients from this tensor to the leaves and add them to their ``.grad``.

    Args:
        gradient: the gradient of this tensor; 1 where it has one element.
        retain_graph: keep what was saved, so that backward can run again.
        create_graph: record the gradients' own graph, for gradients of gradients.
        inputs: fill ``.grad`` of these tensors only.

    Raises:
        RuntimeError: nothing requires grad; the graph was freed; a saved value was changed.

    Source: https://pytorch.org/docs/stable/generated/torch.Tensor.backward.html

    >>> import rushlight as torch
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is not None:
        inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    engine.backward((self,), (gradient,), keep, create_graph, inputs)


backward.__qualname__ = "Tensor.backward"


def _item(self: Tensor) -> Any:
    """The only element as a Python number."""
    data = self._data
    if ctx.handler is not None:
        reader = getattr(ctx.handler, "reads", None)
        if reader is not None:
            reader(self, "item()")
    if data.size != 1:
        raise RuntimeError(
            f"a Tensor with {data.size} elements cannot be converted to Scalar"
        )
    value = data.item()
    return float(value) if data.dtype == _dtypes.BFLOAT16 else value


def _tolist(self: Tensor) -> Any:
    """The elements as nested lists of Python numbers."""
    data = self._data
    if data.dtype == _dtypes.BFLOAT16:
        return data.astype(np.float32).tolist()
    return data.tolist()


def _numpy(self: Tensor, *, force: bool = False) -> Any:
    """The elements as an ndarray over the same memory.

    Raises:
        RuntimeError: the tensor requires grad (use ``detach()`` or ``force=True``).
    """
    if ctx.handler is not None:
        reader = getattr(ctx.handler, "reads", None)
        if reader is not None:
            reader(self, "numpy()")
    if self._edge is not None and not force:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if self._data.dtype == _dtypes.BFLOAT16:
        raise TypeError("Got unsupported ScalarType BFloat16")
    return self._data[...]


def _array(self: Tensor, dtype: Any = None, copy: Any = None) -> Any:
    data = _numpy(self)
    if dtype is not None and data.dtype != dtype:
        return data.astype(dtype)
    return data.copy() if copy else data


def _array_wrap(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
    """NumPy hands the result of ``tensor * ndarray`` back as a tensor."""
    return wrap(np.asarray(array))


def _is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """Whether the elements lie in order in memory."""
    if memory_format is not None and getattr(memory_format, "name", "") == "channels_last":
        data = self._data
        return data.ndim == 4 and bool(data.transpose(0, 2, 3, 1).flags.c_contiguous)
    return bool(self._data.flags.c_contiguous)


def _contiguous(self: Tensor, *, memory_format: Any = None) -> Tensor:
    """This tensor if its elements lie in order in memory, else a copy in order."""
    if self._data.flags.c_contiguous:
        return self
    return casting.contiguous.call(self)


def detach_(self: Tensor) -> Tensor:
    """Cut this tensor from the graph that made it."""
    if self._view is not None:
        raise RuntimeError(
            "Can't detach views in-place. Use detach() instead. If you are using "
            "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as "
            "True, gradients are views of DDP buckets, and hence detach_() cannot be called on "
            "these gradients. To fix this error, please refer to the Optimizer.zero_grad() "
            "function in torch/optim/optimizer.py as a solution."
        )
    self._edge = None
    if ctx.handler is not None:
        detached = getattr(ctx.handler, "detached", None)
        if detached is not None:
            detached(self, self)
    return self


def _bool(self: Tensor) -> bool:
    data = self._data
    if data.size != 1:
        if data.size == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
    if ctx.handler is not None:
        reader = getattr(ctx.handler, "reads", None)
        if reader is not None:
            reader(self, "bool()")
    return bool(data.item())


def _len(self: Tensor) -> int:
    if not self._data.ndim:
        raise TypeError("len() of a 0-d tensor")
    return self._data.shape[0]


def _index(self: Tensor) -> int:
    if self._data.size != 1 or self._data.dtype.kind not in "iub":
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(_item(self))


def _base(self: Tensor) -> Tensor | None:
    info = self._view
    return None if info is None else info.base


def _version(self: Tensor) -> int:
    """How many times the memory was written to; inference tensors do not count."""
    cell = self._cell
    if cell is _core.INFERENCE_CELL:
        raise RuntimeError("Inference tensors do not track version counter.")
    return 0 if cell is None else cell[0]


def _output_nr(self: Tensor) -> int:
    return visible(self._edge)[1] if isinstance(self._edge, Node) else 0


def _repr(self: Tensor, *, tensor_contents: str | None = None) -> str:
    from .printing import format_tensor

    if ctx.handler is not None and self._batched is not None:
        shown = getattr(ctx.handler, "shown", None)
        if shown is not None and (text := shown(self)) is not None:
            return str(text)
    edge = self._edge
    name = None
    if isinstance(edge, Node):
        node, _ = visible(edge)
        name = type(node).__name__
    return format_tensor(
        self._data,
        dtype_name=_core.dtype_of(self).name,
        default_dtype_name=_dtypes.default.dtype.name,
        requires_grad=edge is not None,
        grad_fn_name=name,
        prefix="tensor(" if type(self) is Tensor else type(self).__name__ + "(",
        contents=tensor_contents,
        tangent=None if ctx.handler is None else _tangent(self),
    )


def _tangent(self: Tensor) -> Tensor | None:
    from ..autograd.forward_ad import tangent_shown

    return tangent_shown(self)


def _format(self: Tensor, spec: str) -> str:
    if type(self) is Tensor:
        from .printing import format_value

        return format_value(self._data, spec, self)
    return object.__format__(self, spec)


def _requires_conversion(kind: Any) -> Any:
    def convert(self: Tensor) -> Any:
        if self._data.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return kind(_item(self))

    return convert


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    if id(self) in memo:
        return memo[id(self)]
    if self._edge is not None and self._edge is not LEAF:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    copied = _core.new(type(self))
    memo[id(self)] = copied
    copied._data = self._data.copy(order="K")
    copied._edge = self._edge
    copied._cell = None
    for name, value in self.__dict__.items():
        if name == "_grad" and value is not None:
            copied._grad = _deepcopy(value, memo)
        elif not name.startswith("_"):
            import copy

            copied.__dict__[name] = copy.deepcopy(value, memo)
    return copied


def _element_size(self: Tensor) -> int:
    return self._data.itemsize


def _storage_offset(self: Tensor) -> int:
    return storage_of(self._data)[1]


def _reversed_dims(self: Tensor) -> Tensor:
    from .._ops import movement

    if self._data.ndim != 2:
        import warnings

        warnings.warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated and it will throw an error in a future release. Consider `x.mT` to "
            "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
            "reverse the dimensions of a tensor.",
            UserWarning,
            stacklevel=2,
        )
    return movement.permute.call(self, tuple(range(self._data.ndim - 1, -1, -1)))


def _matrix_transpose(self: Tensor) -> Tensor:
    from .._ops import movement

    if self._data.ndim < 2:
        raise RuntimeError(
            "tensor.mT is only supported on matrices or batches of matrices. Got "
            f"{self._data.ndim}-D tensor."
        )
    return movement.transpose.call(self, -2, -1)


#: Methods whose arguments PyTorch's parser checks. Those that only read a field (`dim`) are left
#: alone, for their speed.
_PARSED = frozenset(
    "size stride item tolist numpy is_contiguous contiguous detach detach_ requires_grad_ "
    "element_size storage_offset data_ptr".split()
)


def _refuse_writing(name: str) -> Any:
    def setter(self: Tensor, value: Any) -> None:
        raise AttributeError(
            f"attribute '{name}' of 'torch._C.TensorBase' objects is not writable"
        )

    return setter


def _adjoint(self: Tensor) -> Tensor:
    """The matrices transposed and conjugated."""
    from .._ops import movement

    ndim = self._data.ndim
    if ndim == 0:
        return self.conj()
    if ndim == 1:
        raise RuntimeError(
            "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    return movement.transpose.call(self, -2, -1).conj()


registry.public("adjoint", _adjoint, method=False)


def _hermitian(self: Tensor) -> Tensor:
    """A matrix transposed and conjugated."""
    ndim = self._data.ndim
    if ndim not in (0, 2):
        cure = " For batches of matrices, consider using tensor.mH" if ndim > 2 else ""
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor.{cure}"
        )
    return _adjoint(self)


def _dim_order(self: Tensor) -> tuple[int, ...]:
    """The dims from the outermost in memory to the innermost."""
    strides = self._data.strides
    return tuple(sorted(range(len(strides)), key=lambda d: -strides[d]))


def attach() -> None:
    """Hang the attributes on Tensor."""
    properties: dict[str, Any] = {
        "shape": property(lambda self: Size(self._data.shape)),
        "dtype": property(lambda self: _core.dtype_of(self)),
        "device": property(lambda self: CPU),
        "ndim": property(lambda self: self._data.ndim),
        "itemsize": property(_element_size),
        "nbytes": property(lambda self: self._data.nbytes),
        "grad": property(_get_grad, _set_grad, lambda self: _set_grad(self, None)),
        "requires_grad": property(_get_requires_grad, _set_requires_grad),
        "is_leaf": property(_is_leaf),
        "grad_fn": property(_grad_fn),
        "data": property(_get_data, _set_data),
        "T": property(_reversed_dims),
        "mT": property(_matrix_transpose),
        "mH": property(_adjoint),
        "H": property(_hermitian),
        "_base": property(_base),
        "_version": property(_version),
        "output_nr": property(_output_nr),
        "retains_grad": property(
            lambda self: isinstance(self._edge, Node) and any(
                r() is self for r in self._edge.__dict__.get("_retained", ()))),
        "is_cuda": property(lambda self: False),
        "is_cpu": property(lambda self: True),
        "is_sparse": property(lambda self: False),
        "is_quantized": property(lambda self: False),
        "is_mps": property(lambda self: False),
        "is_xpu": property(lambda self: False),
        "is_meta": property(lambda self: False),
        "is_nested": property(lambda self: False),
        **{name: property(lambda self: False) for name in (  # tensors elsewhere or laid otherwise
            "is_ipu is_maia is_mkldnn is_mtia is_sparse_csr is_vulkan is_xla volatile").split()},
        "grad_dtype": property(lambda self: _core.dtype_of(self)),
        "name": property(lambda self: None),
        "layout": property(lambda self: __import__("rushlight").strided),
    }  # fmt: skip
    methods: dict[str, Any] = {
        "size": _size, "stride": _stride, "backward": backward, "item": _item,
        "tolist": _tolist, "numpy": _numpy, "__array__": _array,
        "__array_wrap__": _array_wrap,
        "is_contiguous": _is_contiguous, "contiguous": _contiguous, "detach": casting.detach,
        "detach_": detach_, "requires_grad_": requires_grad_,
        "dim": lambda self: self._data.ndim, "ndimension": lambda self: self._data.ndim,
        "numel": lambda self: self._data.size, "nelement": lambda self: self._data.size,
        "element_size": _element_size, "storage_offset": _storage_offset,
        "data_ptr": lambda self: self._data.__array_interface__["data"][0],
        "is_floating_point": lambda self: _core.dtype_of(self).is_floating_point,
        "is_complex": lambda self: _core.dtype_of(self).is_complex,
        "is_signed": lambda self: _core.dtype_of(self).is_signed,
        "is_inference": lambda self: self._cell is _core.INFERENCE_CELL,
        "is_pinned": lambda self, device=None: False,
        "get_device": lambda self: -1,
        "adjoint": _adjoint, "dim_order": _dim_order,
        "cpu": lambda self, memory_format=None: self,
        "__repr__": _repr, "__str__": _repr, "__format__": _format, "__bool__": _bool,
        "__len__": _len, "__index__": _index, "__deepcopy__": _deepcopy,
        "__float__": _requires_conversion(float), "__int__": _requires_conversion(int),
        "__complex__": _requires_conversion(complex), "__hash__": object.__hash__,
        "_is_view": lambda self: self._view is not None,
    }  # fmt: skip
    for name, value in properties.items():
        if value.fset is None:
            properties[name] = value.setter(_refuse_writing(name))
    for name, value in {**properties, **methods}.items():
        if callable(value) and name[0] != "_":
            value.__name__, value.__qualname__ = name, f"Tensor.{name}"
        if name in _PARSED:
            registry.put(Tensor, name, value, method=True)
        else:
            setattr(Tensor, name, value)
    Tensor.__array_priority__ = 1000  # type: ignore[attr-defined]
    Tensor.__module__ = "torch"
