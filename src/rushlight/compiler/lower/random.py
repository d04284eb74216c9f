"""Words of a Mersenne Twister, drawn from the state that eager draws from, which moves on.

`Kernel("twister", [state], [state, words])`: `state` is NumPy's own, 624 words and the position of
the next one; `words` gets the next so many words (of 32 bits, or 64 as two of them), tempered.
The words come one after the other, so one thread makes them; what becomes of them is a loop like
any other.

Source: M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .access import address
from .module import Emitted
from .writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..ir import Kernel
    from .target import Target

WORDS, SHIFT = 624, 397
UPPER, LOWER, TWIST = -0x80000000, 0x7FFFFFFF, -0x66F74F21
#: Tempering: (direction, bits, mask).
TEMPER = (
    ("lshr", 11, -1), ("shl", 7, -0x62D3A980), ("shl", 15, -0x103A0000), ("lshr", 18, -1),
)  # fmt: skip


def _wide(w: Writer, value: int, lanes: int) -> str:
    return str(value) if lanes == 1 else f"splat (i32 {value})"


def _kind(lanes: int) -> str:
    return "i32" if lanes == 1 else f"<{lanes} x i32>"


def _pieces(
    w: Writer, start: int, stop: int, lanes: int, body: Callable[[str, int], None]
) -> None:
    """``body(index, lanes)`` over a range, at most so many lanes at a time."""
    full = start + (stop - start) // lanes * lanes
    if full > start:
        with w.loop(start, full, lanes) as i:
            body(i.index, lanes)
    at = full
    while at < stop:
        while lanes > stop - at:
            lanes //= 2
        body(str(at), lanes)
        at += lanes


def _refill(target: Target) -> str:
    """The next 624 words of a state."""
    w = Writer("internal void @rl.twist(ptr %s)")
    lanes = target.bytes // 4

    def word(index: str, ahead: int) -> str:
        return w.at("%s", w.mul(w.add(index, ahead), 4))

    def mix(high: str, low: str, far: str, to: str, lanes: int) -> None:
        t = _kind(lanes)
        upper = w.set(f"and {t} {high}, {_wide(w, UPPER, lanes)}")
        lower = w.set(f"and {t} {low}, {_wide(w, LOWER, lanes)}")
        y = w.set(f"or {t} {upper}, {lower}")
        odd = w.set(f"sub {t} zeroinitializer, {w.set(f'and {t} {y}, {_wide(w, 1, lanes)}')}"
                    if lanes > 1 else f"sub i32 0, {w.set(f'and i32 {y}, 1')}")  # fmt: skip
        twist = w.set(f"and {t} {odd}, {_wide(w, TWIST, lanes)}")
        half = w.set(f"lshr {t} {y}, {_wide(w, 1, lanes)}")
        value = w.set(f"xor {t} {w.set(f'xor {t} {far}, {half}')}, {twist}")
        w.store(t, value, to, 4)

    def step(shift: int) -> Callable[[str, int], None]:
        def body(index: str, lanes: int) -> None:
            t = _kind(lanes)
            high, low, far = (w.load(t, word(index, k), 4) for k in (0, 1, shift))
            mix(high, low, far, word(index, 0), lanes)

        return body

    _pieces(w, 0, WORDS - SHIFT, lanes, step(SHIFT))
    _pieces(w, WORDS - SHIFT, WORDS - 1, lanes, step(SHIFT - WORDS))
    last, first, far = (w.load("i32", word("0", k), 4) for k in (WORDS - 1, 0, SHIFT - 1))
    mix(last, first, far, word("0", WORDS - 1), 1)
    w.ret()
    return w.text()


def _temper(w: Writer, x: str, lanes: int) -> str:
    t = _kind(lanes)
    for direction, bits, mask in TEMPER:
        moved = w.set(f"{direction} {t} {x}, {_wide(w, bits, lanes)}")
        if mask != -1:
            moved = w.set(f"and {t} {moved}, {_wide(w, mask, lanes)}")
        x = w.set(f"xor {t} {x}, {moved}")
    return x


def lower_twister(equation: Kernel, name: str, target: Target) -> Emitted:
    """The code of a draw of words."""
    state, words = equation.outputs
    count = words.size * words.dtype.itemsize // 4
    lanes = target.bytes // 4
    w = Writer(f"internal void @{name}(ptr %p, i64 %tid, i64 %nt)")
    s, out = address(w, state), address(w, words)
    place = w.at(s, 4 * WORDS)
    with w.loop(0, count // WORDS + 2, 1, [("i64", "0")]) as block:
        (done,) = block.values
        rest = w.sub(count, done)
        have = w.set(f"sext i32 {w.load('i32', place, 4)} to i64")
        some = w.test("sgt", rest, 0)
        empty = w.set(f"and i1 {some}, {w.test('uge', have, WORDS)}")
        with w.when(empty):
            w.do(f"call void @rl.twist(ptr {s})")
        at = w.select(empty, 0, have)
        take = w.min(rest, w.sub(WORDS, at))
        take = w.select(some, take, 0)
        source = w.at(s, w.mul(at, 4))
        to = w.at(out, w.mul(done, 4))
        whole = w.mul(w.udiv(take, lanes), lanes)
        for start, stop, n in ((0, whole, lanes), (whole, take, 1)):
            with w.loop(start, stop, n) as i:
                offset = w.mul(i.index, 4)
                x = w.load(_kind(n), w.at(source, offset), 4)
                w.store(_kind(n), _temper(w, x, n), w.at(to, offset), 4)
        with w.when(some):
            w.store("i32", w.set(f"trunc i64 {w.add(at, take)} to i32"), place, 4)
        block.carry = [w.add(done, take)]
    w.ret()
    return Emitted(
        equation.origin or "twister", name, w.text(), threads=False, flops=0,
        bytes=4.0 * count, source=f"{words!r} = the next {count} words of {state!r}\n",
        shared={"rl.twist": _refill(target)},
    )  # fmt: skip


KERNELS = {"twister": lower_twister}
