"""``torch._foreach_*``: one operation on every tensor of a list.

Optimizers written for PyTorch use them. Here each is a loop over the operation itself: it returns a
tuple of results, or, in place, the list it was given.
"""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from .._tensor.registry import FUNCTIONS, Overloads, overloaded, resolve

_UNARY = """
    abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg
    reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc
""".split()


def _function(name: str) -> Any:
    return resolve(FUNCTIONS[name], name)


def _method(name: str) -> Any:
    return getattr(Tensor, name)


def _checked(tensors: Any, *others: Any) -> None:
    if not len(tensors):
        raise RuntimeError("Tensor list must have at least one tensor.")
    for other in others:
        if isinstance(other, Tensor):
            continue
        if len(other) != len(tensors):
            if len(other) and not isinstance(other[0], Tensor):
                raise RuntimeError(
                    "Tensor list must have same number of elements as scalar list."
                )
            raise RuntimeError(
                "Tensor lists must have the same number of tensors, got "
                f"{len(tensors)} and {len(other)}"
            )


def _plain(name: str) -> Any:
    def apart(tensors: Any) -> Any:
        _checked(tensors)
        function = _function(name)
        return tuple(function(t) for t in tensors)

    def within(tensors: Any) -> Any:
        _checked(tensors)
        function = _method(name + "_")
        for t in tensors:
            function(t)
        return tensors

    return apart, within


def _mapped(name: str) -> Any:
    """Applies ``name`` to the tensors and what belongs to each: an element of a list, or what is
    the same for all."""

    def columns(tensors: Any, given: tuple[Any, ...]) -> Any:
        lists = [g for g in given if isinstance(g, list | tuple)]
        _checked(tensors, *lists)
        return zip(
            tensors,
            *(g if isinstance(g, list | tuple) else [g] * len(tensors) for g in given),
            strict=True,
        )

    def apart(tensors: Any, *given: Any, **options: Any) -> Any:
        function = _function(name)
        return tuple(function(*row, **options) for row in columns(tensors, given))

    def within(tensors: Any, *given: Any, **options: Any) -> Any:
        function = _method(name + "_")
        for row in columns(tensors, given):
            function(*row, **options)
        return tensors

    return apart, within


def _register_in_place(name: str, *pairs: Any) -> None:
    """An in-place form: it returns the very list that it was given."""
    made = Overloads(name, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs))

    def written(*args: Any, **kwargs: Any) -> Any:
        made.make(False)(*args, **kwargs)
        return args[0] if args else kwargs["self"]

    written.__name__ = written.__qualname__ = name
    written.__module__ = "torch"
    written.guarded = True  # type: ignore[attr-defined]
    FUNCTIONS[name] = written


def _register(name: str, forms: Any, in_place: bool = True) -> None:
    """`forms`: overload and arguments of each schema, and ``target(apply) -> target``."""
    apart, within = _mapped(forms[0])
    foreach = f"_foreach_{name}"
    overloaded(
        foreach,
        *((f"{foreach}{tag}({args}) -> Tensor[]", wire(apart)) for tag, args, wire in forms[1]),
        method=False,
    )
    if in_place:
        _register_in_place(
            foreach + "_",
            *((f"{foreach}_{tag}({args.replace('Tensor[] self', 'Tensor(a!)[] self', 1)}) -> ()",
               wire(within)) for tag, args, wire in forms[1] if "Tensor[] self" in args),
        )  # fmt: skip


def _direct(apply: Any) -> Any:
    return apply


def _with_alpha(apply: Any) -> Any:
    return lambda tensors, other, alpha: apply(tensors, other, alpha=alpha)


def _valued(apply: Any) -> Any:
    """addcmul and addcdiv: the factor is a keyword of theirs."""

    def target(tensors: Any, first: Any, second: Any, value: Any) -> Any:
        if isinstance(value, Tensor):
            value = value._data.tolist()
        if not isinstance(value, list | tuple):
            return apply(tensors, first, second, value=value)
        _checked(tensors, first, second, value)
        parts = [
            apply([t], [a], [b], value=v)[0]
            for t, a, b, v in zip(tensors, first, second, value, strict=True)
        ]
        return tensors if parts and parts[0] is tensors[0] else tuple(parts)

    return target


_SELF = "Tensor[] self"
for _name in _UNARY:
    _apart, _within = _plain(_name)
    overloaded(f"_foreach_{_name}", (f"_foreach_{_name}({_SELF}) -> Tensor[]", _apart),
               method=False)  # fmt: skip
    _register_in_place(
        f"_foreach_{_name}_", (f"_foreach_{_name}_(Tensor(a!)[] self) -> ()", _within)
    )
for _name in ("add", "sub", "mul", "div"):
    _alpha = _name in ("add", "sub")
    _forms: list[Any] = [
        (".Scalar", f"{_SELF}, Scalar scalar", _direct),
        (".List", f"{_SELF}, Tensor[] other" + (", *, Scalar alpha=1" if _alpha else ""),
         _with_alpha if _alpha else _direct),
        (".ScalarList", f"{_SELF}, Scalar[] scalars", _direct),
        (".Tensor", f"{_SELF}, Tensor other" + (", *, Scalar alpha=1" if _alpha else ""),
         _with_alpha if _alpha else _direct),
    ]  # fmt: skip
    _register(_name, (_name, _forms))
for _name, _of in (
    ("clamp_max", "clamp_max"), ("clamp_min", "clamp_min"), ("maximum", "clamp_min"),
    ("minimum", "clamp_max"),
):  # fmt: skip
    _register(_name, (_of, [
        (".Scalar", f"{_SELF}, Scalar scalar", _direct),
        (".List", f"{_SELF}, Tensor[] other", _direct),
        (".ScalarList", f"{_SELF}, Scalar[] scalars", _direct),
    ]))  # fmt: skip
_register("pow", ("pow", [
    (".List", f"{_SELF}, Tensor[] exponent", _direct),
    (".Scalar", f"{_SELF}, Scalar exponent", _direct),
    (".ScalarList", f"{_SELF}, Scalar[] exponent", _direct),
    (".ScalarAndTensor", "Scalar self, Tensor[] exponent",
     lambda apply: lambda base, exponents: apply([base] * len(exponents), exponents)),
]))  # fmt: skip
_register("lerp", ("lerp", [
    (".List", f"{_SELF}, Tensor[] tensors1, Tensor[] weights", _direct),
    (".Scalar", f"{_SELF}, Tensor[] tensors1, Scalar weight", _direct),
    (".ScalarList", f"{_SELF}, Tensor[] tensors1, Scalar[] weight", _direct),
]))  # fmt: skip
for _name in ("addcmul", "addcdiv"):
    _three = f"{_SELF}, Tensor[] tensor1, Tensor[] tensor2"
    _register(_name, (_name, [
        (".Scalar", f"{_three}, Scalar value=1", _valued),
        (".ScalarList", f"{_three}, Scalar[] scalars", _valued),
        (".Tensor", f"{_three}, Tensor scalars", _valued),
    ]))  # fmt: skip


def _norms(tensors: Any, ord: Any, dtype: Any) -> Any:
    _checked(tensors)
    norm = _function("norm")
    return tuple(norm(t, ord, dtype=dtype) for t in tensors)


def _power_sums(tensors: Any, ord: Any, dtype: Any) -> Any:
    return tuple(n**ord for n in _norms(tensors, ord, dtype))


def _maxima(tensors: Any) -> Any:
    _checked(tensors)
    largest = _function("max")
    return tuple(largest(t) for t in tensors)


def _clones(tensors: Any, memory_format: Any) -> Any:
    _checked(tensors)
    return tuple(_method("clone")(t, memory_format=memory_format) for t in tensors)


def _products(tensors: Any, others: Any) -> Any:
    _checked(tensors, others)
    product = _function("mm")
    return tuple(product(a, b) for a, b in zip(tensors, others, strict=True))


def _zeroed(tensors: Any) -> Any:
    _checked(tensors)
    for t in tensors:
        _method("zero_")(t)
    return tensors


def _copied(tensors: Any, sources: Any, non_blocking: bool) -> Any:
    _checked(tensors, sources)
    for t, source in zip(tensors, sources, strict=True):
        _method("copy_")(t, source, non_blocking)
    return tensors


for _schema, _target in (
    (f"_foreach_norm.Scalar({_SELF}, Scalar ord=2, ScalarType? dtype=None) -> Tensor[]", _norms),
    (f"_foreach_powsum.Scalar({_SELF}, Scalar ord=2, ScalarType? dtype=None) -> Tensor[]",
     _power_sums),
    (f"_foreach_max({_SELF}) -> Tensor[]", _maxima),
    (f"_foreach_clone({_SELF}, *, MemoryFormat? memory_format=None) -> Tensor[]", _clones),
    (f"_foreach_mm({_SELF}, Tensor[] mat2) -> Tensor[]", _products),
):  # fmt: skip
    overloaded(_schema.partition("(")[0].partition(".")[0], (_schema, _target), method=False)
_register_in_place("_foreach_zero_", ("_foreach_zero_(Tensor(a!)[] self) -> ()", _zeroed))
_register_in_place(
    "_foreach_copy_",
    ("_foreach_copy_(Tensor(a!)[] self, Tensor[] src, bool non_blocking=False) -> ()", _copied),
)

