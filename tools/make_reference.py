"""Writes docs/reference/: one page for each public namespace, from signatures and docstrings.

    python tools/make_reference.py [FOLDER]

The pages are built, not committed. `mkdocs build` (the extra ``docs``) turns them and the rest of
docs/ into a site.
"""

import importlib
import inspect
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

import rushlight as torch  # noqa: E402
from rushlight._define import documentation  # noqa: E402
from rushlight._define.stubs import stub_text  # noqa: E402
from rushlight._tensor import registry  # noqa: E402

#: Page -> (title, modules whose public names it lists).
PAGES = {
    "torch": ("torch", ["torch"]),
    "tensor": ("torch.Tensor", ["torch.Tensor"]),
    "nn": ("torch.nn", ["torch.nn"]),
    "nn.functional": ("torch.nn.functional", ["torch.nn.functional"]),
    "nn.init": ("torch.nn.init", ["torch.nn.init"]),
    "nn.utils": (
        "torch.nn.utils",
        ["torch.nn.utils", "torch.nn.utils.rnn", "torch.nn.utils.parametrize",
         "torch.nn.utils.parametrizations", "torch.nn.utils.prune"],
    ),
    "optim": ("torch.optim", ["torch.optim", "torch.optim.swa_utils"]),
    "optim.lr_scheduler": ("torch.optim.lr_scheduler", ["torch.optim.lr_scheduler"]),
    "autograd": (
        "torch.autograd",
        ["torch.autograd", "torch.autograd.functional", "torch.autograd.forward_ad",
         "torch.autograd.graph"],
    ),
    "func": ("torch.func", ["torch.func"]),
    "linalg": ("torch.linalg", ["torch.linalg"]),
    "special": ("torch.special", ["torch.special"]),
    "utils.data": ("torch.utils.data", ["torch.utils.data"]),
    "utils": ("torch.utils", ["torch.utils.checkpoint", "torch.utils.dlpack"]),
    "serialization": ("Saving and loading", ["torch.serialization"]),
    "amp": ("torch.amp", ["torch.amp"]),
    "testing": ("torch.testing", ["torch.testing"]),
    "compile": ("torch.compile", ["torch.compile"]),
}  # fmt: skip

#: Families of the torch namespace: title -> files that its functions come from.
FAMILIES = {
    "Creation": "creation from_data ranges grids convert windows borrowed exchange legacy",
    "Random numbers": "randoms sampling random",
    "Pointwise functions": "elementwise pointwise activation arithmetic powers clamping division "
    "numeric",
    "Special functions": "special polynomials",
    "Complex numbers": "complexes",
    "Reductions and statistics": "reduce statistics quantiles histograms cumulative arguments",
    "Sorting and searching": "sorting searching",
    "Shape, joining and splitting": "movement shaping splitting arranging diagonals shapes copying "
    "view_copies view_scatter casting",
    "Indexing": "index masking taking scattering scatter_reduce index_reduce indexing",
    "Products and linear algebra": "linalg linear_algebra factor solve spectral ldl einsum "
    "more_products distances matrix_checks composed",
    "Layers and losses": "conv pool norm norm_groups loss ctc dropout embedding bags attention pad "
    "image recurrent softmax fractional weight_norm",
    "Settings and inspection": "settings autocast_state options threads attributes device printing",
}
_FAMILY_OF = {file: title for title, files in FAMILIES.items() for file in files.split()}
OTHER = "Gradients, saving and the rest"
TYPES = "Types and constructors of old"
#: Functions that are written beside the registry, in files of no family.
_BY_NAME = {
    "Pointwise functions": "bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift "
    "bitwise_xor clamp_ clamp_max_ clamp_min_ clip_ eq ge greater greater_equal gt le lerp less "
    "less_equal lt ne not_equal round round_ elu gelu leaky_relu silu softplus",
    "Reductions and statistics": "all any prod",
    "Shape, joining and splitting": "as_strided_ atleast_1d atleast_2d atleast_3d broadcast_to "
    "detach detach_ fliplr flipud permute ravel reshape unbind",
    "Products and linear algebra": "ger inner",
    "Settings and inspection": "dequantize get_device is_distributed is_inference set_printoptions",
    TYPES: "BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor "
    "IntTensor LongTensor ShortTensor Generator Size Tensor device dtype finfo iinfo layout "
    "memory_format DisableTorchFunctionSubclass OutOfMemoryError",
}

#: Modules of other people whose names are visible in ours.
_FOREIGN = ("typing", "importlib", "collections", "builtins", "functools", "contextlib", "enum")
#: Public names of our own.
_OURS = {"torch.as_torch"}
#: Namespaces that show what other modules define; elsewhere a name is listed where it is made.
_PACKAGES = {"torch.nn.functional", "torch.nn.init", "torch.nn.utils", "torch.utils.data",
             "torch.optim.lr_scheduler"}  # fmt: skip
#: Module -> the public names that PyTorch has in it.
PYTORCH = {
    line.partition(" ")[0]: frozenset(line.split()[1:])
    for line in (ROOT / "src/rushlight/_pytorch_names.txt").read_text().splitlines()
}
#: Second names that the registry does not list as such.
_FURTHER = {
    "absolute_": "abs_", "arctan2": "atan2", "det": "det", "gammainc": "igamma",
    "float_power_": "float_power", "ndimension": "dim",
}  # fmt: skip
INTRODUCTION = (
    "Examples begin with `import rushlight as torch`. Wrong arguments raise PyTorch's errors: "
    "`TypeError` where no signature fits, `RuntimeError` for shapes, dtypes and devices that do "
    "not go together, `IndexError` for dimensions out of range.\n"
)
#: Public in PyTorch, but without a page of its documentation.
_WITHOUT_PAGE = frozenset(
    """
    Size Tensor.grad_fn Tensor.map2_ Tensor.name Tensor.new Tensor.output_nr affine_grid_generator
    alpha_dropout batch_norm binary_cross_entropy_with_logits celu clamp_max clamp_min
    clear_autocast_cache constant_pad_nd convolution ctc_loss detach dropout dtype embedding
    feature_alpha_dropout feature_dropout fill frobenius_norm get_autocast_cpu_dtype
    get_autocast_gpu_dtype get_autocast_ipu_dtype get_autocast_xla_dtype get_device grid_sampler
    grid_sampler_2d grid_sampler_3d group_norm index_fill index_put instance_norm
    is_anomaly_check_nan_enabled is_anomaly_enabled is_autocast_cache_enabled
    is_autocast_cpu_enabled is_autocast_enabled is_autocast_ipu_enabled is_autocast_xla_enabled
    is_distributed is_neg is_same_size is_signed is_vulkan_available layer_norm masked_fill
    masked_scatter max_pool1d max_pool1d_with_indices max_pool2d max_pool3d norm_except_dim
    nuclear_norm put relu resize_as_ rms_norm rrelu rsub scalar_tensor selu
    set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_gpu_dtype
    set_autocast_ipu_dtype set_autocast_xla_dtype split_with_sizes sym_sqrt threshold
    unsafe_split_with_sizes
    """.split()
)
_SOURCE = "https://docs.pytorch.org/docs/stable/generated/{}.html"


class Entry:
    """One public name.

    Attributes:
        name: as users write it, ``torch.abs``.
        signatures: lines of Python, one for each overload.
        text: its documentation; the first line says what it means.
        family: the heading it stands under on its page.
        own: whether the text is its own, rather than a reference to another name's.
    """

    def __init__(self, name, target):
        self.name = name
        self.signatures = signatures(name, target)
        self.text, self.own = description(name, target)
        self.family = family(name)

    @property
    def meaning(self):
        """The first paragraph, unless that is an example."""
        first = self.text.partition("\n\n")[0].strip()
        return "" if first.startswith(">>>") else first

    @property
    def has_example(self):
        return ">>>" in self.text


def resolve(name):
    """The object behind ``torch.a.b``."""
    found = torch
    for i, part in enumerate(parts := name.split(".")[1:]):
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(".".join(["rushlight", *parts[: i + 1]]))
            except ModuleNotFoundError:
                raise AttributeError(name) from None
    return found


def registered(name):
    """The row, overloads or function that the registry has for a public name, or None."""
    owner, _, short = name.rpartition(".")
    if owner == "torch.Tensor":
        return registry.METHODS.get(short)
    if owner == "torch":
        return registry.FUNCTIONS.get(short)
    return registry.NN_FUNCTIONS.get(short) if owner == "torch.nn.functional" else None


def signatures(name, target):
    short = name.rpartition(".")[2]
    method = name.startswith("torch.Tensor.")
    found = registered(name)
    schemas = getattr(found, "schemas", None) or getattr(
        getattr(target, "op", None), "schemas", None
    )
    if not schemas and name.rpartition(".")[0] in ("torch", "torch.Tensor"):
        schemas = LISTED.get(("m" if method else "f", short))
    if schemas:
        lines = stub_text(short, schemas, method=method).splitlines()
        lines = [line for line in map(str.strip, lines) if line.startswith("def ")]
        return [line[4:].removesuffix(": ...") for line in lines]
    if not callable(target):
        return []
    try:
        text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(target)))
        return [short + (text.removesuffix(" -> None") if isinstance(target, type) else text)]
    except (TypeError, ValueError):
        return [short]


def _listed():
    """("f" or "m", name) -> PyTorch's schemas of a function or method written in Python."""
    found = {}
    for line in (ROOT / "src/rushlight/_define/calls.txt").read_text().splitlines():
        if line[2:3] == " " and "(" in line:
            name = re.split(r"[.(]", line[3:], maxsplit=1)[0]
            for kind in line[:2].strip():
                found.setdefault((kind, name), []).append(line[3:])
    return found


LISTED = _listed()


def description(name, target, seen=()):
    """(documentation of a public name, whether it is its own)."""
    if name in seen:
        return "", False
    entry = documentation.text(name)
    entry = inspect.cleandoc(entry) if entry else ""
    own = docstring(target)
    method = name.startswith("torch.Tensor.") and ">>>" not in own + entry
    if method and ">>>" in description(f"torch.{name[13:]}", _function(name[13:]), (name,))[0]:
        own = entry = ""  # the function's entry says it
    if own.startswith("Raises:") and not entry.startswith(">>>"):
        return f"{entry}\n\n{own}", True
    if own and own not in TABLE:  # its own docstring; the table may add an example
        return (own if not entry or ">>>" in own else f"{own}\n\n{entry}"), True
    if entry:
        source = _SOURCE.format(name)
        documented = name.removeprefix("torch.") not in _WITHOUT_PAGE and "_copy" not in name
        return (entry + (f"\n\nSource: {source}" if documented else "")), True
    for relation, other in twins(name):
        try:
            there = description(other, resolve(other), (*seen, name))[0]
        except AttributeError:
            continue
        if there:
            first = there.partition("\n\n")[0].replace("\n", " ")
            return f"{relation.format(other)}: {first[:1].lower()}{first[1:]}", False
    if not own and isinstance(target, property):
        return "A question about layouts and devices: False for every tensor here.", False
    if not own and pathlib.Path(_file_of(registered(name))).stem == "foreign":
        return "For layouts and devices that are not here: raises an error that says so.", False
    return own, True


def _file_of(target):
    return getattr(getattr(target, "__code__", None), "co_filename", "")


def _function(short):
    found = getattr(torch, short, None) if registry.function(short) is not None else None
    return found if callable(found) else None


def docstring(target):
    """The docstring of an object itself, not of its class or of a builtin."""
    if isinstance(target, property):
        target = target.fget
    own = inspect.getdoc(target)
    if not own or (not isinstance(target, type) and own == inspect.getdoc(type(target))):
        return ""
    return own


TABLE = {inspect.cleandoc(documentation.text(name)) for name in documentation.names()}


def twins(name):
    """(relation, name) of what a name without words of its own repeats."""
    owner, _, short = name.rpartition(".")
    if short.endswith("_") and not short.endswith("__"):
        yield "`{}` in place", f"torch.{short[:-1]}"
        yield "`{}` in place", f"{owner}.{short[:-1]}"
        yield "`{}` in place", f"torch.special.{short[:-1]}"
    alias = registry._ALIASES.get(short) or _FURTHER.get(short)
    if alias is not None:
        yield "Another name of `{}`", f"{owner}.{alias}"
    if owner == "torch.Tensor":
        yield "`{}` as a method", f"torch.{short}"
        yield "`{}` as a method", f"torch.special.{short}"
    elif owner != "torch":
        yield "The same as `{}`", f"torch.{short}"
    if owner == "torch":
        yield "The same as `{}`", f"torch.nn.functional.{short}"
        yield "The same as `{}`", f"torch.special.{short}"
        yield "The same as `{}`", f"torch.linalg.{short}"


def family(name):
    """The heading of a function of the torch namespace: by the file that it comes from."""
    if name.count(".") != 1:
        return ""
    short = name.rpartition(".")[2]
    for title, listed in _BY_NAME.items():
        if short in listed.split():
            return title
    found = registered(name)
    if found is None:
        return OTHER
    rows = [getattr(p, "op", p) for p in (*getattr(found, "targets", ()), found)]
    functions = [
        f for row in rows
        for f in (*getattr(row, "formula_list", ()), getattr(row, "check", None),
                  getattr(row, "forward", None), row)
    ]  # fmt: skip
    for function in functions:
        function = inspect.unwrap(function, stop=lambda f: not hasattr(f, "__code__"))
        for code in (getattr(function, "__code__", None), *_closed_over(function)):
            file = pathlib.Path(code.co_filename).stem if code is not None else ""
            if file in _FAMILY_OF:
                return _FAMILY_OF[file]
    kinds = {getattr(row, "kind", "") for row in rows}
    return _FAMILY_OF["elementwise"] if "elementwise" in kinds else OTHER


def _closed_over(function):
    """The code of functions that a function made by a decorator holds."""
    for cell in getattr(function, "__closure__", None) or ():
        value = cell.cell_contents
        if inspect.isfunction(value):
            yield value.__code__
        elif hasattr(value, "formula_list"):
            yield from (f.__code__ for f in value.formula_list)


def public_names(module):
    """The public names of a module, a class or a single function."""
    target = resolve(module) if module != "torch" else torch
    if inspect.isfunction(target):
        return [module]
    found = []
    known = PYTORCH.get(module, ())
    for short in dir(target):
        if short not in known and f"{module}.{short}" not in _OURS:
            continue
        value = inspect.getattr_static(target, short, None)
        if not isinstance(value, property):
            value = getattr(target, short, None)
            if not callable(value):
                if module == "torch.Tensor" and value is not None:
                    found.append(f"{module}.{short}")
                continue
        where = getattr(value, "__module__", "") or ""
        home = where.replace("rushlight", "torch", 1) == module or module.count(".") < 2
        if where.partition(".")[0] not in _FOREIGN and (home or module in _PACKAGES):
            found.append(f"{module}.{short}")
    return found


def entries(page):
    """All entries of a page."""
    found = {}
    for module in PAGES[page][1]:
        for name in public_names(module):
            target = inspect.getattr_static(torch.Tensor, name[13:], None) if (
                name.startswith("torch.Tensor.")
            ) else None  # fmt: skip
            if not isinstance(target, property):
                target = resolve(name)
            found[name] = Entry(name, target)
    return list(found.values())


def markdown(text):
    """A docstring as Markdown: sections in bold, doctests fenced."""
    parts = []
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.splitlines()
        head = lines[0].strip()
        if head.startswith(">>>"):
            if parts and parts[-1].startswith("```pycon"):
                parts[-1] = parts[-1].removesuffix("\n```") + "\n" + block + "\n```"
            else:
                parts.append(f"```pycon\n{textwrap.dedent(block)}\n```")
        elif re.fullmatch(r"(Args|Arguments|Raises|Attributes|Returns|Yields|Shape):", head):
            items = textwrap.dedent("\n".join(lines[1:])).splitlines()
            listed = [f"* {i}" if not i.startswith(" ") else f"  {i.strip()}" for i in items]
            parts.append("\n".join([f"**{head}**", "", *listed]))
        elif re.match(r"(Shape|Source|Sources|Raises): ", head):
            first, _, rest = " ".join(line.strip() for line in lines).partition(": ")
            parts.append(f"**{first}:** {rest}")
        else:
            parts.append(block.replace(".. math::", "").strip("\n"))
    return "\n\n".join(parts)


def section(entry, level="###"):
    """One entry as Markdown."""
    lines = "\n".join(entry.signatures)
    shown = f"```python\n{lines}\n```\n\n" if lines else ""
    return f"{level} {entry.name}\n\n{shown}{markdown(entry.text)}\n"


def page_text(page):
    """A whole page as Markdown."""
    title = PAGES[page][0]
    found = entries(page)
    parts = [f"# {title}\n", INTRODUCTION]
    module = None if page in ("torch", "tensor") else docstring(resolve(PAGES[page][1][0]))
    if module and page != "compile":
        parts.append(markdown(module) + "\n")
    families = [*FAMILIES, TYPES, OTHER] if page == "torch" else [""]
    for heading in families:
        listed = [e for e in found if e.family == heading or page != "torch"]
        if heading and listed:
            parts.append(f"## {heading}\n")
        parts += [section(e) for e in listed]
    return "\n".join(parts)


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    registry.load_late()
    lines = ["# Reference\n", "Made by `tools/make_reference.py` from the docstrings.\n"]
    for page, (title, _) in PAGES.items():
        (folder / f"{page}.md").write_text(page_text(page), encoding="utf-8")
        lines.append(f"* [{title}]({page}.md)")
    (folder / "index.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


registry.load_late()

if __name__ == "__main__":
    main()
