"""The two version numbers: PyTorch's, which rushlight follows, and rushlight's own."""

from __future__ import annotations

import functools
import re
from typing import Any

_PRE_RELEASE = {
    "a": "a",
    "alpha": "a",
    "b": "b",
    "beta": "b",
    "c": "rc",
    "rc": "rc",
    "pre": "rc",
    "preview": "rc",
}


@functools.lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """The version grammar of PEP 440, compiled when the first version is compared."""
    return re.compile(
        r"""\s* v? (?:(?P<epoch>\d+)!)? (?P<release>\d+(?:\.\d+)*)
        (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>\d*))?
        (?:-(?P<post_implicit>\d+)|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_number>\d*))?
        (?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_number>\d*))?
        (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))? \s*""",
        re.VERBOSE | re.IGNORECASE,
    )


def _sort_key(version: str) -> tuple[Any, ...] | None:
    """A tuple that orders versions as PEP 440 does, or None if `version` is not one."""
    match = _pattern().fullmatch(version)
    if match is None:
        return None
    part = match.groupdict()
    release = [int(number) for number in part["release"].split(".")]
    while release and release[-1] == 0:
        release.pop()
    post: int | None = None
    if part["post_implicit"] is not None:
        post = int(part["post_implicit"])
    elif part["post"]:
        post = int(part["post_number"] or 0)
    # A development release of a final version comes before its pre-releases, these before it.
    pre: tuple[int, str, int]
    if part["pre"]:
        pre = (1, _PRE_RELEASE[part["pre"].lower()], int(part["pre_number"] or 0))
    elif part["dev"] and post is None:
        pre = (0, "", 0)
    else:
        pre = (2, "", 0)
    local: tuple[tuple[int, int, str], ...] = ()
    if part["local"]:
        pieces = re.split(r"[-_.]", part["local"].lower())
        local = tuple((1, int(p), "") if p.isdigit() else (0, 0, p) for p in pieces)
    return (
        int(part["epoch"] or 0),
        tuple(release),
        pre,
        -1 if post is None else post,
        (0, int(part["dev_number"] or 0)) if part["dev"] else (1, 0),
        (1, local) if local else (0, ()),
    )


class TorchVersion(str):
    """A version string that compares by version number, not letter by letter.

    The other side may be a string or an iterable of numbers. Text that is no version compares
    as text. Source: ``torch.torch_version.TorchVersion`` and PEP 440.

    Example::

        >>> TorchVersion("2.13.0") > "2.8"
        True
        >>> TorchVersion("2.13.0") >= (2, 13)
        True
    """

    __slots__ = ()

    def _compare(self, other: object, method: str) -> bool:
        if isinstance(other, str):
            text = str(other)
        elif isinstance(other, (tuple, list)):
            text = ".".join(str(item) for item in other)
        else:
            return NotImplemented
        mine, theirs = _sort_key(self), _sort_key(text)
        if mine is not None and theirs is not None:
            return bool(getattr(tuple, method)(mine, theirs))
        answer: bool = getattr(str, method)(self, other)  # NotImplemented for an iterable
        return answer

    def __lt__(self, other: Any) -> bool:
        return self._compare(other, "__lt__")

    def __le__(self, other: Any) -> bool:
        return self._compare(other, "__le__")

    def __gt__(self, other: Any) -> bool:
        return self._compare(other, "__gt__")

    def __ge__(self, other: Any) -> bool:
        return self._compare(other, "__ge__")

    def __eq__(self, other: object) -> bool:
        return self._compare(other, "__eq__")

    def __ne__(self, other: object) -> bool:
        return self._compare(other, "__ne__")

    # As in PyTorch: the text's hash, so that the version finds a plain string's dictionary entry.
    __hash__ = str.__hash__


TorchVersion.__module__ = "rushlight.torch_version"

__version__ = TorchVersion("2.13.0")
"""The PyTorch version whose names, meaning and numbers this release follows."""

__rushlight_version__ = "0.1.0"
"""rushlight's own version."""
