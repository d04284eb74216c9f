"""Conversions of float16 for processors that have none: LLVM calls these functions by name."""

from __future__ import annotations

from ..lower.module import Library

# float16 to float32: exact. Subnormals are integers times 2**-24.
_EXTEND = """
define float @__extendhfsf2(half %x) {
  %h = bitcast half %x to i16
  %w = zext i16 %h to i32
  %m = and i32 %w, 32767
  %s = and i32 %w, 32768
  %sign = shl i32 %s, 16
  %up = shl i32 %m, 13
  %normal = add i32 %up, 939524096
  %special = add i32 %up, 1879048192
  %f = uitofp i32 %m to float
  %small = fmul float %f, 0x3E70000000000000
  %bits = bitcast float %small to i32
  %tiny = icmp ult i32 %m, 1024
  %huge = icmp uge i32 %m, 31744
  %a = select i1 %tiny, i32 %bits, i32 %normal
  %b = select i1 %huge, i32 %special, i32 %a
  %r = or i32 %b, %sign
  %y = bitcast i32 %r to float
  ret float %y
}
"""

# float32 to float16, nearest even. Adding 0.5 shifts a subnormal's bits to their place, rounded.
_TRUNCATE = """
define half @__truncsfhf2(float %x) {
  %w = bitcast float %x to i32
  %m = and i32 %w, 2147483647
  %odd0 = lshr i32 %m, 13
  %odd = and i32 %odd0, 1
  %n0 = add i32 %m, -939520001
  %n1 = add i32 %n0, %odd
  %normal = lshr i32 %n1, 13
  %f = bitcast i32 %m to float
  %g = fadd float %f, 5.0e-1
  %g0 = bitcast float %g to i32
  %small = sub i32 %g0, 1056964608
  %tiny = icmp ult i32 %m, 947912704
  %huge = icmp uge i32 %m, 1199570944
  %nan = icmp ugt i32 %m, 2139095040
  %payload0 = lshr i32 %m, 13
  %payload1 = and i32 %payload0, 1023
  %payload = or i32 %payload1, 32256
  %special = select i1 %nan, i32 %payload, i32 31744
  %a = select i1 %tiny, i32 %small, i32 %normal
  %b = select i1 %huge, i32 %special, i32 %a
  %s0 = lshr i32 %w, 16
  %s = and i32 %s0, 32768
  %r = or i32 %b, %s
  %h = trunc i32 %r to i16
  %y = bitcast i16 %h to half
  ret half %y
}
"""

# float64 to float16: to float32 rounded to odd first, so that rounding twice rounds once.
_NARROW = """
define half @__truncdfhf2(double %x) {
  %f = fptrunc double %x to float
  %back = fpext float %f to double
  %inexact = fcmp one double %back, %x
  %a = call double @llvm.fabs.f64(double %back)
  %b = call double @llvm.fabs.f64(double %x)
  %beyond = fcmp ogt double %a, %b
  %bits = bitcast float %f to i32
  %less = sub i32 %bits, 1
  %toward = select i1 %beyond, i32 %less, i32 %bits
  %odd = or i32 %toward, 1
  %r = select i1 %inexact, i32 %odd, i32 %bits
  %g = bitcast i32 %r to float
  %y = call half @__truncsfhf2(float %g)
  ret half %y
}
declare double @llvm.fabs.f64(double)
"""

HALVES = Library(
    "halves", lambda: _EXTEND + _TRUNCATE + _NARROW,
    dict.fromkeys(("__extendhfsf2", "__truncsfhf2", "__truncdfhf2"), ""),
)  # fmt: skip

_NAMES = tuple(HALVES.symbols)


def wanted(code: bytes) -> bool:
    """Whether object code calls them."""
    return any(name.encode() in code for name in _NAMES)
