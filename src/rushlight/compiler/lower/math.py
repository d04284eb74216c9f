"""Every operation of expressions as LLVM instructions, for scalars and vectors alike.

`apply` looks up the operation for floats, integers or bools. Transcendental functions are in
`polynomials`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import polynomials
from .vector import WIDTH, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .vector import Builder, Value


def apply(b: Builder, op: str, dtype: Any, args: list[Value]) -> Value:
    """The operation `op` on operands of `dtype` (that of the last one)."""
    kind = dtype.kind
    if kind == "f" or dtype.name == "bfloat16":
        found = _FLOAT.get(op)
        if found is None:
            found = polynomials.FUNCTIONS.get(op)
    elif kind == "b":
        found = _BOOL.get(op)
    else:
        found = (_UNSIGNED.get(op) if kind == "u" else None) or _INT.get(op)
    if found is None:
        raise NotImplementedError(f"compiled {op} of {dtype}")
    return found(b, *args)


def cast(b: Builder, value: Value, source: Any, target: Any) -> Value:
    """A conversion as C does it; to bool: whether it is not zero."""
    have, want = kind_of(source), kind_of(target)
    if source == target or (have == want and have in ("float", "double")):
        return value
    if value.constant is not None:
        constant = value.constant
        if want == "i1":
            return b.const(bool(constant), want)
        if want in ("float", "double"):
            return b.const(float(constant), want)
        if have not in ("float", "double") or abs(constant) < 2**31:
            return b.const(int(constant), want)
        value = b.set(f"freeze {value.kind} {value.name}", value.kind, 1, 0)
    if want == "i1":
        op = "fcmp une" if have in ("float", "double") else "icmp ne"
        return b.compare(op, value, b.const(0, have))
    if have in ("float", "double"):
        if want in ("float", "double"):
            return b.convert("fpext" if want == "double" else "fptrunc", value, want)
        if WIDTH[want] < 4:
            return b.convert("trunc", b.convert("fptosi", value, "i32"), want)
        if target.kind == "u" and WIDTH[want] == 4:
            return b.convert("trunc", b.convert("fptosi", value, "i64"), want)
        return b.convert("fptosi", value, want)
    unsigned = source.kind in "bu"
    if want in ("float", "double"):
        return b.convert("uitofp" if unsigned else "sitofp", value, want)
    if WIDTH[want] > WIDTH[have] or have == "i1":
        return b.convert("zext" if unsigned else "sext", value, want)
    if WIDTH[want] < WIDTH[have]:
        return b.convert("trunc", value, want)
    return value


# ---------------------------------------------------------------------------------------------
# Floats


def _float_max(b: Builder, x: Value, y: Value, relation: str = "fcmp ogt") -> Value:
    # A comparison with NaN is false, so one select gives y where either is NaN.
    if x.constant is None and y.constant is not None:
        x, y = y, x
    if y.constant is None and x.constant is not None and x.constant == x.constant:
        return b.select(b.compare(relation, x, y), x, y)
    larger = b.select(b.compare(relation, x, y), x, y)
    return b.select(b.compare("fcmp uno", x, x), x, larger)


def _float_min(b: Builder, x: Value, y: Value) -> Value:
    return _float_max(b, x, y, "fcmp olt")


def _fmax(b: Builder, x: Value, y: Value, relation: str = "fcmp ogt") -> Value:
    larger = b.select(b.compare(relation, x, y), x, y)
    return b.select(b.compare("fcmp uno", y, y), x, larger)


def _sign(b: Builder, x: Value) -> Value:
    one = b.const(1.0, x.kind)
    zero = b.const(0.0, x.kind)
    up = b.select(b.compare("fcmp ogt", x, zero), one, zero)
    return b.select(b.compare("fcmp olt", x, zero), b.const(-1.0, x.kind), up)


def _floordiv(b: Builder, x: Value, y: Value) -> Value:
    # Python's way: from the remainder, so that floor(a / b) cannot be rounded up.
    zero = b.const(0.0, x.kind)
    rest = polynomials.FUNCTIONS["fmod"](b, x, y)
    whole = b.div(b.binary("fsub", x, rest), y)
    other = b.compare("icmp ne", _negative(b, rest), _negative(b, y))
    some = b.compare("fcmp one", rest, zero)
    whole = b.select(b.binary("and", other, some), b.binary("fsub", whole, b.const(1, x.kind)),
                     whole)  # fmt: skip
    low = b.intrinsic("floor", whole)
    up = b.compare("fcmp ogt", b.binary("fsub", whole, low), b.const(0.5, x.kind))
    low = b.select(up, b.binary("fadd", low, b.const(1, x.kind)), low)
    quotient = b.div(x, y)
    low = b.select(b.compare("fcmp oeq", whole, zero),
                   b.intrinsic("copysign", zero, quotient), low)  # fmt: skip
    return b.select(b.compare("fcmp oeq", y, zero), quotient, low)


def _negative(b: Builder, x: Value) -> Value:
    return b.compare("fcmp olt", x, b.const(0.0, x.kind))


def _float_mod(b: Builder, x: Value, y: Value) -> Value:
    rest = polynomials.FUNCTIONS["fmod"](b, x, y)
    other = b.compare("icmp ne", _negative(b, rest), _negative(b, y))
    some = b.compare("fcmp one", rest, b.const(0.0, x.kind))
    return b.select(b.binary("and", other, some), b.binary("fadd", rest, y), rest)


def _divide(b: Builder, x: Value, y: Value) -> Value:
    """x / y; by a number that is the same in all lanes, with its reciprocal.

    The quotient is corrected by its remainder, which rounds it as a division would (Markstein,
    "Computation of elementary functions on the IBM RISC System/6000 processor", 1990).
    """
    if y.lanes > 1 or x.lanes == 1 or not b.target.fma or (y.level and not b.repeats):
        return b.div(x, y)
    one = b.const(1.0, y.kind)
    most, scale = (2.0**125, 2.0**64) if y.kind == "float" else (2.0**1021, 2.0**128)
    if y.constant is None or not 1.0 / most < abs(y.constant) < most:
        # Where the reciprocal would not be a normal number.
        size = b.abs(y)
        tiny = b.compare("fcmp olt", size, b.const(1.0 / most, y.kind))
        huge = b.compare("fcmp ogt", size, b.const(most, y.kind))
        factor = b.select(huge, b.const(1.0 / scale, y.kind), one)
        factor = b.select(tiny, b.const(scale, y.kind), factor)
        x, y = b.binary("fmul", x, factor), b.binary("fmul", y, factor)
    inverse = b.div(one, y)
    first = b.binary("fmul", x, inverse)
    rest = b.intrinsic("fma", b.neg(first), y, x)
    better = b.intrinsic("fma", rest, inverse, first)
    # Where anything is infinite the first product is right and the remainder NaN.
    return b.select(b.compare("fcmp uno", better, better), first, better)


def _rsqrt(b: Builder, x: Value) -> Value:
    return b.div(b.const(1.0, x.kind), b.intrinsic("sqrt", x))


def _intrinsic(name: str) -> Callable[..., Value]:
    return lambda b, *args: b.intrinsic(name, *args)


def _compare(op: str) -> Callable[..., Value]:
    return lambda b, x, y: b.compare(op, x, y)


def _binary(op: str) -> Callable[..., Value]:
    return lambda b, x, y: b.binary(op, x, y)


_FLOAT: dict[str, Callable[..., Value]] = {
    "add": lambda b, x, y: b.add(x, y),
    "sub": lambda b, x, y: b.sub(x, y),
    "mul": lambda b, x, y: b.mul(x, y),
    "div": _divide,
    "neg": lambda b, x: b.neg(x),
    "abs": lambda b, x: b.abs(x),
    "sign": _sign,
    "min": _float_min,
    "max": _float_max,
    "fmin": lambda b, x, y: _fmax(b, x, y, "fcmp olt"),
    "fmax": _fmax,
    "fma": lambda b, x, y, z: b.fma(x, y, z),
    "floordiv": _floordiv,
    "truncdiv": lambda b, x, y: b.intrinsic("trunc", b.div(x, y)),
    "mod": _float_mod,
    "sqrt": _intrinsic("sqrt"),
    "rsqrt": _rsqrt,
    "reciprocal": lambda b, x: b.div(b.const(1.0, x.kind), x),
    "floor": _intrinsic("floor"),
    "ceil": _intrinsic("ceil"),
    "trunc": _intrinsic("trunc"),
    "round": _intrinsic("roundeven"),
    "copysign": _intrinsic("copysign"),
    "lt": _compare("fcmp olt"),
    "le": _compare("fcmp ole"),
    "gt": _compare("fcmp ogt"),
    "ge": _compare("fcmp oge"),
    "eq": _compare("fcmp oeq"),
    "ne": _compare("fcmp une"),
    "isnan": lambda b, x: b.compare("fcmp uno", x, x),
    "select": lambda b, c, x, y: b.select(c, x, y),
}

# ---------------------------------------------------------------------------------------------
# Integers


def _safe_divisor(b: Builder, x: Value, y: Value, signed: bool) -> Value:
    """The divisor, 1 where the division would trap: by zero, and the least number by -1."""
    bad = b.compare("icmp eq", y, b.const(0, y.kind))
    if signed:
        least = b.const(-(1 << (WIDTH[y.kind] * 8 - 1)), y.kind)
        both = b.binary(
            "and", b.compare("icmp eq", x, least),
            b.compare("icmp eq", y, b.const(-1, y.kind)),
        )  # fmt: skip
        bad = b.binary("or", bad, both)
    return b.select(bad, b.const(1, y.kind), y)


def _int_div(op: str) -> Callable[..., Value]:
    signed = op.startswith("s")

    def divide(b: Builder, x: Value, y: Value) -> Value:
        return b.binary(op, x, _safe_divisor(b, x, y, signed))

    return divide


def _crossing(b: Builder, x: Value, y: Value, rest: Value) -> Value:
    """Whether a truncated quotient lies above the floored one."""
    zero = b.const(0, x.kind)
    some = b.compare("icmp ne", rest, zero)
    other = b.compare("icmp slt", b.binary("xor", rest, y), zero)
    return b.binary("and", some, other)


def _int_floordiv(b: Builder, x: Value, y: Value) -> Value:
    safe = _safe_divisor(b, x, y, True)
    whole = b.binary("sdiv", x, safe)
    rest = b.sub(x, b.mul(whole, safe))
    return b.select(_crossing(b, x, safe, rest), b.sub(whole, b.const(1, x.kind)), whole)


def _int_mod(b: Builder, x: Value, y: Value) -> Value:
    safe = _safe_divisor(b, x, y, True)
    rest = b.binary("srem", x, safe)
    return b.select(_crossing(b, x, safe, rest), b.add(rest, safe), rest)


def _int_sign(b: Builder, x: Value) -> Value:
    zero, one = b.const(0, x.kind), b.const(1, x.kind)
    up = b.select(b.compare("icmp sgt", x, zero), one, zero)
    return b.select(b.compare("icmp slt", x, zero), b.const(-1, x.kind), up)


def _int_pow(b: Builder, x: Value, y: Value) -> Value:
    """By squaring; a negative power of other than 1 and -1 is 0."""
    one, zero, minus = (b.const(n, x.kind) for n in (1, 0, -1))
    odd = b.compare("icmp ne", b.binary("and", y, one), zero)
    inverse = b.select(b.compare("icmp eq", x, minus), b.select(odd, minus, one), zero)
    inverse = b.select(b.compare("icmp eq", x, one), one, inverse)
    return b.select(b.compare("icmp slt", y, zero), inverse, _unsigned_pow(b, x, y))


def _unsigned_pow(b: Builder, x: Value, y: Value) -> Value:
    one, zero = b.const(1, x.kind), b.const(0, x.kind)
    result: Value = one
    base = x
    for i in range(WIDTH[x.kind] * 8):
        bit = b.binary("and", b.binary("lshr", y, b.const(i, y.kind)), one)
        result = b.select(b.compare("icmp ne", bit, zero), b.mul(result, base), result)
        base = b.mul(base, base)
    return result


def _shift(op: str) -> Callable[..., Value]:
    def shift(b: Builder, x: Value, y: Value) -> Value:
        bits = WIDTH[x.kind] * 8
        far = b.compare("icmp uge", y, b.const(bits, y.kind))
        safe = b.select(far, b.const(bits - 1, y.kind), y)
        made = b.binary(op, x, safe)
        if op == "ashr":
            return made
        return b.select(far, b.const(0, x.kind), made)

    return shift


_INT: dict[str, Callable[..., Value]] = {
    "add": lambda b, x, y: b.add(x, y),
    "sub": lambda b, x, y: b.sub(x, y),
    "mul": lambda b, x, y: b.mul(x, y),
    "div": _int_div("sdiv"),
    "neg": lambda b, x: b.neg(x),
    "abs": lambda b, x: b.abs(x),
    "sign": _int_sign,
    "min": _intrinsic("smin"),
    "max": _intrinsic("smax"),
    "fmin": _intrinsic("smin"),
    "fmax": _intrinsic("smax"),
    "fma": lambda b, x, y, z: b.add(b.mul(x, y), z),
    "floordiv": _int_floordiv,
    "truncdiv": _int_div("sdiv"),
    "mod": _int_mod,
    "fmod": _int_div("srem"),
    "pow": _int_pow,
    "floor": lambda b, x: x,
    "ceil": lambda b, x: x,
    "trunc": lambda b, x: x,
    "round": lambda b, x: x,
    "lt": _compare("icmp slt"),
    "le": _compare("icmp sle"),
    "gt": _compare("icmp sgt"),
    "ge": _compare("icmp sge"),
    "eq": _compare("icmp eq"),
    "ne": _compare("icmp ne"),
    "isnan": lambda b, x: b.const(False, "i1"),
    "and": _binary("and"),
    "or": _binary("or"),
    "xor": _binary("xor"),
    "not": lambda b, x: b.binary("xor", x, b.const(-1, x.kind)),
    "shl": _shift("shl"),
    "shr": _shift("ashr"),
    "select": lambda b, c, x, y: b.select(c, x, y),
}

_UNSIGNED: dict[str, Callable[..., Value]] = {
    "div": _int_div("udiv"),
    "floordiv": _int_div("udiv"),
    "truncdiv": _int_div("udiv"),
    "mod": _int_div("urem"),
    "fmod": _int_div("urem"),
    "pow": _unsigned_pow,
    "abs": lambda b, x: x,
    "sign": lambda b, x: b.intrinsic("umin", x, b.const(1, x.kind)),
    "min": _intrinsic("umin"),
    "max": _intrinsic("umax"),
    "fmin": _intrinsic("umin"),
    "fmax": _intrinsic("umax"),
    "lt": _compare("icmp ult"),
    "le": _compare("icmp ule"),
    "gt": _compare("icmp ugt"),
    "ge": _compare("icmp uge"),
    "shr": _shift("lshr"),
}

_BOOL: dict[str, Callable[..., Value]] = {
    "and": _binary("and"),
    "mul": _binary("and"),
    "min": _binary("and"),
    "or": _binary("or"),
    "add": _binary("or"),
    "max": _binary("or"),
    "xor": _binary("xor"),
    "ne": _binary("xor"),
    "eq": lambda b, x, y: _not(b, b.binary("xor", x, y)),
    "lt": lambda b, x, y: b.binary("and", _not(b, x), y),
    "le": lambda b, x, y: b.binary("or", _not(b, x), y),
    "gt": lambda b, x, y: b.binary("and", x, _not(b, y)),
    "ge": lambda b, x, y: b.binary("or", x, _not(b, y)),
    "not": lambda b, x: _not(b, x),
    "isnan": lambda b, x: b.const(False, "i1"),
    "abs": lambda b, x: x,
    "sign": lambda b, x: x,
    "select": lambda b, c, x, y: b.select(c, x, y),
}


def _not(b: Builder, x: Value) -> Value:
    return b.binary("xor", x, b.const(True, "i1"))
