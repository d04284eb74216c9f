"""Functions of two tensors and of Python numbers: broadcasting and promotion of every pair."""

from __future__ import annotations

from itertools import product

from cases import Case, lines

SMOOTH = "add sub mul div true_divide atan2 hypot logaddexp maximum minimum fmax fmin".split()
STEPS = "remainder fmod floor_divide".split()
COMPARISONS = "eq ne lt le gt ge greater less".split()
LOGICAL = ["logical_and", "logical_or", "logical_xor"]
BITWISE = ["bitwise_and", "bitwise_or", "bitwise_xor"]
SHAPES = [("a", "b"), ("a", "row"), ("col", "row"), ("a", "zero_d"), ("zero_d", "a"), ("cube", "a"),
          ("a", "flipped"), ("stepped", "flipped"), ("expanded", "a"), ("empty", "row"),
          ("a", "one"), ("zero_d", "zero_d"), ("a", "w")]  # fmt: skip
DTYPES = "a d h q i i32 i16 i8 u8 m zero_d zero_d64 zero_half zero_q zero_i zero_m".split()
NUMBERS = ["2", "2.5", "True", "-3", "0"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "<", ">=", "==", "!=", "&", "|", "^", "<<", ">>"]

CASES: list[Case] = []
for name in SMOOTH + STEPS + COMPARISONS + LOGICAL:
    CASES += [Case(f"torch.{name}({x}, {y})", "pointwise") for x, y in SHAPES]
    CASES.append(Case(f"a.{name}(b)", "pointwise"))
    CASES.append(Case(f"torch.{name}(special, special_col)", "pointwise", False))
CASES += [Case(f"torch.pow({x.replace('a', 'p')}, {y})", "pointwise") for x, y in SHAPES
          if "a" in x and x[0] in "a"]
CASES += [Case("torch.pow(special, special_col)", "pointwise", False)]

# Promotion: every pair of dtypes and dimensionalities, and every Python number.
for x, y in product(DTYPES, DTYPES):
    CASES += [Case(f"{x} {op} {y}", "pointwise", False) for op in ("+", "/", "<")]
    CASES += [Case(f"torch.maximum({x}, {y})", "pointwise", False)]
    CASES += [Case(f"{x} * {y}", "pointwise", x in "adhq" and y in "adhq")]
PAIRED = "a d h q i u8 m zero_i zero_d".split()
for x, y in product(PAIRED, PAIRED):
    CASES += [Case(f"{x} {op} {y}", "pointwise", False) for op in ("-", "//", "%", "==", "&")]
    CASES += [Case(f"torch.{name}({x}, {y})", "pointwise", False)
              for name in ("atan2", "logical_and", "fmod", "remainder", "bitwise_xor",
                           "true_divide")]
    # An integer to a negative power or zero to a negative one is its own case below.
    CASES += [Case(f"{x}.abs() ** {y}.abs()" if x != "m" and y != "m" else f"{x} ** {y}",
                   "pointwise", False)]
for x, number in product("a d h q i i32 u8 m zero_d zero_i zero_m".split(), NUMBERS):
    for op in OPERATORS:
        CASES.append(Case(f"{x} {op} {number}", "pointwise", op in "+-*/**"))
        if op not in ("<", ">=", "==", "!="):
            CASES.append(Case(f"{number} {op} {x}", "pointwise", op in "+-*/**"))
for name in BITWISE:
    CASES += [Case(f"torch.{name}({x}, {y})", "exact", False)
              for x, y in [("i", "i2"), ("i", "u8"), ("m", "m_row"), ("i", "3"), ("u8", "m"),
                           ("i", "i_row"), ("a", "b"), ("i32", "zero_i")]]  # fmt: skip
CASES += [Case(f"torch.{name}(u8, 2)", "exact", False)
          for name in ("bitwise_left_shift", "bitwise_right_shift")]
for exponent in ("0", "1", "2", "3", "0.5", "-1", "-2", "-0.5", "2.5", "1.0", "True"):
    CASES += [Case(f"{x} ** {exponent}", "pointwise")
              for x in ("p", "a", "d", "h", "q", "i2", "special")]
    CASES += [Case(f"torch.pow(p, {exponent})", "pointwise")]

CASES += lines(
    """
torch.add(a, b, alpha=2)
torch.add(a, b, alpha=0.5)
torch.add(i, i2, alpha=2)
torch.add(i, i2, alpha=0.5)
torch.add(m, m, alpha=True)
torch.add(a, 3, alpha=2)
torch.add(input=a, other=b)
torch.sub(a, b, alpha=2)
torch.subtract(a, b)
torch.sub(m, m)
m - True
torch.rsub(a, b)
torch.rsub(a, 2)
torch.rsub(a, b, alpha=3)
torch.multiply(a, b)
torch.divide(a, b)
torch.div(a, b, rounding_mode="floor")
torch.div(a, b, rounding_mode="trunc")
torch.div(i, i2, rounding_mode="floor")
torch.div(i, i2, rounding_mode="trunc")
torch.div(i, 2, rounding_mode="floor")
torch.div(a, b, rounding_mode=None)
torch.div(a, b, rounding_mode="wrong")
torch.div(special, special_col, rounding_mode="floor")
torch.div(special, special_col, rounding_mode="trunc")
i // 0
i % 0
a // 0
a % 0
i / 0
torch.pow(2, a)
torch.pow(2.5, i)
torch.pow(i, -1)
torch.pow(i, i)
torch.pow(2, i)
torch.pow(zero_d, 2)
torch.pow(a, i2)
torch.pow(torch.zeros(3), torch.tensor([0.0, 1.0, 2.0]))
torch.float_power(a, 2)
torch.float_power(i, i2)
torch.lerp(a, b, 0.3)
torch.lerp(a, b, p)
torch.addcmul(a, b, p)
torch.addcmul(a, b, p, value=0.5)
torch.addcmul(a, row, col, value=2)
torch.addcdiv(a, b, p)
torch.addcdiv(a, b, p, value=-0.5)
torch.addcdiv(a, row, col.abs() + 1)
torch.where(m, a, b)
torch.where(m_row, a, col)
torch.where(m, a, 0.0)
torch.where(m, 1.0, a)
torch.where(m, 1, 0)
torch.where(m, a, d)
torch.where(m, i, a)
torch.where(m, 1, 2.5)
torch.where(m)
torch.where(a > 0, a, -a)
torch.where(zero_m, a, b)
torch.where(u8, a, b)
torch.where(i, a, b)
torch.copysign(a, b)
torch.copysign(a, -1)
torch.nextafter(a, b)
torch.heaviside(a, zero_d)
torch.gcd(i, i2)
torch.lcm(i, i2)
torch.isclose(a, a + 1e-6)
torch.isclose(special, special)
torch.isclose(special, special, equal_nan=True)
torch.allclose(a, a + 1e-9)
torch.allclose(a, b)
torch.equal(a, a)
torch.equal(a, b)
torch.equal(a, row)
a.equal(a.clone())
torch.dist(a, b)
torch.dist(a, b, 1)
torch.cdist(a, b)
torch.cosine_similarity(a, b)
F.cosine_similarity(a, b, dim=0)
F.pairwise_distance(a, b)
torch.result_type(a, i)
torch.result_type(i, 2.5)
torch.result_type(m, 1)
torch.result_type(h, zero_d)
torch.result_type(1, 2.0)
torch.can_cast(torch.float32, torch.int64)
torch.can_cast(torch.int64, torch.float32)
torch.promote_types(torch.float16, torch.bfloat16)
torch.promote_types(torch.uint8, torch.int8)
a.__radd__(2)
a.__rsub__(2)
a.__rmul__(2)
a.__rtruediv__(2)
a.__rpow__(2)
a.__rfloordiv__(2)
a.__rmod__(2)
divmod(a, b)
a @ w
row @ w
a == None
a != "x"
a + "x"
a + None
a < "x"
a + [1, 2, 3, 4]
a * np.float32(2)
a * np.float64(2)
i * np.int64(2)
np.float64(2) * a
a + True
a.add(2)
a.add(other=b)
a.sub(1.5)
a.mul(b)
a.mul(2)
a.div(2)
a.eq(1)
a.eq(b)
i.eq(i)
a.lt(0)
a.ge(b)
a.maximum(b)
a.logical_and(b)
i.remainder(3)
i.fmod(3)
i.remainder(-3)
torch.remainder(5, i2)
i.floor_divide(2)
a.atan2(b)
torch.not_equal(a, b)
torch.less_equal(a, b)
torch.greater_equal(a, b)
""",
    "pointwise",
)
