"""Loads and stores of elements: strides, masks, bools as bytes, halves computed in float."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .vector import SHORT, WIDTH, Mask, Value, kind_of, literal

if TYPE_CHECKING:
    from .target import Target
    from .vector import Builder


def load(
    b: Builder, pointer: Value, dtype: Any, lanes: int = 1, stride: int = 1,
    mask: Mask = None, fixed: bool = False,
) -> Value:  # fmt: skip
    """Elements of `dtype` as what they are computed in.

    `mask`: how many of the lanes exist, or which; None for all. Others are zero.
    `fixed`: nothing writes there while this function runs: load where the address is made.
    """
    raw = _load(b, pointer, _stored(dtype), lanes, stride, mask, fixed)
    return decode(b, raw, dtype)


def _load(
    b: Builder, pointer: Value, kind: str, lanes: int, stride: int, mask: Mask, fixed: bool
) -> Value:
    size = WIDTH[kind]
    level = pointer.level if fixed else b.depth

    def get(text: str, lanes: int) -> Value:
        return b.set(text, kind, lanes, level) if fixed else b.here(text, kind, lanes)

    if lanes == 1:
        return get(f"load {kind}, ptr {pointer.name}, align {size}", 1)
    t = f"<{lanes} x {kind}>"
    if stride == 1:
        if mask is None:
            return get(f"load {t}, ptr {pointer.name}, align {size}", lanes)
        function = f"@llvm.masked.load.v{lanes}{SHORT.get(kind, kind)}.p0"
        b.declared.add(f"declare {t} {function}(ptr, i32, <{lanes} x i1>, {t})")
        return get(
            f"call {t} {function}(ptr {pointer.name}, i32 {size}, "
            f"{b.mask(lanes, mask)}, {t} zeroinitializer)", lanes,
        )  # fmt: skip
    assert not isinstance(mask, Value)
    count = lanes if mask is None else mask
    if size < 4 or count * 4 <= lanes or not b.target.masks:
        result = "zeroinitializer" if mask is not None else "poison"
        for i in range(count):
            at = b.pointer(pointer, i * stride, size)
            one = get(f"load {kind}, ptr {at.name}, align {size}", 1)
            result = get(f"insertelement {t} {result}, {kind} {one.name}, i64 {i}", lanes).name
        return Value(result, kind, lanes, level)
    where = _addresses(b, pointer, size, lanes, stride)
    function = f"@llvm.masked.gather.v{lanes}{SHORT.get(kind, kind)}.v{lanes}p0"
    b.declared.add(f"declare {t} {function}(<{lanes} x ptr>, i32, <{lanes} x i1>, {t})")
    return get(
        f"call {t} {function}(<{lanes} x ptr> {where}, i32 {size}, "
        f"{b.mask(lanes, mask)}, {t} zeroinitializer)", lanes,
    )  # fmt: skip


def gather(b: Builder, base: Value, index: Value, dtype: Any, mask: Mask = None) -> Value:
    """Elements at a vector of i64 indices; lanes beyond `mask` are zero."""
    assert not isinstance(mask, Value)
    kind, lanes = _stored(dtype), index.lanes
    size, t = WIDTH[kind], f"<{lanes} x {kind}>"
    if size < 4 or not b.target.masks:
        result = "zeroinitializer"
        for i in range(lanes if mask is None else mask):
            place = b.set(
                f"extractelement <{lanes} x i64> {index.name}, i64 {i}", "i64", 1, index.level
            )
            at = b.pointer(base, place, size)
            one = b.here(f"load {kind}, ptr {at.name}, align {size}", kind)
            result = b.here(
                f"insertelement {t} {result}, {kind} {one.name}, i64 {i}", kind, lanes
            ).name
        return decode(b, Value(result, kind, lanes, b.depth), dtype)
    where = b.set(
        f"getelementptr [{size} x i8], ptr {base.name}, <{lanes} x i64> {index.name}",
        "ptr", lanes, max(base.level, index.level),
    ).name  # fmt: skip
    function = f"@llvm.masked.gather.v{lanes}{SHORT.get(kind, kind)}.v{lanes}p0"
    b.declared.add(f"declare {t} {function}(<{lanes} x ptr>, i32, <{lanes} x i1>, {t})")
    raw = b.here(
        f"call {t} {function}(<{lanes} x ptr> {where}, i32 {size}, "
        f"{b.mask(lanes, mask)}, {t} zeroinitializer)", kind, lanes,
    )  # fmt: skip
    return decode(b, raw, dtype)


def _addresses(b: Builder, pointer: Value, size: int, lanes: int, stride: int) -> str:
    fits = abs(stride) * lanes < 1 << 31
    kind = "i32" if fits else "i64"
    steps = ", ".join(f"{kind} {i * stride}" for i in range(lanes))
    return b.set(
        f"getelementptr [{size} x i8], ptr {pointer.name}, <{lanes} x {kind}> <{steps}>",
        "ptr", lanes, pointer.level,
    ).name  # fmt: skip


def decode(b: Builder, raw: Value, dtype: Any) -> Value:
    name = dtype.name
    if name == "bool":
        return b.compare("icmp ne", raw, b.const(0, "i8"))
    if name == "bfloat16":
        wide = b.convert("zext", raw, "i32")
        return b.convert("bitcast", b.binary("shl", wide, b.const(16, "i32")), "float")
    if name == "float16":
        if halves(b.target):
            return b.convert("fpext", b.convert("bitcast", raw, "half"), "float")
        return _widen_half(b, raw)
    return raw


def store(
    b: Builder, value: Value, pointer: Value, dtype: Any, lanes: int = 1, stride: int = 1,
    mask: Mask = None,
) -> None:  # fmt: skip
    """Elements of `dtype` from what they are computed in."""
    raw = b.spread(encode(b, value, dtype), lanes)
    kind = raw.kind
    size = WIDTH[kind]
    t = kind if lanes == 1 else f"<{lanes} x {kind}>"
    if lanes == 1 or (stride == 1 and mask is None):
        b.do(f"store {t} {raw.name}, ptr {pointer.name}, align {size}")
        return
    if stride == 1:
        function = f"@llvm.masked.store.v{lanes}{SHORT.get(kind, kind)}.p0"
        b.declared.add(f"declare void {function}({t}, ptr, i32, <{lanes} x i1>)")
        b.do(
            f"call void {function}({t} {raw.name}, ptr {pointer.name}, i32 {size}, "
            f"{b.mask(lanes, mask)})"
        )
        return
    assert not isinstance(mask, Value)
    for i in range(lanes if mask is None else mask):
        if raw.constant is None:
            one = b.set(
                f"extractelement {t} {raw.name}, i64 {i}", kind, 1, raw.level
            ).name
        else:
            one = literal(raw.constant, kind)
        at = b.pointer(pointer, i * stride, size)
        b.do(f"store {kind} {one}, ptr {at.name}, align {size}")


def encode(b: Builder, value: Value, dtype: Any) -> Value:
    name = dtype.name
    if name == "bool":
        if value.constant is not None:
            return b.const(bool(value.constant), "i8")
        return b.convert("zext", value, "i8")
    if name == "bfloat16":
        return _narrow_bfloat(b, value)
    if name == "float16":
        if halves(b.target):
            return b.convert("bitcast", b.convert("fptrunc", value, "half"), "i16")
        return _narrow_half(b, value)
    return value


def round_to(b: Builder, value: Value, dtype: Any) -> Value:
    """The value as it would come back from memory of this dtype."""
    if dtype.name not in ("bfloat16", "float16"):
        return value
    return decode(b, encode(b, value, dtype), dtype)


def halves(target: Target) -> bool:
    """Whether the processor converts float16."""
    return target.bytes >= 32 or target.triple.startswith(("aarch64", "arm64"))


def _stored(dtype: Any) -> str:
    """The LLVM scalar that an element is loaded as."""
    name = dtype.name
    if name == "bool":
        return "i8"
    if name in ("bfloat16", "float16"):
        return "i16"
    return kind_of(dtype)


def _narrow_bfloat(b: Builder, value: Value) -> Value:
    """float -> bfloat16, ties to even; NaNs stay NaNs."""
    bits = b.convert("bitcast", value, "i32")
    top = b.binary("lshr", bits, b.const(16, "i32"))
    odd = b.binary("and", top, b.const(1, "i32"))
    rounded = b.add(b.add(bits, b.const(0x7FFF, "i32")), odd)
    kept = b.binary("lshr", rounded, b.const(16, "i32"))
    nan = b.compare("fcmp uno", value, value)
    return b.convert("trunc", b.select(nan, b.const(0x7FC0, "i32"), kept), "i16")


def _widen_half(b: Builder, raw: Value) -> Value:
    """float16 bits -> float, where the processor cannot."""
    i32 = lambda v: b.const(v, "i32")  # noqa: E731
    wide = b.convert("zext", raw, "i32")
    sign = b.binary("shl", b.binary("and", wide, i32(0x8000)), i32(16))
    rest = b.binary("shl", b.binary("and", wide, i32(0x7FFF)), i32(13))
    # The exponent is moved by a product, which makes subnormals normal.
    moved = b.mul(b.convert("bitcast", rest, "float"), b.const(2.0**112, "float"))
    special = b.compare("icmp uge", rest, i32(0x0F800000))
    high = b.binary("or", rest, i32(0x7F800000))
    bits = b.select(special, high, b.convert("bitcast", moved, "i32"))
    return b.convert("bitcast", b.binary("or", bits, sign), "float")


def _narrow_half(b: Builder, value: Value) -> Value:
    """float -> float16 bits, ties to even, where the processor cannot."""
    i32 = lambda v: b.const(v, "i32")  # noqa: E731
    bits = b.convert("bitcast", value, "i32")
    sign = b.binary("and", b.binary("lshr", bits, i32(16)), i32(0x8000))
    rest = b.binary("and", bits, i32(0x7FFFFFFF))
    magnitude = b.convert("bitcast", rest, "float")
    # Small: adding 0.5 rounds at the place of float16's last subnormal bit.
    small = b.sub(
        b.convert("bitcast", b.binary("fadd", magnitude, b.const(0.5, "float")), "i32"),
        i32(0x3F000000),
    )
    odd = b.binary("and", b.binary("lshr", rest, i32(13)), i32(1))
    normal = b.binary(
        "lshr", b.add(b.add(rest, i32((15 - 127) << 23)), b.add(i32(0xFFF), odd)), i32(13)
    )
    low = b.compare("icmp ult", rest, i32(0x38800000))
    result = b.select(low, small, normal)
    over = b.compare("icmp uge", rest, i32(0x47800000))
    nan = b.compare("icmp ugt", rest, i32(0x7F800000))
    result = b.select(over, b.select(nan, i32(0x7E00), i32(0x7C00)), result)
    return b.convert("trunc", b.binary("or", result, sign), "i16")
