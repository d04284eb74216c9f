"""``torch.Size``, ``torch.device`` and the other small types that describe tensors."""

from __future__ import annotations

from typing import Any


class Size(tuple):
    """A shape: a tuple of ints that prints as PyTorch's."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    __str__ = __repr__

    def numel(self) -> int:
        """The product of the sizes."""
        n = 1
        for size in self:
            n *= size
        return n

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, tuple):
            return NotImplemented
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any) -> Any:
        if not isinstance(other, tuple):
            return NotImplemented
        return Size(tuple.__add__(other, self))

    def __mul__(self, count: Any) -> Any:
        return Size(tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return Size(found) if isinstance(key, slice) else found

    def __reduce__(self) -> Any:
        return _size, (tuple(self),)


def _size(sizes: Any) -> Size:
    # Pickles name this function: `torch.Size` leads here only under the alias.
    return Size(sizes)


Size.__module__ = "torch"

_KINDS = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia",
    "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip


class device:
    """Where a tensor lives. rushlight's tensors live on the CPU; others can be named.

    >>> device("cuda", 1)
    device(type='cuda', index=1)
    """

    __slots__ = ("index", "type")
    index: int | None
    type: str

    def __init__(self, type: Any = None, index: Any = None, *, device: Any = None) -> None:
        if device is not None and type is None:
            type = device
        if isinstance(type, _device_type()):
            type, index = type.type, type.index
        elif isinstance(type, int) and not isinstance(type, bool):
            raise RuntimeError("Cannot access accelerator device when none is available.")
        elif not isinstance(type, str):
            raise _wrong_arguments(type)
        elif not type:
            raise RuntimeError("Device string must not be empty")
        elif ":" in type:
            if index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed explicitly: "
                    f"{type}"
                )
            name, _, number = type.partition(":")
            if not number.isdigit() or (len(number) > 1 and number[0] == "0"):
                raise RuntimeError(f"Invalid device string: '{type}'")
            type, index = name, int(number)
        if index is not None and index < 0:
            raise RuntimeError("Device index must not be negative")
        if type not in _KINDS:
            if not type.replace("_", "a").isalpha():
                raise RuntimeError(f"Invalid device string: '{type}'")
            raise RuntimeError(
                "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, "
                "fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, privateuseone device type "
                f"at start of device string: {type}"
            )
        object.__setattr__(self, "type", type)
        object.__setattr__(self, "index", index)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"attribute '{name}' of 'torch.device' objects is not writable")

    def __repr__(self) -> str:
        if self.index is None:
            return f"device(type='{self.type}')"
        return f"device(type='{self.type}', index={self.index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> Any:
        return _device, (self.type, self.index)

    def __enter__(self) -> device:
        default_device.chosen.append(default_device.value)
        default_device.value = self
        return self

    def __exit__(self, *_: object) -> None:
        default_device.value = default_device.chosen.pop()


class _DefaultDevice:
    """The device of constructors that name none, chosen by ``torch.set_default_device`` or
    ``with torch.device(...)``; None for the CPU."""

    __slots__ = ("chosen", "value")

    def __init__(self) -> None:
        self.value: Any = None
        self.chosen: list[Any] = []


default_device = _DefaultDevice()


def _device(kind: str, index: int | None) -> device:
    return device(kind, index)


device.__module__ = "torch"


def _device_type() -> Any:
    return device


def _wrong_arguments(value: Any) -> TypeError:
    from .._define.messages import invalid_combination

    args = () if value is None else (value,)
    return TypeError(
        invalid_combination(
            "device", ["(torch.device device)", "(str type, int index = -1)"], args, {}
        )
    )


CPU = device("cpu")


def check_device(value: Any) -> None:
    """Refuse every device but the CPU as a CPU build of PyTorch does.

    Raises:
        AssertionError: CUDA.
        NotImplementedError: the meta device.
        RuntimeError: any other.
    """
    if value is None:
        return
    found = value if isinstance(value, device) else device(value)
    if found.type == "cpu":
        return
    if found.type == "cuda":
        error: Exception = AssertionError("Torch not compiled with CUDA enabled")
        error.add_note(
            "rushlight: tensors live on the CPU; write "
            "device = 'cuda' if torch.cuda.is_available() else 'cpu'."
        )
        raise error
    if found.type == "xpu":
        raise AssertionError("Torch not compiled with XPU enabled")
    if found.type == "meta":
        raise NotImplementedError("device='meta': rushlight has no meta tensors")
    raise RuntimeError(
        f"PyTorch is not linked with support for {found.type} devices"
    )


class _Constant:
    """A named constant such as ``torch.strided``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return "torch." + self.name

    def __reduce__(self) -> Any:
        return _constant, (self.name,)


class layout(_Constant):
    """How a tensor is laid out: ``torch.strided``."""

    __slots__ = ()


class memory_format(_Constant):
    """Orders of elements in memory: ``torch.contiguous_format`` and others."""

    __slots__ = ()


layout.__module__ = memory_format.__module__ = "torch"

CONSTANTS: dict[str, Any] = {
    n: layout(n) for n in ("strided", "sparse_coo", "sparse_csr", "jagged")
} | {
    n: memory_format(n)
    for n in ("contiguous_format", "preserve_format", "channels_last", "channels_last_3d")
}  # fmt: skip


def _constant(name: str) -> Any:
    return CONSTANTS[name]
