"""Inline a mail's style sheets, which some programs drop, and set attributes by selector."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

from cssselect import SelectorError
from cssutils import CSSParser
from lxml import etree
from lxml import html as lxml_html
from lxml.cssselect import CSSSelector
from premailer import Premailer

from newsletter.i18n.messages import msg
from newsletter.rendering.contrast import (
    COMMENT,
    NAMED_BY_SELECTORS,
    can_condense,
    condense,
    declarations,
)
from newsletter.rendering.mjml_source import MjmlError, resolve

#: Characters of an attribute that the inliner's serialiser would change.
_UNSAFE_WRITTEN = re.compile(r"[^A-Za-z0-9_.,:;/#%()=?+*@~!-]+")
_SPACES = re.compile(r"[ \t\r\n\f]+")
#: A semicolon after a rule invalidates the next rule.
_STRAY_END = re.compile(r"\}\s*;")
#: A complete string, and a sheet whose strings and brackets are all closed. Brackets contain one
#: string, or text without quotes and backslashes.
_STRING = r"""(?:"(?:[^"\\\n\r\f]|\\.)*+"|'(?:[^'\\\n\r\f]|\\.)*+')"""
_CLOSED = re.compile(
    rf"""(?:[^"'(\\]|\\.|{_STRING}|\((?:\s*+{_STRING}\s*+|[^"'()\\]*+)\))*+""", re.DOTALL
)
_STRING_OR_COMMENT = re.compile(rf"({_STRING})|{COMMENT.pattern}", re.DOTALL)
STYLE_SHEET = re.compile(
    r"<!--.*?-->|<style(?P<attributes>[^>]*)>(?P<sheet>.*?)</style>", re.DOTALL | re.IGNORECASE
)
#: premailer removes this attribute, except from sheets that it does not inline because of their
#: media type.
NOT_INLINED = ' data-premailer="ignore"'
HTML_TAG = re.compile(r"<!--.*?-->|<[A-Za-z][^\s<>/]*(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.DOTALL)
#: Attributes that are hidden from the inliner, which would percent-encode or trim their values.
_HIDDEN_ATTRIBUTE = re.compile(
    r"(?<=\s)(?!style\b|class\b|id\b)([A-Za-z][\w:.-]*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HtmlAttribute:
    """An attribute that the template sets on each element that a selector matches."""

    path: str
    name: str
    value: str
    line: int

    def find(self, tree: Any) -> list[Any]:  # noqa: ANN401 - lxml has no types
        """Return the matching elements.

        Raises:
            MjmlError: The selector is invalid.
        """
        try:
            return list(CSSSelector(self.path)(tree))
        except SelectorError:
            raise MjmlError(
                msg("The path “{path}” is not a CSS selector.", path=self.path), self.line
            ) from None


def inline_styles(html: str, html_attributes: Iterable[HtmlAttribute]) -> str:
    """Inline the style sheets where clients drop them, and set attributes by selector.

    Network access is disabled: premailer would fetch style sheets that the HTML links to.
    """
    marks = Marks()
    html = HTML_TAG.sub(lambda tag: _with_hidden_values(tag[0], marks), html)
    # premailer keeps the document type only if it is written in capitals.
    html = re.sub(r"\A\s*<!doctype html>", "<!DOCTYPE html>", html, flags=re.IGNORECASE)
    tree = lxml_html.document_fromstring(html)
    for attribute in html_attributes:
        for element in attribute.find(tree):
            element.set(attribute.name, attribute.value)
    apply_important(tree)
    inline_sheets(tree)
    html = etree.tostring(
        tree.getroottree(), method="html", encoding="utf-8", pretty_print=True
    ).decode()
    html = STYLE_SHEET.sub(_squeezed, html)
    # Line ends between tags have no meaning; a no-break space has one.
    return marks.restore(re.sub(r">[ \t\r\n]*\n[ \t\r\n]*<", ">\n<", html))


def inline_sheets(tree: Any, *, by_kind: bool = True) -> None:  # noqa: ANN401 - lxml has no types
    """Write the style sheets of a document into its elements, once for each kind of element.

    Without ``by_kind``, or if a selector can distinguish elements of a kind, each element is
    handled alone.
    """
    body = tree.find("body")
    if not by_kind or body is None or not can_condense(_inlined_selectors(tree)):
        _premail(tree)
        return
    condensed = condense(body, NAMED_BY_SELECTORS)
    tree.replace(body, condensed.root)
    _premail(tree)
    tree.replace(condensed.root, body)
    for kind, elements in condensed.stands_for.items():
        for name, value in kind.attrib.items():
            for element in elements:
                element.set(name, value)


def _inlined_selectors(tree: Any) -> Iterator[str]:  # noqa: ANN401 - lxml has no types
    for sheet in tree.iter("style"):
        if sheet.get("data-premailer") is None:
            yield from (
                selectors for selectors, _ in _CSS_RULE.findall(COMMENT.sub("", sheet.text or ""))
            )


_Rules = tuple[list[Any], list[Any]]


class _Inliner(Premailer):  # type: ignore[misc]  # premailer has no types
    """Inlines style sheets without following their imports, which would be fetched unguarded."""

    def __init__(self, tree: Any = None) -> None:  # noqa: ANN401 - lxml has no types
        super().__init__(
            tree,
            allow_network=False,
            remove_classes=False,
            strip_important=False,
            include_star_selectors=True,
            disable_validation=True,
            # Values such as height="auto" are not numbers of pixels.
            disable_basic_attributes=["width", "height", "bgcolor", "align"],
            cssutils_logging_level="CRITICAL",
        )

    def _parse_style_rules(self, css_body: str | None, ruleset_index: int) -> _Rules:
        inlined, left = _rules_of(css_body or "", ruleset_index)
        return [*inlined], [*left]

    def _parse_css_string(self, css_body: str, **options: bool) -> Any:  # noqa: ANN401 - no types
        return CSSParser(fetcher=_fetch_nothing).parseString(_readable(css_body), **options)


@lru_cache(maxsize=256)
def _rules_of(sheet: str, place: int) -> _Rules:
    """Return the rules of a style sheet; they are kept, since all mails of a template share them.

    Writing them out takes longer than the rest of the inlining.
    """
    rules: _Rules = Premailer._parse_style_rules(_Inliner(), sheet, place)  # noqa: SLF001
    return rules


def _readable(css: str) -> str:
    """Return a sheet or style without text on which cssutils can take exponential time.

    If a comment or a string is not closed, cssutils tries all ways to divide its content: 60
    asterisks or a few escapes are enough.
    """
    plain = _STRING_OR_COMMENT.sub(lambda found: found[1] or " ", css)
    return plain if _CLOSED.fullmatch(plain) else plain.replace("\\", "")


def _fetch_nothing(_address: str) -> tuple[None, bytes]:
    return None, b""


def _premail(tree: Any) -> None:  # noqa: ANN401 - lxml has no types
    for element in tree.iter("*"):
        if style := element.get("style"):
            element.set("style", _readable(style))
    _Inliner(tree).transform()


def _squeezed(sheet: re.Match[str]) -> str:
    if sheet["sheet"] is None:
        return sheet[0]
    attributes = sheet["attributes"].replace(NOT_INLINED, "")
    return f"<style{attributes}>{squeeze(sheet['sheet'])}</style>"


def _with_hidden_values(tag: str, marks: Marks) -> str:
    if tag.startswith("<!--"):
        return tag
    return _HIDDEN_ATTRIBUTE.sub(
        lambda match: (
            f'{match[1]}="{marks.hide(resolve(match[2] or match[3] or ""), _UNSAFE_WRITTEN)}"'
        ),
        tag,
    )


#: The lookbehind lets each stretch be tried from its start only, so the time is not quadratic.
_CSS_RULE = re.compile(r"(?<![^{};])([^{};]++)\{([^{}]*+)\}")
_NESTED_RULES = re.compile(r"@[^@{};]*+\{(?:[^{}]*+\{[^{}]*+\})*+[^{}]*+\}")


def apply_important(tree: Any) -> None:  # noqa: ANN401 - lxml has no types
    """Remove from elements' styles the properties that an inlined sheet sets with !important."""
    for sheet in tree.iter("style"):
        if sheet.get("data-premailer") is None and "!important" in (sheet.text or ""):
            for selectors, block in _CSS_RULE.findall(_NESTED_RULES.sub("", sheet.text)):
                names = {name for name, value in declarations(block) if _is_important(value)}
                if names:
                    _remove_overridden(tree, selectors.strip(), names)


def _is_important(declaration: str) -> bool:
    return re.sub(r"\s", "", declaration).endswith("!important")


def _remove_overridden(tree: Any, selectors: str, names: set[str]) -> None:  # noqa: ANN401
    try:
        elements = CSSSelector(selectors)(tree)
    except SelectorError:
        return
    for element in elements:
        style = element.get("style")
        if style:
            kept = [
                declaration
                for declaration in _declarations_of(style)
                if declaration.partition(":")[0].strip().lower() not in names
                or _is_important(declaration)
            ]
            element.set("style", ";".join(kept))


def _declarations_of(style: str) -> list[str]:
    """Split a style at its semicolons, except within quotes and brackets."""
    return re.findall(
        r"(?:[^;\"'(]|\"[^\"]*\"|'[^']*'|\((?:[^)\"']|\"[^\"]*\"|'[^']*')*\)|[\"'(])+", style
    )


def squeeze(sheet: str) -> str:
    """Return a style sheet without comments and with white space reduced."""
    return _SPACES.sub(" ", _STRAY_END.sub("}", COMMENT.sub("", sheet))).strip()


class Marks:
    """Placeholders of plain letters for text hidden from the compiler; no text can imitate them."""

    def __init__(self) -> None:
        self._nonce = secrets.token_hex(8)
        self._pattern = re.compile(f"q{self._nonce}x([0-9]+)x")
        self._kept: list[str] = []
        #: Marks of the style sheets that are to be inlined.
        self.inlined: set[str] = set()

    def keep(self, text: str) -> str:
        """Return a mark for a text that is put into the HTML unchanged."""
        self._kept.append(text)
        return f"q{self._nonce}x{len(self._kept) - 1}x"

    def hide(self, value: str, unsafe: re.Pattern[str]) -> str:
        """Return an attribute's value with its unsafe characters escaped and replaced by marks."""
        return unsafe.sub(lambda match: self.keep(attribute_text(match[0])), value)

    def restore(self, html: str) -> str:
        """Replace the marks by their texts."""
        return self._pattern.sub(lambda match: self._kept[int(match[1])], html)


def attribute_text(text: str) -> str:
    """Return text for a quoted attribute; line ends become references, as parsers change them."""
    escaped = escape(text, quote=True)
    return escaped.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#9;")
