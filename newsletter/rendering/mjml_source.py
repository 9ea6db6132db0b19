"""Read MJML text as MJML itself does: raw content, named entities and bare ``&`` are allowed.

An XML parser would reject text that MJML accepts. The tags are therefore parsed here, and the
content of elements such as ``mj-text`` is kept as written.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from html import unescape
from html.entities import html5

from newsletter.errors import Place, TemplateError
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Listing
from newsletter.rendering.components import (
    Holds,
    components,
    find_unknown_attribute,
    find_unknown_element,
    resembles_attribute,
)

_VALUE = r"\"[^\"]*\"|'[^']*'"
_ATTRIBUTE = re.compile(
    rf"(?P<name>[^\s\"'<>/=]+)(?:\s*=\s*(?P<value>{_VALUE}|[^\s\"'=<>`]+))?", re.DOTALL
)
#: A comment that is not closed extends to the end, as in browsers.
_TOKEN = re.compile(
    r"(?P<comment><!--.*?(?:-->|\Z))"
    r"|(?P<other><!\[CDATA\[.*?(?:\]\]>|\Z)|<[!?][^<>]*>)"
    r"|</(?P<end>[A-Za-z][\w:.-]*)\s*>"
    rf"|<(?P<start>[A-Za-z][\w:.-]*)(?P<attributes>(?:[^<>\"']|{_VALUE})*?)(?P<closed>/?)>"
    r"|(?P<stray><)",
    re.DOTALL,
)
_REFERENCE = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]*);")
#: HTML elements without an end tag, and elements whose end tag is optional.
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    ]
)
_CLOSED_BY_ITSELF = frozenset(
    [
        "p",
        "li",
        "dt",
        "dd",
        "tr",
        "td",
        "th",
        "thead",
        "tbody",
        "tfoot",
        "colgroup",
        "caption",
        "option",
        "optgroup",
    ]
)
#: A picture's height that depends on its width; the compiler does not support it.
_NOT_DONE = ("mj-hero", "mode", "fluid-height")
_INCLUDE = msg("<mj-include> is not read: the parts of an email come from its own templates.")
_INCLUDE_REMEDY = msg('Use {% include "_shared/…" %} instead.')


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """An element with its content.

    Attributes:
        attributes: Values with their character references resolved.
        raw: The content as written, for an element whose content is not MJML.
    """

    name: str
    line: int
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    raw: str = ""


class MjmlError(Exception):
    """A fault in MJML text, with its line."""

    def __init__(self, message: Message, line: int, *, remedy: Message | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.remedy = remedy

    def in_template(self, template: str) -> MjmlTemplateError:
        """Return the fault as the error that users see."""
        place = Place(source=template, line=self.line)
        return MjmlTemplateError(self.message, place=place, remedy=self.remedy)


class MjmlTemplateError(TemplateError):
    """A fault in a template's MJML; the line is that of the parsed text, rendered or not."""


class _Kind(Enum):
    START = 1
    #: A start tag with its raw content, or an element without content.
    WHOLE = 2
    END = 3
    COMMENT = 4
    WORDS = 5


@dataclass(frozen=True, slots=True)
class _Token:
    kind: _Kind
    text: str
    line: int
    element: Element | None = None
    #: The offset of the words in the text.
    at: int = 0


def check_tags(text: str, *, source: str = "") -> list[tuple[Message, int]]:
    """Check the tags and attributes of a part of a template; other parts may close its elements.

    ``source`` is the same text with its Jinja. If a tag contains Jinja branches, an attribute may
    occur twice in it.

    Returns the attributes without effect, with their lines: those of other elements, duplicates,
    and those that MJML does not have.

    Raises:
        MjmlError: A tag is unknown, or an attribute is probably misspelt.
    """
    scanner = _Scanner(text, whole=False, source=source)
    for _token in scanner.tokens():
        pass
    return scanner.without_effect


def find_stray_words(text: str) -> list[tuple[int, str]]:
    """Return the text directly between elements, which MJML skips, with its offsets.

    Raises:
        MjmlError: The text cannot be parsed.
    """
    scanner = _Scanner(text, whole=True)
    return [(token.at, token.text) for token in scanner.tokens() if token.kind is _Kind.WORDS]


def read_mjml(text: str) -> Element:
    """Parse a whole template.

    Raises:
        MjmlError: It is not well-formed, or an element is not allowed in its parent.
    """
    outside = Element(name="", line=1, attributes={})
    path = [outside]
    for token in _Scanner(text, whole=True).tokens():
        _add(token, path)
    if path[-1] is not outside:
        raise _not_well_formed(msg("<{name}> is never closed.", name=path[-1].name), path[-1].line)
    roots = [child for child in outside.children if child.name == "mjml"]
    if len(roots) != 1:
        raise _not_well_formed(msg("One <mjml> must contain everything."), 1)
    return roots[0]


def _not_well_formed(reason: Message, line: int) -> MjmlError:
    return MjmlError(msg("The MJML is not well-formed: {reason}", reason=reason), line)


def _add(token: _Token, path: list[Element]) -> None:
    """Add a token to the innermost open element, the last of ``path``."""
    here = path[-1]
    if token.element:
        here.children.append(_placed(token.element, here))
        if token.kind is _Kind.START:
            path.append(token.element)
    elif token.kind is _Kind.END:
        if token.text != here.name:
            raise _not_well_formed(_unexpected_end(token.text, here), token.line)
        path.pop()
    elif token.kind is _Kind.COMMENT:
        # A conditional comment is a part of the mail for one client: MJML keeps it.
        if token.text.startswith("<!--[if") and here.name in components()["mj-raw"].within:
            raw = Element(name="mj-raw", line=token.line, attributes={}, raw=token.text)
            here.children.append(raw)
    else:
        text = token.text.strip()[:40]
        raise MjmlError(
            msg("The text “{text}” is directly in <{name}>.", text=text, name=here.name)
            if here.name
            else msg("The text “{text}” is outside of all elements.", text=text),
            token.line,
            remedy=msg("Put it into <mj-text>, or into <mj-raw> if it is HTML."),
        )


def _unexpected_end(name: str, here: Element) -> Message:
    if not here.name:
        return msg("</{name}> has no start tag.", name=name)
    return _still_open(name, here.name, here.line)


def _still_open(name: str, inner: str, line: int) -> Message:
    return msg(
        "</{name}> is where <{inner}> of line {line} is still open.",
        name=name,
        inner=inner,
        line=line,
    )


def _placed(element: Element, parent: Element) -> Element:
    """Return an element, wrapped in a section if it stands between sections, as MJML shows it.

    Raises:
        MjmlError: The element is not allowed in its parent.
    """
    places = components()[element.name].within
    sections = components()["mj-section"].within
    if parent.name in sections - places and "mj-column" in places:
        column = Element(
            name="mj-column", line=element.line, attributes={"padding": "0px"}, children=[element]
        )
        return replace(column, name="mj-section", children=[column])
    _check_place(element, parent)
    return element


def _check_place(element: Element, parent: Element) -> None:
    places = components()[element.name].within
    defaults = parent.name in {"mj-attributes", "mj-class"} and places
    if not parent.name or parent.name in places or defaults:
        return
    raise MjmlError(
        msg("<{name}> is not allowed in <{parent}>.", name=element.name, parent=parent.name),
        element.line,
        remedy=msg("It is allowed in: {names}.", names=Listing(tuple(sorted(places))))
        if places
        else None,
    )


class _Lines:
    """Line numbers by offset; counting line ends for each tag would take longer than parsing."""

    def __init__(self, text: str) -> None:
        self._ends = [match.start() for match in re.finditer("\n", text)]

    def at(self, offset: int) -> int:
        """Return the line number of an offset, counted from 1."""
        return bisect_left(self._ends, offset) + 1


class _Scanner:
    """Yields tags, comments and words in order, with raw content as one piece."""

    def __init__(self, text: str, *, whole: bool, source: str = "") -> None:
        self._text = text
        self._source = source
        self._lines = _Lines(text)
        self._whole = whole
        self._at = 0
        self._in_defaults = False
        #: Elements without an end tag in the remaining text. Searching for it again from each start
        #: tag would take quadratic time.
        self._endless: set[str] = set()
        self.without_effect: list[tuple[Message, int]] = []

    def tokens(self) -> Iterator[_Token]:
        while match := _TOKEN.search(self._text, self._at):
            yield from self._words(match.start())
            self._at = match.end()
            line = self._lines.at(match.start())
            if match["comment"]:
                yield _Token(_Kind.COMMENT, match["comment"], line)
            elif match["end"]:
                self._in_defaults &= match["end"] != "mj-attributes"
                yield _Token(_Kind.END, match["end"], line)
            elif match["stray"] and self._whole:
                near = self._text[match.start() :].split("\n", 1)[0][:60]
                raise _not_well_formed(msg("No tag begins at “{text}”.", text=near), line)
            elif match["start"] and (token := self._start(match, line)):
                yield token
        yield from self._words(len(self._text))

    def _words(self, end: int) -> Iterator[_Token]:
        words = self._text[self._at : end]
        if words.strip():
            begin = self._at + len(words) - len(words.lstrip())
            yield _Token(_Kind.WORDS, words, self._lines.at(begin), at=self._at)

    def _start(self, match: re.Match[str], line: int) -> _Token | None:
        name = match["start"]
        if not self._is_known(name, line):
            return None
        attributes = self._attributes(name, match, line)
        element = Element(name=name, line=line, attributes=attributes)
        if match["closed"]:
            return _Token(_Kind.WHOLE, name, line, element)
        if not components()[name].is_raw or self._in_defaults:
            self._in_defaults |= name == "mj-attributes"
            return _Token(_Kind.START, name, line, element)
        end = None
        if name not in self._endless:
            end = re.compile(rf"</{re.escape(name)}\s*>").search(self._text, self._at)
        if end is None:
            self._endless.add(name)
            if self._whole:
                raise _not_well_formed(msg("<{name}> is never closed.", name=name), line)
            return None
        raw = self._text[self._at : end.start()]
        if self._whole and components()[name].holds is Holds.HTML and name != "mj-raw":
            check_balance(raw, self._lines.at(self._at))
        self._at = end.end()
        return _Token(_Kind.WHOLE, name, line, replace(element, raw=raw))

    def _is_known(self, name: str, line: int) -> bool:
        """Return whether MJML has an element; a part of a template may also contain HTML elements.

        Raises:
            MjmlError: MJML does not have the element, and it cannot be HTML.
        """
        if name == "mj-include":
            raise MjmlError(_INCLUDE, line, remedy=_INCLUDE_REMEDY)
        fault = find_unknown_element(name)
        if fault and (self._whole or name.startswith("mj-")):
            html = not name.startswith("mj")
            remedy = msg("Put HTML into <mj-text> or <mj-raw>.") if html else None
            raise MjmlError(fault, line, remedy=remedy)
        return fault is None

    def _attributes(self, name: str, tag: re.Match[str], line: int) -> dict[str, str]:
        source = tag["attributes"]
        branches = "{%" in self._source[tag.start() : tag.end()]
        attributes: dict[str, str] = {}
        for attribute in _ATTRIBUTE.finditer(source):
            key = attribute["name"]
            at = line + source.count("\n", 0, attribute.start())
            idle = find_unknown_attribute(name, key)
            if idle and resembles_attribute(name, key):
                raise MjmlError(idle, at)
            if not idle and key not in components()[name].attributes:
                idle = msg("<{name}> ignores “{key}”.", name=name, key=key)
            if key in attributes and not branches:
                # HTML parsers use the first of two attributes with one name.
                idle = msg(
                    "<{name}> has the attribute “{key}” twice; the first is used.",
                    name=name,
                    key=key,
                )
            if idle:
                self.without_effect.append((idle, at))
                continue
            value = attribute["value"] or ""
            attributes[key] = resolve(value[1:-1] if value[:1] in {'"', "'"} else value)
            if (name, key, attributes[key]) == _NOT_DONE:
                self.without_effect.append(
                    (msg('{key}="fluid-height" is not supported.', key=key), at)
                )
        return attributes


def check_balance(html: str, line: int) -> None:
    """Check that HTML closes exactly the elements that it opens: it is put into a table.

    Raises:
        MjmlError: An element is not closed, or is closed without being open.
    """
    opened: list[tuple[str, int]] = []
    lines = _Lines(html)
    for match in _TOKEN.finditer(html):
        at = line + lines.at(match.start()) - 1
        if match["start"] and not match["closed"] and match["start"].lower() not in _VOID:
            opened.append((match["start"].lower(), at))
        elif match["end"] and match["end"].lower() not in _VOID:
            _close(match["end"].lower(), at, opened)
    for name, at in opened:
        if name not in _CLOSED_BY_ITSELF:
            raise _not_well_formed(msg("<{name}> is never closed.", name=name), at)


def _close(name: str, line: int, opened: list[tuple[str, int]]) -> None:
    while opened:
        last, at = opened.pop()
        if last == name:
            return
        if last not in _CLOSED_BY_ITSELF:
            raise _not_well_formed(_still_open(name, last, at), line)
    raise _not_well_formed(msg("</{name}> has no start tag.", name=name), line)


def resolve(text: str) -> str:
    """Return text with its character references resolved; a bare ``&`` is kept."""
    return _REFERENCE.sub(_letter, text)


def _letter(match: re.Match[str]) -> str:
    known = match[1].startswith("#") or f"{match[1]};" in html5
    return unescape(match[0]) if known else match[0]
