"""What a style sheet says with ``!important``, which wins over an element's own style.

premailer lets the element's style win over everything when it inlines a sheet.
"""

from __future__ import annotations

import re
from typing import Any

from cssselect import SelectorError
from lxml.cssselect import CSSSelector

from newsletter.rendering.contrast import declarations

_RULE = re.compile(r"([^{};]+)\{([^{}]*)\}")
_NESTED = re.compile(r"@[^{};]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")


def let_important_win(tree: Any) -> None:  # noqa: ANN401 - lxml has no types
    """Take out of elements' styles what an inlined sheet says with more weight."""
    for sheet in tree.iter("style"):
        if sheet.get("data-premailer") is None and "!important" in (sheet.text or ""):
            for selectors, block in _RULE.findall(_NESTED.sub("", sheet.text)):
                names = {name for name, value in declarations(block) if _is_important(value)}
                if names:
                    _yield_to(tree, selectors.strip(), names)


def _is_important(declaration: str) -> bool:
    return re.sub(r"\s", "", declaration).endswith("!important")


def _yield_to(tree: Any, selectors: str, names: set[str]) -> None:  # noqa: ANN401
    try:
        elements = CSSSelector(selectors)(tree)
    except SelectorError:
        return
    for element in elements:
        style = element.get("style")
        if style:
            kept = [
                declaration
                for declaration in _split(style)
                if declaration.partition(":")[0].strip().lower() not in names
                or _is_important(declaration)
            ]
            element.set("style", ";".join(kept))


def _split(style: str) -> list[str]:
    """Split a style at its semicolons, but for those within quotes and brackets."""
    return re.findall(
        r"(?:[^;\"'(]|\"[^\"]*\"|'[^']*'|\((?:[^)\"']|\"[^\"]*\"|'[^']*')*\)|[\"'(])+", style
    )
