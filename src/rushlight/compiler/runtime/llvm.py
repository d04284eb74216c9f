"""llvmlite, loaded when it is needed: target machines, object code, linking."""

from __future__ import annotations

import importlib
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..lower.target import Target

#: llvmlite's objects are not made for several Python threads at once.
lock = threading.RLock()

_count = 0


@lru_cache(maxsize=1)
def binding() -> Any:
    """`llvmlite.binding`, ready to generate code.

    Raises:
        ImportError: it is not installed.
    """
    try:
        llvm = importlib.import_module("llvmlite.binding")
    except ImportError as error:
        raise ImportError(
            "rushlight.compile needs llvmlite, which is not installed: "
            "pip install 'rushlight[compile]'"
        ) from error
    try:
        llvm.initialize()
    except RuntimeError:  # newer versions do it by themselves, and complain
        pass
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def available() -> bool:
    """Whether llvmlite can be loaded."""
    try:
        binding()
    except ImportError:
        return False
    return True


def version() -> str:
    """llvmlite's version and LLVM's."""
    llvmlite = importlib.import_module("llvmlite")
    return f"{llvmlite.__version__} {'.'.join(map(str, binding().llvm_version_info))}"


@lru_cache(maxsize=1)
def host() -> tuple[str, dict[str, bool], str]:
    """This machine's processor, its features and its platform, as LLVM names them."""
    llvm = binding()
    features = dict(llvm.get_host_cpu_features())
    return llvm.get_host_cpu_name(), features, llvm.get_process_triple()


@lru_cache(maxsize=8)
def _machine(cpu: str, features: str) -> Any:
    llvm = binding()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    # Level 0 uses an instruction selector that aborts the process on masks.
    return target.create_target_machine(
        cpu=cpu, features=features, opt=2, reloc="pic", codemodel="small"
    )


def object_code(text: str, target: Target) -> bytes:
    """The machine code of LLVM text, as the bytes of an object file.

    Raises:
        RuntimeError: LLVM does not take the text.
    """
    with lock:
        module = binding().parse_assembly(text)
        return bytes(_machine(target.cpu, target.features).emit_object(module))


def assembly(text: str, target: Target) -> str:
    """The machine code of LLVM text in assembly language, for people."""
    with lock:
        return str(_machine(target.cpu, target.features).emit_assembly(
            binding().parse_assembly(text)
        ))  # fmt: skip


@lru_cache(maxsize=1)
def _linker() -> Any:
    llvm = binding()
    name, _, _ = host()
    return llvm.create_lljit_compiler(_machine(name, ""))


class Linked:
    """Object code in memory.

    Attributes:
        addresses: name -> address of the functions asked for.
    """

    __slots__ = ("_tracker", "addresses")

    def __init__(self, code: bytes, exports: list[str], imports: dict[str, int]) -> None:
        global _count
        with lock:
            llvm = binding()
            builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
            for name, address in imports.items():
                builder.import_symbol(name, address)
            for name in exports:
                builder.export_symbol(name)
            _count += 1
            # The tracker owns the memory: it lives as long as this object.
            self._tracker = builder.link(_linker(), f"rushlight{_count}")
            self.addresses = {name: int(self._tracker[name]) for name in exports}
