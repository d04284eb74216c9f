"""``torch.hub``: models from the network. rushlight downloads nothing; the folder can be set."""

from __future__ import annotations

import os
from typing import Any

from ._missing import missing_attribute

__all__ = [
    "download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url",
    "set_dir",
]  # fmt: skip

_folder: str | None = None


def get_dir() -> str:
    """Where PyTorch keeps what it downloads.

    ``set_dir``'s folder, else ``$TORCH_HOME/hub``, else ``$XDG_CACHE_HOME/torch/hub``, else
    ``~/.cache/torch/hub``.
    """
    if _folder is not None:
        return _folder
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    home = os.path.expanduser(os.getenv("TORCH_HOME", os.path.join(cache, "torch")))
    return os.path.join(home, "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Choose that folder."""
    global _folder
    _folder = os.path.expanduser(d)


def _refuse(name: str) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"torch.hub.{name}: rushlight downloads nothing")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = """Not there.

    Raises:
        NotImplementedError: always.
    """
    return function


load = _refuse("load")
list = _refuse("list")
help = _refuse("help")
download_url_to_file = _refuse("download_url_to_file")
load_state_dict_from_url = _refuse("load_state_dict_from_url")


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
