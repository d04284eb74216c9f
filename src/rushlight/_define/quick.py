"""A quick look at a schema string: what rendering a row needs and no more.

The full parser (schema.py) is loaded by the first call that is out of the ordinary.
"""

from __future__ import annotations

from typing import Any

from .._core import MISSING

_LITERALS: dict[str, Any] = {
    "None": None, "True": True, "False": False, "[]": (), "Mean": 1, "contiguous_format": None,
}  # fmt: skip


def _literal(text: str) -> Any:
    if text in _LITERALS:
        return _LITERALS[text]
    if text[0] in "\"'":
        return text[1:-1]
    if text[0] == "[":
        return tuple(_literal(item.strip()) for item in text[1:-1].split(","))
    return float(text) if "." in text or "e" in text else int(text)


def quick_parse(schema: str) -> tuple[list[tuple[str, str, Any, bool]], str]:
    """(type, name, default, keyword only) of each argument, and the name: what rendering needs.
    The full parser (schema.py) runs on the first call that is out of the ordinary."""
    name, _, rest = schema.partition("(")
    depth, end = 1, 0
    for end, character in enumerate(rest):  # noqa: B007 - `end` is used after the loop
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            break
    arguments: list[tuple[str, str, Any, bool]] = []
    keyword_only = False
    text, depth = "", 0
    for character in rest[:end] + ",":
        if character == "," and depth == 0:
            item = text.strip()
            text = ""
            if item == "*":
                keyword_only = True
            elif item:
                kind, _, declared = item.rpartition(" ")
                argument, _, default = declared.partition("=")
                arguments.append(
                    (kind, argument, _literal(default) if default else MISSING, keyword_only)
                )
            continue
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        text += character
    return arguments, name.partition(".")[0]
