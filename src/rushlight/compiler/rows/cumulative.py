"""Running sums, products, extrema and recurrences."""

from __future__ import annotations

from typing import Any

from ..ir import View, computed
from ..trace import KERNELS, LOWERINGS, NotLowered, Tracer

KERNELS.add("scan")


def _scan(kind: str) -> Any:
    def lower(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
        *inputs, dim = arguments
        values = outputs[0]
        places = outputs[1] if kind in ("max", "min") else None
        shown = values if values is not None else places
        assert shown is not None
        if not shown.ndim:
            if values is not None:
                t.map(values, [inputs[0]], lambda v: v)
            if places is not None:
                t.map(places, [], lambda: 0)
            return
        if not shown.size:
            return
        dim %= shown.ndim
        if values is None:
            values = t.temporary(shown.shape, inputs[0].dtype)
        work = computed(values.dtype)
        if work.kind == "b":
            raise NotLowered("running extrema of bools")
        given = []
        for x in inputs:
            t.check(x)
            if computed(x.dtype) != work:
                wide = t.temporary(x.shape, work)
                t.map(wide, [x], lambda v: v)
                x = wide
            given.append(_last(x.expand(shown.shape), dim))
        targets = [_last(v, dim) for v in (values, places) if v is not None]
        t.kernel("scan", given, targets, kind=kind)

    return lower


def _last(x: View, dim: int) -> View:
    return x.permute([*(a for a in range(x.ndim) if a != dim), dim])


for _name, _kind in (
    ("cumsum", "sum"), ("cumprod", "prod"), ("scan", "linear"), ("cummax", "max"),
    ("cummin", "min"),
):  # fmt: skip
    LOWERINGS[_name] = _scan(_kind)
