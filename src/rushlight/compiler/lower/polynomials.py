"""Transcendental functions of vectors and scalars: polynomials where speed counts, libm elsewhere.

float32: exp, log and erf as in the Cephes library (Stephen L. Moshier) and after Norbert Juffa
("njuffa": erff with one branch), sine and cosine reduced in float64. float64: exp by its Taylor
polynomial, log, sine and cosine with the coefficients of fdlibm (Sun Microsystems). Errors are
measured in tests/compiler/test_math.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .vector import Builder, Value


def _horner(b: Builder, x: Value, coefficients: Sequence[float]) -> Value:
    """A polynomial, highest power first."""
    c = b.const(coefficients[0], x.kind)
    for k in coefficients[1:]:
        c = b.fma(c, x, b.const(k, x.kind))
    return c


def _clamp(b: Builder, x: Value, low: float, high: float) -> Value:
    """Within bounds; NaN stays."""
    hi, lo = b.const(high, x.kind), b.const(low, x.kind)
    x = b.select(b.compare("fcmp olt", hi, x), hi, x)
    return b.select(b.compare("fcmp ogt", lo, x), lo, x)


def _is(b: Builder, relation: str, x: Value, number: float) -> Value:
    return b.compare(f"fcmp {relation}", x, b.const(number, x.kind))


# ---------------------------------------------------------------------------------------------
# The exponential. x = n log 2 + r; exp(x) = 2^n exp(r), the power in two steps so that it neither
# overflows early nor loses subnormals.

_LOG2 = math.log(2.0)
_EXP32 = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
          5.0000001201e-1)  # fmt: skip
_EXP64 = tuple(1.0 / math.factorial(k) for k in range(13, 1, -1))


def _reduce(b: Builder, x: Value) -> tuple[Value, Value]:
    """n (a float) and r of a clamped x."""
    n = b.intrinsic("roundeven", b.mul(x, b.const(1.0 / _LOG2, x.kind)))
    if x.kind == "float":
        high, low = 0.693145751953125, 1.428606765330187045e-06
    else:
        high, low = 6.93147180369123816490e-01, 1.90821492927058770002e-10
    r = b.fma(n, b.const(-high, x.kind), x)
    return n, b.fma(n, b.const(-low, x.kind), r)


def _power_of_two(b: Builder, n: Value) -> Value:
    """2^n for a whole n within the exponents of normal numbers."""
    if n.kind == "float":
        bits = b.add(b.convert("fptosi", n, "i32"), b.const(127, "i32"))
        return b.convert("bitcast", b.binary("shl", bits, b.const(23, "i32")), "float")
    # Adding 2^52 + 2^51 leaves the whole number in the low bits.
    shifted = b.binary("fadd", n, b.const(6755399441055744.0 + 1023.0, "double"))
    bits = b.convert("bitcast", shifted, "i64")
    return b.convert("bitcast", b.binary("shl", bits, b.const(52, "i64")), "double")


def _halves(b: Builder, n: Value) -> tuple[Value, Value]:
    """Two powers of two whose product is 2^n."""
    half = b.intrinsic("floor", b.mul(n, b.const(0.5, n.kind)))
    return _power_of_two(b, half), _power_of_two(b, b.binary("fsub", n, half))


def _exp_of(b: Builder, n: Value, r: Value) -> Value:
    """2^n exp(r)."""
    p = _horner(b, r, _EXP32 if r.kind == "float" else _EXP64)
    p = b.add(b.fma(b.mul(r, r), p, r), b.const(1.0, r.kind))
    if b.target.bytes == 64 and r.kind == "float":
        return b.intrinsic_exponent("ldexp", p, b.convert("fptosi", n, "i32"))
    first, second = _halves(b, n)
    return b.binary("fmul", b.binary("fmul", p, first), second)


def exp(b: Builder, x: Value) -> Value:
    low, high = (-104.0, 88.8) if x.kind == "float" else (-746.0, 709.9)
    # Masked scores are -inf: an exponent that ends among the denormal numbers costs a hundred
    # times as much as another, so what becomes 0 does not take that way.
    gone = _is(b, "olt", x, low)
    zero = b.const(0.0, x.kind)
    x = _clamp(b, b.select(gone, zero, x), low, high)
    return b.select(gone, zero, _exp_of(b, *_reduce(b, x)))


def exp2(b: Builder, x: Value) -> Value:
    x = _clamp(b, x, *((-151.0, 128.1) if x.kind == "float" else (-1076.0, 1024.1)))
    n = b.intrinsic("roundeven", x)
    r = b.mul(b.binary("fsub", x, n), b.const(_LOG2, x.kind))
    return _exp_of(b, n, r)


_EXPM1_32 = (1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5)


def expm1(b: Builder, x: Value) -> Value:
    """2^n (e^r - 1) + (2^n - 1)."""
    single = x.kind == "float"
    kept = x
    x = _clamp(b, x, *((-40.0, 88.8) if single else (-60.0, 709.9)))
    n, r = _reduce(b, x)
    p = _horner(b, r, _EXPM1_32 if single else _EXP64)
    p = b.fma(b.mul(r, r), p, r)
    first, second = _halves(b, n)
    # (p * first + first) * second - 1, written so that nothing cancels for n = 0.
    one = b.const(1.0, x.kind)
    scaled = b.binary("fmul", p, first)
    rest = b.binary("fsub", first, b.div(one, second))
    made = b.binary("fmul", b.binary("fadd", scaled, rest), second)
    return b.select(_is(b, "oeq", kept, 0.0), kept, made)


# ---------------------------------------------------------------------------------------------
# The logarithm. x = 2^e m with m within [sqrt(1/2), sqrt(2)).

_LOG32 = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
          -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)  # fmt: skip
_LOG64 = (1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
          2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
          6.666666666666735130e-01)  # fmt: skip


def _split(b: Builder, x: Value) -> tuple[Value, Value]:
    """e (a float) and m - 1 of a positive, finite x."""
    single = x.kind == "float"
    word, shift, bias = ("i32", 23, 127) if single else ("i64", 52, 1023)
    tiny = _is(b, "olt", x, 2.0**-126 if single else 2.0**-1022)
    scaled = b.mul(x, b.const(2.0**shift, x.kind))
    x = b.select(tiny, scaled, x)
    bits = b.convert("bitcast", x, word)
    # Subtracting the bits of sqrt(1/2) makes the exponent count from there.
    root = 0x3F3504F3 if single else 0x3FE6A09E667F3BCD
    moved = b.sub(bits, b.const(root, word))
    exponent = b.binary("ashr", moved, b.const(shift, word))
    m = b.convert(
        "bitcast", b.sub(bits, b.binary("shl", exponent, b.const(shift, word))), x.kind
    )
    if single:
        e = b.convert("sitofp", exponent, x.kind)
    else:
        low = b.convert("sitofp", b.convert("trunc", exponent, "i32"), x.kind)
        e = low
    e = b.select(tiny, b.binary("fsub", e, b.const(shift, x.kind)), e)
    return e, b.binary("fsub", m, b.const(1.0, x.kind))


def _log_parts(b: Builder, f: Value) -> tuple[Value, Value]:
    """log(1 + f) as f + the second value; the first is f."""
    if f.kind == "float":
        z = b.mul(f, f)
        p = b.mul(b.mul(_horner(b, f, _LOG32), z), f)
        return f, b.fma(z, b.const(-0.5, f.kind), p)
    s = b.div(f, b.add(f, b.const(2.0, f.kind)))
    z = b.mul(s, s)
    r = b.mul(_horner(b, z, _LOG64), z)
    half = b.mul(b.mul(f, f), b.const(0.5, f.kind))
    return f, b.binary("fsub", b.mul(s, b.add(half, r)), half)


def _log_ends(b: Builder, x: Value, made: Value) -> Value:
    """What a logarithm of x is where x is not positive and finite."""
    infinity, nan = b.const(math.inf, x.kind), b.const(math.nan, x.kind)
    made = b.select(_is(b, "oeq", x, math.inf), infinity, made)
    made = b.select(_is(b, "oeq", x, 0.0), b.const(-math.inf, x.kind), made)
    return b.select(_is(b, "uge", x, 0.0), b.select(b.compare("fcmp uno", x, x), x, made), nan)


def _log_high(kind: str) -> tuple[float, float]:
    if kind == "float":
        return 0.693359375, -2.12194440e-4
    return 6.93147180369123816490e-01, 1.90821492927058770002e-10


def log(b: Builder, x: Value) -> Value:
    e, f = _split(b, x)
    high, low = _log_high(x.kind)
    first, second = _log_parts(b, f)
    second = b.fma(e, b.const(low, x.kind), second)
    made = b.fma(e, b.const(high, x.kind), b.add(first, second))
    return _log_ends(b, x, made)


def _log_base(number: float) -> Callable[[Builder, Value], Value]:
    def logarithm(b: Builder, x: Value) -> Value:
        e, f = _split(b, x)
        first, second = _log_parts(b, f)
        scale = 1.0 / math.log(number)
        # log_b(1 + f) with 1 / log(b) in two parts.
        high = _cut(scale, 12 if x.kind == "float" else 26)
        h, lo = b.const(high, x.kind), b.const(scale - high, x.kind)
        m = b.add(first, second)
        tail = b.add(b.binary("fsub", first, m), second)
        part = b.fma(m, lo, b.mul(tail, b.const(scale, x.kind)))
        if number == 2.0:
            made = b.add(b.fma(m, h, part), e)
        else:
            whole = math.log10(2.0)
            cut = _cut(whole, 13 if x.kind == "float" else 40)
            part = b.fma(e, b.const(whole - cut, x.kind), part)
            made = b.fma(e, b.const(cut, x.kind), b.fma(m, h, part))
        return _log_ends(b, x, made)

    return logarithm


def _cut(number: float, bits: int) -> float:
    """A number with so many significant bits."""
    mantissa, exponent = math.frexp(number)
    return math.ldexp(math.floor(mantissa * 2**bits) / 2**bits, exponent)


def log1p(b: Builder, x: Value) -> Value:
    """log(u) + (x - (u - 1)) / u for u = 1 + x rounded."""
    one = b.const(1.0, x.kind)
    u = b.binary("fadd", x, one)
    lost = b.binary("fsub", x, b.binary("fsub", u, one))
    big = _is(b, "ogt", x, 1.0)
    lost = b.select(
        big, b.binary("fsub", one, b.binary("fsub", u, x)), lost
    )
    e, f = _split(b, u)
    high, low = _log_high(x.kind)
    first, second = _log_parts(b, f)
    second = b.add(second, b.div(lost, u))
    second = b.fma(e, b.const(low, x.kind), second)
    made = b.fma(e, b.const(high, x.kind), b.add(first, second))
    made = _log_ends(b, u, made)
    small = b.compare("fcmp olt", b.abs(x), b.const(2.0**-25 if x.kind == "float" else 2.0**-54,
                                                    x.kind))  # fmt: skip
    return b.select(small, x, made)


# ---------------------------------------------------------------------------------------------
# Hyperbolic functions and the logistic one


def tanh(b: Builder, x: Value) -> Value:
    """e / (e + 2) with e = exp(2 |x|) - 1."""
    a = b.abs(x)
    twice = b.add(a, a)
    bound = b.const(20.0 if x.kind == "float" else 44.0, x.kind)
    twice = b.select(b.compare("fcmp olt", bound, twice), bound, twice)
    n, r = _reduce(b, twice)
    p = _horner(b, r, _EXPM1_32 if x.kind == "float" else _EXP64)
    p = b.fma(b.mul(r, r), p, r)
    scale = _power_of_two(b, n)
    e = b.fma(p, scale, b.binary("fsub", scale, b.const(1.0, x.kind)))
    made = b.div(e, b.add(e, b.const(2.0, x.kind)))
    return b.intrinsic("copysign", made, x)


def sigmoid(b: Builder, x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    one = b.const(1.0, x.kind)
    return b.div(one, b.add(one, exp(b, b.neg(x))))


def sinh(b: Builder, x: Value) -> Value:
    """From expm1 of the half that does not overflow."""
    a = b.abs(x)
    one, half = b.const(1.0, x.kind), b.const(0.5, x.kind)
    e = expm1(b, a)
    small = b.mul(half, b.add(e, b.div(e, b.add(e, one))))
    h = exp(b, b.mul(a, half))
    big = b.mul(b.mul(h, half), h)
    limit = 80.0 if x.kind == "float" else 700.0
    return b.intrinsic("copysign", b.select(_is(b, "olt", a, limit), small, big), x)


def cosh(b: Builder, x: Value) -> Value:
    half = b.const(0.5, x.kind)
    a = b.abs(x)
    e = exp(b, a)
    small = b.mul(half, b.add(e, b.div(b.const(1.0, x.kind), e)))
    h = exp(b, b.mul(a, half))
    big = b.mul(b.mul(h, half), h)
    limit = 80.0 if x.kind == "float" else 700.0
    return b.select(_is(b, "olt", a, limit), small, big)


# ---------------------------------------------------------------------------------------------
# The error function

_ERF_FAR = (-1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1,
            -6.34846687e-1, -1.28717512e-1)  # fmt: skip
_ERF_NEAR = (-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1,
             1.28379166e-1)  # fmt: skip


def erf(b: Builder, x: Value) -> Value:
    """float32: two polynomials, after N. Juffa."""
    if x.kind == "double":
        return _each_lane(b, "erf", x)
    t = b.abs(x)
    far = b.fma(_horner(b, t, _ERF_FAR), t, b.neg(t))
    # Beyond 4 the polynomial turns; erf is 1 there.
    far = b.select(_is(b, "ogt", t, 4.0), b.const(-30.0, x.kind), far)
    far = b.binary("fsub", b.const(1.0, x.kind), exp(b, far))
    far = b.intrinsic("copysign", far, x)
    near = b.fma(_horner(b, b.mul(x, x), _ERF_NEAR), x, x)
    return b.select(_is(b, "ogt", t, 0.927734375), far, near)


# ---------------------------------------------------------------------------------------------
# Sine and cosine: x = n pi / 2 + r

_SIN64 = (1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
          -1.98412698298579493134e-04, 8.33333333332248946124e-03,
          -1.66666666666666324348e-01)  # fmt: skip
_COS64 = (-1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
          2.48015872894767294178e-05, -1.38888888888741095749e-03,
          4.16666666666666019037e-02)  # fmt: skip
_SIN32 = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS32 = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_PIO2 = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33)
# In pieces of 33 bits, whose products with n are exact without a fused multiply-add.
_PIO2_PIECES = (1.57079632673412561417, 6.07710050630396597660e-11, 2.02226624871116645580e-21,
                8.47842766036889956997e-32)  # fmt: skip


def _quadrant(b: Builder, x: Value) -> tuple[Value, Value]:
    """n as i32 and r, for |x| up to the bound of `_guarded`."""
    wide = b.convert("fpext", x, "double") if x.kind == "float" else x
    n = b.intrinsic("roundeven", b.mul(wide, b.const(2.0 / math.pi, "double")))
    r = wide
    parts = _PIO2 if x.kind == "double" else _PIO2[:2]
    for part in parts if b.target.fma else _PIO2_PIECES:
        r = b.fma(n, b.const(-part, "double"), r)
    if x.kind == "float":
        r = b.convert("fptrunc", r, "float")
    return b.convert("fptosi", n, "i32"), r


def _sin_cos(b: Builder, r: Value) -> tuple[Value, Value]:
    """Of |r| <= pi / 4."""
    z = b.mul(r, r)
    one = b.const(1.0, r.kind)
    sine = b.fma(b.mul(_horner(b, z, _SIN32 if r.kind == "float" else _SIN64), z), r, r)
    c = _horner(b, z, _COS32 if r.kind == "float" else _COS64)
    half = b.mul(z, b.const(0.5, r.kind))
    near = b.binary("fsub", one, half)
    lost = b.binary("fsub", b.binary("fsub", one, near), half)
    cosine = b.binary("fadd", near, b.fma(b.mul(z, z), c, lost))
    return sine, cosine


def _circular(name: str, turn: int) -> Callable[[Builder, Value], Value]:
    def function(b: Builder, x: Value) -> Value:
        def fast(h: Builder, x: Value) -> Value:
            n, r = _quadrant(h, x)
            n = h.add(n, h.const(turn, "i32"))
            sine, cosine = _sin_cos(h, r)
            odd = h.compare("icmp ne", h.binary("and", n, h.const(1, "i32")), h.const(0, "i32"))
            made = h.select(odd, cosine, sine)
            back = h.compare("icmp ne", h.binary("and", n, h.const(2, "i32")), h.const(0, "i32"))
            made = h.select(back, h.neg(made), made)
            if not turn:  # keeps -0.0
                made = h.select(_is(h, "oeq", x, 0.0), x, made)
            return made

        return _guarded(b, name, x, fast)

    return function


def _tan_fast(b: Builder, x: Value) -> Value:
    # In float64, rounded once, so that the quotient costs no accuracy.
    wide = b.convert("fpext", x, "double")
    n, r = _quadrant(b, wide)
    sine, cosine = _sin_cos(b, r)
    odd = b.compare("icmp ne", b.binary("and", n, b.const(1, "i32")), b.const(0, "i32"))
    top = b.select(odd, b.neg(cosine), sine)
    bottom = b.select(odd, sine, cosine)
    made = b.convert("fptrunc", b.div(top, bottom), "float")
    return b.select(_is(b, "oeq", x, 0.0), x, made)


def tan(b: Builder, x: Value) -> Value:
    if x.kind == "double":
        return _each_lane(b, "tan", x)
    return _guarded(b, "tan", x, _tan_fast)


# ---------------------------------------------------------------------------------------------
# Powers


def pow_(b: Builder, x: Value, y: Value) -> Value:
    """float32: exp(y log |x|) in float64."""
    if x.kind == "double":
        return _each_lane(b, "pow", x, y)
    lanes = max(x.lanes, y.lanes)

    def body(h: Builder, x: Value, y: Value) -> Value:
        a, w = h.convert("fpext", h.abs(x), "double"), h.convert("fpext", y, "double")
        made = h.convert("fptrunc", exp(h, h.mul(w, log(h, a))), "float")
        whole = h.compare("fcmp oeq", h.intrinsic("floor", y), y)
        half = h.mul(y, h.const(0.5, "float"))
        even = h.compare("fcmp oeq", h.intrinsic("floor", half), half)
        odd = h.binary("and", whole, h.binary("xor", even, h.const(True, "i1")))
        sign = h.intrinsic("copysign", made, x)
        made = h.select(odd, sign, made)
        finite = h.compare("fcmp one", h.abs(x), h.const(math.inf, "float"))
        root = h.binary("and", _is(h, "olt", x, 0.0), finite)
        root = h.binary("and", root, h.binary("xor", whole, h.const(True, "i1")))
        made = h.select(root, h.const(math.nan, "float"), made)
        unit = h.binary("and", _is(h, "oeq", h.abs(x), 1.0), _is(h, "oeq", h.abs(y), math.inf))
        one = h.const(1.0, "float")
        made = h.select(unit, one, made)
        sure = h.binary("or", _is(h, "oeq", x, 1.0), _is(h, "oeq", y, 0.0))
        return h.select(sure, one, made)

    x, y = b.spread(x, lanes), b.spread(y, lanes)
    return b.helper(f"pow.{'f32'}.{lanes}", body, (x, y), "float")


# ---------------------------------------------------------------------------------------------
# libm, one lane at a time


def _each_lane(b: Builder, name: str, *args: Value) -> Value:
    """A function of libm for every lane, in a function of its own."""
    lanes = max(a.lanes for a in args)
    kind = args[0].kind
    symbol = name + ("f" if kind == "float" else "")
    b.declared.add(f"declare {kind} @{symbol}({', '.join([kind] * len(args))})")
    if lanes == 1:
        return b.call(symbol, args, kind, 1)
    args = tuple(b.spread(a, lanes) for a in args)

    def body(h: Builder, *args: Value) -> Value:
        h.declared |= {f"declare {kind} @{symbol}({', '.join([kind] * len(args))})"}
        result = "poison"
        vector = f"<{lanes} x {kind}>"
        for i in range(lanes):
            parts = [
                h.set(f"extractelement {vector} {a.name}, i64 {i}", kind, 1, 0) for a in args
            ]
            one = h.call(symbol, parts, kind, 1)
            result = h.set(
                f"insertelement {vector} {result}, {kind} {one.name}, i64 {i}", kind, lanes, 0
            ).name
        from .vector import Value

        return Value(result, kind, lanes, 0)

    return b.helper(f"{symbol}.{lanes}", body, args, kind)


def _guarded(b: Builder, name: str, x: Value, fast: Callable[[Builder, Value], Value]) -> Value:
    """`fast` for arguments of ordinary size; libm for all lanes if any is huge or not finite."""
    bound = 2.0**30 if x.kind == "float" and b.target.fma else 1e6

    def body(h: Builder, x: Value) -> Value:
        fine = h.compare("fcmp ole", h.abs(x), h.const(bound, x.kind))
        if x.lanes > 1:
            h.declared.add(f"declare i1 @llvm.vector.reduce.and.v{x.lanes}i1(<{x.lanes} x i1>)")
            fine = h.set(
                f"call i1 @llvm.vector.reduce.and.v{x.lanes}i1(<{x.lanes} x i1> {fine.name})",
                "i1", 1, 0,
            )  # fmt: skip
        return h.choose(fine, lambda: fast(h, x), lambda: _each_lane(h, name, x))

    short = "f32" if x.kind == "float" else "f64"
    return b.helper(f"{name}.{short}.{x.lanes}", body, (x,), x.kind)


def _lanewise(name: str) -> Callable[..., Value]:
    return lambda b, *args: _each_lane(b, name, *args)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "exp": exp, "exp2": exp2, "expm1": expm1, "log": log, "log2": _log_base(2.0),
    "log10": _log_base(10.0), "log1p": log1p, "tanh": tanh, "sigmoid": sigmoid, "sinh": sinh,
    "cosh": cosh, "erf": erf, "sin": _circular("sin", 0), "cos": _circular("cos", 1), "tan": tan,
    "pow": pow_,
    **{
        name: _lanewise(name)
        for name in ("erfc", "asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh", "fmod")
    },
}  # fmt: skip
