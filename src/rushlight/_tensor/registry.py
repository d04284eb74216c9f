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
from .._define.prototype import Pending

if TYPE_CHECKING:
    from collections.abc import Callable

#: Public functions of the torch namespace by name: rows, overloads or plain functions.
FUNCTIONS: dict[str, Any] = {}
#: Methods of Tensor by name.
METHODS: dict[str, Any] = {}
#: Public functions of torch.nn.functional that are rows or overloads.
NN_FUNCTIONS: dict[str, Any] = {}


#: Rows that PyTorch has in torch.nn.functional only.
ONLY_IN_NN = frozenset(
    ("avg_pool2d", "avg_pool3d", "elu", "gelu", "leaky_relu", "silu", "softplus")
)
#: Functions that PyTorch does not have as methods.
_NO_METHODS = frozenset(
    (
        "celu", "elu", "gelu", "leaky_relu", "rsub", "silu", "softplus", "std_mean", "threshold",
        "var_mean", "view_as_complex", "view_as_real",
    )
)  # fmt: skip

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
            from .._define.documentation import text
            from .._define.promote import into
            from .._define.prototype import prototype

            made = make_dispatcher(self.name, self.schemas, self.targets, method, into)
            made.__name__ = made.__qualname__ = self.name
            made.__module__ = "torch"
            made.__wrapped__ = prototype(self.name, self.schemas)
            made.__doc__ = text("torch." + self.name)
            self._made[method] = made
        return made

    def stub(self, owner: Any, name: str, method: bool) -> Any:
        """A function for ``owner.name`` that replaces itself at its first call."""

        def settle() -> Any:
            made = self.make(method)
            setattr(owner, name, made)
            return made

        def first_call(*args: Any, **kwargs: Any) -> Any:
            return settle()(*args, **kwargs)

        first_call.__name__ = first_call.__qualname__ = self.name
        first_call.__module__ = "torch"
        first_call.__wrapped__ = Pending(settle)  # type: ignore[attr-defined]
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


#: Families that are loaded when one of their functions or methods is first wanted.
_LATE_FAMILIES = (
    "attention", "bags", "composed", "conv", "ctc", "dropout", "embedding", "fractional", "image",
    "loss", "losses_by_number", "norm", "pad", "pool", "recurrent", "sampling",
)  # fmt: skip
#: The same, of families that `torch.nn` does not need.
_RARE_FAMILIES = (
    "arithmetic", "arranging", "cumulative", "foreach", "foreign", "histograms", "index_reduce",
    "more_products", "polynomials", "quantiles", "segments", "special", "view_copies",
    "view_scatter", "written_names", "distances", "ldl", "linear_algebra", ".autocast_state",
    ".settings", ".shapes", ".windows",
)  # fmt: skip
#: The names that they give to the torch namespace (tests/structure/test_late.py keeps it true).
LATE_NAMES = frozenset(
    """
    abs_ acos_ acosh_ adaptive_avg_pool1d adaptive_max_pool1d addbmm addmv_ addr
    affine_grid_generator alias_copy alpha_dropout alpha_dropout_ angle arccos_ arccosh_ arcsin_
    arcsinh_ arctan_ arctanh_ as_strided_ as_strided_copy as_strided_scatter asin_ asinh_ atan_
    atanh_ autocast_decrement_nesting autocast_increment_nesting avg_pool1d avg_pool2d avg_pool3d
    bartlett_window batch_norm bilinear binary_cross_entropy_with_logits blackman_window block_diag
    broadcast_shapes cdist ceil_ chain_matmul channel_shuffle cholesky cholesky_inverse
    cholesky_solve clamp_ clamp_max_ clamp_min_ clear_autocast_cache clip_ combinations
    constant_pad_nd conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d
    conv_transpose3d convolution corrcoef cos_ cosh_ cosine_embedding_loss cosine_similarity cov
    cross ctc_loss cummax cummin cumulative_trapezoid deg2rad_ dequantize det detach detach_
    detach_copy diagflat diagonal_copy diagonal_scatter dropout dropout_ dsplit embedding
    embedding_bag erf_ erfc_ exp2_ exp_ expand_copy expm1_ feature_alpha_dropout
    feature_alpha_dropout_ feature_dropout feature_dropout_ fix_ float_power floor_ frac_ frexp
    frobenius_norm from_file gcd gcd_ geqrf get_autocast_cpu_dtype get_autocast_dtype
    get_autocast_gpu_dtype get_autocast_ipu_dtype get_autocast_xla_dtype get_device gradient
    grid_sampler grid_sampler_2d grid_sampler_3d group_norm hamming_window hann_window hash_tensor
    hinge_embedding_loss histogram histogramdd hsplit i0 i0_ igamma igammac index_reduce
    init_num_threads instance_norm inverse is_autocast_cache_enabled is_autocast_cpu_enabled
    is_autocast_ipu_enabled is_autocast_xla_enabled is_distributed is_inference is_vulkan_available
    is_warn_always_enabled kaiser_window kl_div layer_norm lcm lcm_ ldexp ldexp_ log10_ log1p_
    log2_ log_ logaddexp2 logcumsumexp logdet logit_ lu lu_solve lu_unpack margin_ranking_loss
    matrix_exp matrix_power max_pool1d max_pool1d_with_indices max_pool2d max_pool3d mvlgamma
    nan_to_num_ nanmean nanquantile narrow_copy native_channel_shuffle neg_ negative_ nextafter
    nonzero_static norm_except_dim nuclear_norm orgqr ormqr pairwise_distance pdist permute_copy
    pinverse pixel_shuffle pixel_unshuffle poisson_nll_loss polar qr quantile rad2deg_ reciprocal_
    relu_ renorm rms_norm rot90 round_ rrelu rrelu_ rsqrt_ segment_reduce select_copy
    select_scatter selu selu_ set_autocast_cache_enabled set_autocast_cpu_dtype
    set_autocast_cpu_enabled set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype
    set_autocast_ipu_dtype set_autocast_ipu_enabled set_autocast_xla_dtype set_autocast_xla_enabled
    set_warn_always sigmoid_ sin_ sinc_ sinh_ slice_copy slice_scatter slogdet split_copy
    split_with_sizes split_with_sizes_copy sqrt_ square_ squeeze_copy svd sym_float sym_int sym_ite
    sym_max sym_min sym_not sym_sqrt sym_sum t_copy tan_ tanh_ to_dlpack transpose_copy trapezoid
    trapz triangular_solve triplet_margin_loss trunc_ unbind_copy unfold_copy unravel_index
    unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze_copy vander vdot
    view_as_complex_copy view_as_real_copy view_copy vsplit xlogy_
    """.split()
)
#: The methods that they give to Tensor (the same test).
LATE_METHODS = frozenset(
    """
    addbmm addbmm_ addmv_ addr addr_ angle apply_ arccos_ arccosh_ arcsin_ arcsinh_ arctan2_
    arctan_ arctanh_ as_strided_ as_strided_scatter bitwise_left_shift_ bitwise_right_shift_
    ccol_indices cholesky cholesky_inverse cholesky_solve coalesce col_indices const_data_ptr
    corrcoef cov cross crow_indices cummax cummin dense_dim dequantize det diagflat
    diagonal_scatter dsplit float_power float_power_ frexp gcd gcd_ geqrf greater_ greater_equal_
    hash_tensor heaviside_ histogram hsplit i0 i0_ igamma igamma_ igammac igammac_ index_reduce
    index_reduce_ indices int_repr inverse ipu is_coalesced is_distributed lcm lcm_ ldexp ldexp_
    less_ less_equal_ logaddexp2 logcumsumexp logdet lu lu_solve map2_ map_ matrix_exp matrix_power
    module_load mtia mvlgamma mvlgamma_ nanmean nanquantile narrow_copy nextafter nextafter_
    nonzero_static not_equal_ orgqr ormqr pinverse polygamma polygamma_ q_per_channel_axis
    q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point qr qscheme quantile
    record_stream reinforce renorm renorm_ resize_as resize_as_sparse_ rot90 row_indices
    select_scatter slice_scatter slogdet smm sparse_dim sparse_mask sparse_resize_
    sparse_resize_and_clear_ split_with_sizes sspaddmm svd to_dense to_mkldnn to_padded_tensor
    to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr
    triangular_solve unsafe_chunk unsafe_split unsafe_split_with_sizes values vdot vsplit xlogy_
    xpu
    """.split()
)
_loaded: set[str] = set()


def load_late(rare: bool = True) -> bool:
    """Load the late families; False if they were loaded before.

    Args:
        rare: also those that `torch.nn` does not need.
    """
    wanted = [f for f in (*_LATE_FAMILIES, *(_RARE_FAMILIES if rare else ())) if f not in _loaded]
    if not wanted:
        return False
    _loaded.update(wanted)
    from importlib import import_module

    for family in wanted:
        where = family if family[0] == "." else f".._ops.{family}"
        import_module(where, __package__)
    register_rows(methods=False)
    if rare:
        for name in LATE_METHODS:
            put(Tensor, name, METHODS[name], method=True)
    return True


def _late_method(name: str) -> Any:
    """A method that loads the late families, one of which replaces it, and calls its successor."""

    def first_call(*args: Any, **kwargs: Any) -> Any:
        load_late()
        return getattr(Tensor, name)(*args, **kwargs)

    def successor() -> Any:
        load_late()
        return getattr(Tensor, name)

    first_call.__name__ = first_call.__qualname__ = name
    first_call.__module__ = "torch"
    first_call.__wrapped__ = Pending(successor)  # type: ignore[attr-defined]
    return first_call


def function(name: str) -> Any:
    """The registered target of ``torch.<name>``, or None."""
    found = FUNCTIONS.get(name)
    if found is None and (name in LATE_NAMES or name.startswith("_foreach_")):
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
        if name not in _NO_METHODS:
            put(Tensor, name, target, method=True)
    for name in LATE_METHODS:
        setattr(Tensor, name, _late_method(name))


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
