"""Where public names lead: ``torch.name`` functions and ``Tensor.name`` methods.

Every family of ops registers its public functions here; `attach` then hangs the methods on
`Tensor`, and the package's `__getattr__` finds the functions. A row that is public under its own
schema name registers itself; overloaded names list their schemas and targets and are resolved by
the dispatcher of `_define/dispatch.py`, which is built when the name is first used.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from .._core import OPS, Tensor
from .._define import calls

if TYPE_CHECKING:
    from collections.abc import Callable

#: Public functions of the torch namespace by name: rows, overloads or plain functions.
FUNCTIONS: dict[str, Any] = {}
#: Methods of Tensor by name.
METHODS: dict[str, Any] = {}
#: Public functions of torch.nn.functional that are rows or overloads.
NN_FUNCTIONS: dict[str, Any] = {}


_ALIASES: dict[str, str] = {}


class Overloads:
    """A public name with several schemas; makes its dispatcher at the first use."""

    def __init__(
        self, name: str, schemas: tuple[str, ...], targets: tuple[Callable[..., Any], ...]
    ) -> None:
        self.name = name
        self.schemas = schemas
        self.targets = targets
        self._made: dict[bool, Any] = {}

    def make(self, method: bool) -> Any:
        made: Any = self._made.get(method)
        if made is None:
            from .._define.dispatch import make_dispatcher
            from .._define.promote import into
            from .._define.prototype import prototype

            made = make_dispatcher(self.name, self.schemas, self.targets, method, into)
            made.__name__ = made.__qualname__ = self.name
            made.__module__ = "torch"
            made.__wrapped__ = prototype(self.name, self.schemas)
            self._made[method] = made
        return made

    def stub(self, owner: Any, name: str, method: bool) -> Any:
        """A function for ``owner.name`` that replaces itself at its first call."""

        def first_call(*args: Any, **kwargs: Any) -> Any:
            made = self.make(method)
            setattr(owner, name, made)
            return made(*args, **kwargs)

        first_call.__name__ = first_call.__qualname__ = self.name
        first_call.__module__ = "torch"
        return first_call


def overloaded(
    name: str,
    *pairs: tuple[str, Callable[..., Any]],
    function: bool = True,
    method: bool = True,
) -> Overloads:
    """Register a public name whose calls are told apart by their arguments.

    `pairs`: (schema, target); a target takes the schema's arguments by position, all of them.
    """
    made = Overloads(name, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs))
    if function:
        FUNCTIONS[name] = made
    if method:
        METHODS[name] = made
    return made


def public(
    name: str, function: Any, *, torch: bool = True, method: bool = True, nn: bool = False
) -> None:
    """Register a plain function (or row) under a public name."""
    if torch:
        FUNCTIONS[name] = function
    if method:
        METHODS[name] = function
    if nn:
        NN_FUNCTIONS[name] = function


def aliases(**names: str) -> None:
    """Further public names: ``aliases(multiply="mul")``, also of names registered later."""
    _ALIASES.update(names)


def _settle_aliases() -> None:
    for alias, name in _ALIASES.items():
        if name in FUNCTIONS:
            FUNCTIONS[alias] = FUNCTIONS[name]
        if name in METHODS:
            METHODS[alias] = METHODS[name]


#: Families that are loaded when one of their functions is first wanted. None has a method.
_LATE_FAMILIES = (
    "composed", "conv", "dropout", "embedding", "image", "loss", "norm", "pad", "pool",
)  # fmt: skip
#: The names that they give to the torch namespace (tests/structure/test_late.py keeps it true).
LATE_NAMES = frozenset(
    """
    adaptive_avg_pool1d alpha_dropout alpha_dropout_ avg_pool1d avg_pool2d avg_pool3d batch_norm
    bilinear binary_cross_entropy_with_logits channel_shuffle constant_pad_nd conv1d conv2d
    conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution cosine_similarity
    dropout dropout_ embedding feature_alpha_dropout feature_alpha_dropout_ feature_dropout
    feature_dropout_ group_norm instance_norm layer_norm max_pool1d max_pool1d_with_indices
    max_pool2d max_pool3d pairwise_distance pdist pixel_shuffle pixel_unshuffle rms_norm rrelu
    rrelu_ selu selu_
    """.split()
)
_loaded_late = False


def load_late() -> bool:
    """Load the late families; False if they were loaded before."""
    global _loaded_late
    if _loaded_late:
        return False
    _loaded_late = True
    from importlib import import_module

    for family in _LATE_FAMILIES:
        import_module(f".._ops.{family}", __package__)
    register_rows(methods=False)
    return True


def function(name: str) -> Any:
    """The registered target of ``torch.<name>``, or None."""
    found = FUNCTIONS.get(name)
    if found is None and name in LATE_NAMES:
        load_late()
        found = FUNCTIONS.get(name)
    return found


def register_rows(methods: bool = True) -> None:
    """Rows that are public under their schema's name."""
    for row in OPS.values():
        if getattr(row, "public", False):
            first = row.schemas[0].partition("(")[2]
            FUNCTIONS.setdefault(row.public_name, row)  # type: ignore[attr-defined]
            if methods and first.startswith("Tensor") and " self" in first.partition(",")[0]:
                METHODS.setdefault(row.public_name, row)  # type: ignore[attr-defined]
    _settle_aliases()


def attach() -> None:
    """Hang every method on Tensor."""
    for name, target in METHODS.items():
        put(Tensor, name, target, method=True)


def put(owner: Any, name: str, target: Any, method: bool = False) -> Any:
    """Put a registered target at ``owner.name``; returns what was put there."""
    if isinstance(target, Overloads):
        made = target._made.get(method)
        setattr(owner, name, made if made is not None else target.stub(owner, name, method))
    elif hasattr(target, "place"):
        target.place(owner, name)
    elif hasattr(target, "kind"):
        setattr(owner, name, target.call)
    elif method and type(target) is FunctionType and not hasattr(target, "guarded"):
        setattr(owner, name, calls.stub(owner, name, target, method))
    else:
        setattr(owner, name, target)
    return getattr(owner, name)


def resolve(target: Any, name: str = "") -> Any:
    """The callable behind a registered target, rendered."""
    if name and type(target) is FunctionType and not hasattr(target, "guarded"):
        return calls.guard(name, target, False)
    if isinstance(target, Overloads):
        return target.make(False)
    if hasattr(target, "render"):
        return target.render()
    return target.call if hasattr(target, "kind") else target
