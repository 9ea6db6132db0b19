r"""MJML compiled to the HTML of a mail, its style sheets for inlining inlined.

The compiler, mrml, writes attributes in Rust's debug form (``\u{3000}``), reads the HTML within
``mj-text`` as MJML, and lets unknown tags and attributes pass silently. So it is given a skeleton:
known elements, the plain letters of their attributes, and marks for all else, which are replaced
by what they stand for in the HTML it returns.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape
from typing import Any

from cssselect import SelectorError
from cssutils import CSSParser
from lxml import etree
from lxml import html as lxml_html
from lxml.cssselect import CSSSelector
from mjml import mjml2html
from premailer import Premailer

from newsletter.errors import Place, TemplateError
from newsletter.i18n.messages import Message, msg
from newsletter.rendering.components import Holds, components
from newsletter.rendering.condensed import NAMED_BY_SELECTORS, can_condense, condense
from newsletter.rendering.contrast import declarations
from newsletter.rendering.mjml_source import Element, MjmlError, check_tags, read_mjml, resolve
from newsletter.rendering.widths import Room, with_picture_widths

#: What is not closed reaches to the end: to look for its end from each begin anew would take the
#: square of the text's length.
_JINJA = re.compile(
    r"\{\{.*?(?:\}\}|\Z)|\{%.*?(?:%\}|\Z)|\{#.*?(?:#\}|\Z)",
    re.DOTALL,
)
#: What the compiler does not write as it was given.
_UNSAFE = re.compile(r"[^A-Za-z0-9 _.,:;/#%()'=?+*@~!$|\[\]-]+")
#: What the inliner's writer changes in an attribute.
_UNSAFE_WRITTEN = re.compile(r"[^A-Za-z0-9_.,:;/#%()=?+*@~!-]+")
#: Attributes whose line ends are the author's; in others they are white space between words.
_LINES_KEPT = frozenset({"alt", "title", "href", "src", "icon-wrapped-alt", "icon-unwrapped-alt"})
_SPACES = re.compile(r"[ \t\r\n\f]+")
#: A semicolon behind a rule spoils the next one.
_STRAY_END = re.compile(r"\}\s*;")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STYLE_SHEET = re.compile(
    r"<!--.*?-->|<style(?P<attributes>[^>]*)>(?P<sheet>.*?)</style>", re.DOTALL | re.IGNORECASE
)
#: premailer takes it away, but not from sheets whose medium it does not inline either.
_NOT_INLINED = ' data-premailer="ignore"'
#: How the compiler hides a preview, besides not displaying it.
_TINY = "font-size:1px;color:#ffffff;line-height:1px;"
#: Attributes of the compiler's that HTML does not know; their styles say the same.
_OBSOLETE = re.compile(r' (?:bgcolor|vertical-align)="[^"]*"| height="auto"')
#: MJML takes whole pixels; HTML knows no others.
_PIXELS = re.compile(r"(?<![-\w])(width(?:=\"|:))(\d+)\.\d+(?=px|\")")
#: The compiler takes no notice of a padding with a bare 0 in it.
_PADDING = re.compile(r"(?:inner-)?padding(?:-\w+)?")
_BARE_ZERO = re.compile(r"(?<!\S)0(?!\S)")
#: The compiler writes what stands between the sections of a wrapper into a table for Outlook
#: alone; this steps out of that.
_OUTSIDE = "<![endif]-->{}<!--[if mso | IE]>"
_MENU = re.compile(r' (id|for)="00000000"')
_HTML_TAG = re.compile(r"<!--.*?-->|<[A-Za-z][^\s<>/]*(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.DOTALL)
_STYLE_ATTRIBUTE = re.compile(r"(?<=\s)style\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
#: Attributes that the inliner has no business with, which it would percent-encode or trim.
_HIDDEN_ATTRIBUTE = re.compile(
    r"(?<=\s)(?!style\b|class\b|id\b)([A-Za-z][\w:.-]*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')",
    re.IGNORECASE,
)


def check_source(source: str, *, template: str) -> list[tuple[Message, Place]]:
    """Check the tags and attributes of a template's own text; returns what has no effect there.

    Raises:
        TemplateError: A tag is unknown, or an attribute that resembles one; the message names
            template and line.
    """
    try:
        idle = check_tags(blank_jinja(source), source=source)
        return [(what, Place(source=template, line=line)) for what, line in idle]
    except MjmlError as error:
        raise error.in_template(template) from None


def blank_jinja(text: str) -> str:
    """Return a template with blanks for its Jinja, every other letter where it was."""
    return _JINJA.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def compile_mjml(text: str, *, template: str) -> str:
    """Turn rendered MJML into the HTML of a mail.

    Raises:
        TemplateError: It is not well-formed or asks for what cannot be done; with the line.
    """
    marks = _Marks()
    try:
        root = read_mjml(text)
        parts = _Parts(root)
        skeleton = _skeleton(root, marks, Room.of_body(root))
    except MjmlError as error:
        raise error.in_template(template) from None
    try:
        html = mjml2html(skeleton, fonts={})
    except (ValueError, OSError) as error:
        raise TemplateError(
            msg("MJML rejects the template: {reason}.", reason=error), place=Place(source=template)
        ) from None
    # Filters take letters of one pixel, white ones too, for hidden words; what is not displayed
    # needs neither.
    html = html.replace(_TINY, "mso-hide:all;", 1)
    html = _PIXELS.sub(r"\1\2", _OBSOLETE.sub("", html))
    html = _number_menus(_mark_sheets(html, frozenset(marks.inlined)))
    html = marks.restore(html)
    html = html.replace("</head>", f"{parts.fonts_of(html)}</head>", 1)
    try:
        return parts.before + _inline_styles(html, parts.html_attributes)
    except MjmlError as error:
        raise error.in_template(template) from None


class _Marks:
    """Stand-ins of plain letters for what the compiler must not see; no text can imitate them."""

    def __init__(self) -> None:
        self._nonce = secrets.token_hex(8)
        self._pattern = re.compile(f"q{self._nonce}x([0-9]+)x")
        self._kept: list[str] = []
        #: Style sheets that are to be inlined.
        self.inlined: set[str] = set()

    def keep(self, text: str) -> str:
        """Return the mark of a text that will stand in the HTML as it is."""
        self._kept.append(text)
        return f"q{self._nonce}x{len(self._kept) - 1}x"

    def hide(self, value: str, unsafe: re.Pattern[str]) -> str:
        """Return an attribute's value with marks for its unsafe letters, escaped."""
        return unsafe.sub(lambda match: self.keep(_attribute_text(match[0])), value)

    def restore(self, html: str) -> str:
        """Put back what the marks stand for."""
        return self._pattern.sub(lambda match: self._kept[int(match[1])], html)


def _attribute_text(text: str) -> str:
    """Return text for a quoted attribute, line ends as references: readers of HTML change them."""
    escaped = escape(text, quote=True)
    return escaped.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#9;")


@dataclass(frozen=True, kw_only=True, slots=True)
class _HtmlAttribute:
    """An attribute that the template sets on whatever its selector finds."""

    path: str
    name: str
    value: str
    line: int

    def find(self, tree: Any) -> list[Any]:  # noqa: ANN401 - lxml has no types
        """Return the elements it is for.

        Raises:
            MjmlError: The selector is none.
        """
        try:
            return list(CSSSelector(self.path)(tree))
        except SelectorError:
            raise MjmlError(
                msg("The path “{path}” is not a CSS selector.", path=self.path), self.line
            ) from None


#: Elements that the compiler gives no defaults of ``mj-attributes``, or no empty ``alt``.
_WITHOUT_DEFAULTS = frozenset({"mj-body", "mj-accordion-element"})
_PICTURES = frozenset({"mj-image", "mj-carousel-image", "mj-social-element"})
#: Elements in which the compiler takes no HTML.
_NO_RAW = frozenset({"mj-social", "mj-navbar", "mj-accordion", "mj-accordion-element"})


def _is_more_than_comment(html: str) -> bool:
    return bool(re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL).strip())


class _Parts:
    """What stands in a template and is not the compiler's: it ignores or cannot do these.

    Attributes:
        before: Comments that are to stand before the document (``mj-raw position="file-start"``).
        html_attributes: What each ``mj-html-attribute`` sets.
    """

    def __init__(self, root: Element) -> None:
        self.before = ""
        self.html_attributes: list[_HtmlAttribute] = []
        self._fonts: list[tuple[str, str]] = []
        self._lines: dict[str, int] = {}
        self._read(root)

    def _read(self, element: Element) -> None:
        for child in element.children:
            match child.name:
                case "mj-font":
                    self._fonts.append(_font(child))
                case "mj-selector":
                    self._read_selector(child)
                case "mj-raw" if child.attributes.get("position") == "file-start":
                    if _is_more_than_comment(child.raw):
                        raise MjmlError(
                            msg("Text before the document makes browsers use an outdated layout."),
                            child.line,
                            remedy=msg(
                                'Only a comment is allowed in <mj-raw position="file-start">.'
                            ),
                        )
                    self.before += child.raw.strip()
                case "mj-raw" if element.name in _NO_RAW and _is_more_than_comment(child.raw):
                    raise MjmlError(
                        msg("HTML inside <{name}> is not supported.", name=element.name),
                        child.line,
                        remedy=msg("Put it before or after, in the column."),
                    )
                case "mj-class" if child.children:
                    raise MjmlError(
                        msg("Elements inside <mj-class> are ignored."),
                        child.line,
                        remedy=msg("Write the attributes on <mj-class> itself."),
                    )
                case "mj-carousel" if "mj-carousel" in self._lines:
                    raise MjmlError(
                        msg(
                            "An email can have one <mj-carousel>; the first is in line {line}.",
                            line=self._lines["mj-carousel"],
                        ),
                        child.line,
                        remedy=msg("Show the other pictures one below the other, with <mj-image>."),
                    )
            self._lines.setdefault(child.name, child.line)
            self._read(child)

    def _read_selector(self, element: Element) -> None:
        path = element.attributes.get("path", "")
        for child in element.children:
            name = child.attributes.get("name", "")
            if not re.fullmatch(r"[A-Za-z][\w:.-]*", name) or name.lower().startswith("on"):
                raise MjmlError(msg("The attribute “{name}” cannot be set.", name=name), child.line)
            self.html_attributes.append(
                _HtmlAttribute(
                    path=path, name=name, value=resolve(child.raw.strip()), line=element.line
                )
            )

    def fonts_of(self, html: str) -> str:
        """Return the style sheet that asks for the web fonts in use; Outlook would show Times."""
        used = dict.fromkeys(address for name, address in self._fonts if name and name in html)
        if not used:
            return ""
        imports = "".join(f"@import url({address});" for address in used)
        sheet = f'<style type="text/css"{_NOT_INLINED}>{imports}</style>'
        return f"<!--[if !mso]><!-->{sheet}<!--<![endif]-->"


def _font(element: Element) -> tuple[str, str]:
    """Return a font's name and the address of its style sheet."""
    address = element.attributes.get("href", "")
    if not re.fullmatch(r"https?://[^\s()'\"<>\\]+", address):
        raise MjmlError(
            msg("<mj-font> has no web address: “{address}”.", address=address),
            element.line,
            remedy=msg("Name the style sheet of the font, https://…, or leave <mj-font> out."),
        )
    return element.attributes.get("name", ""), address


#: Elements that the compiler is not given: they are done here.
_DONE_HERE = frozenset({"mj-font", "mj-html-attributes"})


def _skeleton(element: Element, marks: _Marks, room: Room) -> str:
    """Write an element as XML of plain letters and marks."""
    name = element.name
    if element.attributes.get("position") == "file-start":
        return ""
    attributes = "".join(
        f' {key}="{value}"' for key, value in _written_attributes(element, marks, room)
    )
    if components()[name].is_raw:
        inner = _kept(element, marks, room) if element.raw.strip() else ""
    else:
        children = [
            replace(child, raw=_OUTSIDE.format(child.raw.strip()))
            if (name, child.name) == ("mj-wrapper", "mj-raw")
            else child
            for child in element.children
            if child.name not in _DONE_HERE and not (name in _NO_RAW and child.name == "mj-raw")
        ]
        columns = sum(child.name in {"mj-column", "mj-group"} for child in element.children)
        inner = "".join(_skeleton(child, marks, room.within(child, columns)) for child in children)
    return f"<{name}{attributes}>{inner}</{name}>"


def _written_attributes(element: Element, marks: _Marks, room: Room) -> Iterator[tuple[str, str]]:
    """Yield what the compiler is to be given, with what it forgets by itself."""
    given = element.attributes
    if element.name in _WITHOUT_DEFAULTS:
        own = components()[element.name].attributes
        defaults = {**room.defaults.get("mj-all", {}), **room.defaults.get(element.name, {})}
        given = {key: value for key, value in defaults.items() if key in own} | given
    if element.name in _PICTURES:
        given = {"alt": ""} | given
    for key, value in given.items():
        written = marks.hide(_spaced(key, value), _UNSAFE)
        if key == "href" and element.name == "mj-button" and "title" in given:
            # It writes no title for a button: this one ends the address and begins the title.
            written += marks.keep(f'" title="{_attribute_text(given["title"])}')
        yield key, written


def _spaced(attribute: str, value: str) -> str:
    if _PADDING.fullmatch(attribute):
        return _BARE_ZERO.sub("0px", value)
    return value if attribute in _LINES_KEPT else _SPACES.sub(" ", value)


def _kept(element: Element, marks: _Marks, room: Room) -> str:
    match components()[element.name].holds:
        case Holds.STYLES:
            mark = marks.keep(squeeze(element.raw))
            if element.attributes.get("inline") == "inline":
                marks.inlined.add(mark)
            return mark
        case Holds.TEXT:
            # The title stands in an attribute, too.
            return marks.keep(element.raw.strip().replace('"', "&quot;"))
        case _:
            html = _mark_sheets(element.raw.strip())
            if element.name == "mj-text":
                html = with_picture_widths(html, room)
            return marks.keep(_HTML_TAG.sub(_with_plain_style, html))


def squeeze(sheet: str) -> str:
    """Return a style sheet without comments, its white space short."""
    return _SPACES.sub(" ", _STRAY_END.sub("}", _COMMENT.sub("", sheet))).strip()


def _with_plain_style(tag: re.Match[str]) -> str:
    if tag[0].startswith("<!--") or "style" not in tag[0].lower():
        return tag[0]
    return _STYLE_ATTRIBUTE.sub(lambda style: squeeze(style[0]), tag[0])


def _mark_sheets(html: str, inlined: frozenset[str] = frozenset()) -> str:
    """Keep the inliner from all style sheets but these: MJML inlines what asks for it, no other."""

    def mark(sheet: re.Match[str]) -> str:
        if sheet["sheet"] is None or sheet["sheet"].strip() in inlined:
            return sheet[0]
        return f"<style{sheet['attributes']}{_NOT_INLINED}>{sheet['sheet']}</style>"

    return _STYLE_SHEET.sub(mark, html)


def _number_menus(html: str) -> str:
    """Give each menu's button an identifier of its own; the compiler gives all the same."""
    numbers = {side: itertools.count(1) for side in ("id", "for")}
    return _MENU.sub(lambda match: f' {match[1]}="menu-{next(numbers[match[1]])}"', html)


def _inline_styles(html: str, html_attributes: Iterable[_HtmlAttribute]) -> str:
    """Inline the style sheets where clients drop them, and set attributes by selector.

    The network stays closed: premailer would fetch style sheets that the HTML links to.
    """
    marks = _Marks()
    html = _HTML_TAG.sub(lambda tag: _with_hidden_values(tag[0], marks), html)
    # premailer keeps the document's type where it is written in capitals.
    html = re.sub(r"\A\s*<!doctype html>", "<!DOCTYPE html>", html, flags=re.IGNORECASE)
    tree = lxml_html.document_fromstring(html)
    for attribute in html_attributes:
        for element in attribute.find(tree):
            element.set(attribute.name, attribute.value)
    let_important_win(tree)
    inline_sheets(tree)
    html = etree.tostring(
        tree.getroottree(), method="html", encoding="utf-8", pretty_print=True
    ).decode()
    html = _STYLE_SHEET.sub(_squeezed, html)
    # Line ends between tags carry nothing; a no-break space does.
    return marks.restore(re.sub(r">[ \t\r\n]*\n[ \t\r\n]*<", ">\n<", html))


def inline_sheets(tree: Any, *, by_kind: bool = True) -> None:  # noqa: ANN401 - lxml has no types
    """Write the sheets of a document into its elements' styles, once for each kind of them.

    Without ``by_kind``, or where a selector tells elements of a kind apart, each by itself.
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
                selectors for selectors, _ in _CSS_RULE.findall(_COMMENT.sub("", sheet.text or ""))
            )


class _Inliner(Premailer):  # type: ignore[misc]  # premailer has no types
    """Inlines style sheets and follows none of their imports, which would be fetched unguarded."""

    def _parse_css_string(self, css_body: str, **options: bool) -> Any:  # noqa: ANN401 - no types
        return _parse_sheet(css_body, **options)


@lru_cache(maxsize=256)
def _parse_sheet(css: str, **options: bool) -> Any:  # noqa: ANN401 - cssutils has no types
    return CSSParser(fetcher=_fetch_nothing).parseString(css, **options)


def _fetch_nothing(_address: str) -> tuple[None, bytes]:
    return None, b""


def _premail(tree: Any) -> None:  # noqa: ANN401 - lxml has no types
    _Inliner(
        tree,
        allow_network=False,
        remove_classes=False,
        strip_important=False,
        include_star_selectors=True,
        disable_validation=True,
        # Such as height="auto", which is no number of pixels.
        disable_basic_attributes=["width", "height", "bgcolor", "align"],
        cssutils_logging_level="CRITICAL",
    ).transform()


def _squeezed(sheet: re.Match[str]) -> str:
    if sheet["sheet"] is None:
        return sheet[0]
    attributes = sheet["attributes"].replace(_NOT_INLINED, "")
    return f"<style{attributes}>{squeeze(sheet['sheet'])}</style>"


def _with_hidden_values(tag: str, marks: _Marks) -> str:
    if tag.startswith("<!--"):
        return tag
    return _HIDDEN_ATTRIBUTE.sub(
        lambda match: (
            f'{match[1]}="{marks.hide(resolve(match[2] or match[3] or ""), _UNSAFE_WRITTEN)}"'
        ),
        tag,
    )


_CSS_RULE = re.compile(r"([^{};]+)\{([^{}]*)\}")
_NESTED_RULES = re.compile(r"@[^{};]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")


def let_important_win(tree: Any) -> None:  # noqa: ANN401 - lxml has no types
    """Take out of elements' styles what an inlined sheet says with more weight."""
    for sheet in tree.iter("style"):
        if sheet.get("data-premailer") is None and "!important" in (sheet.text or ""):
            for selectors, block in _CSS_RULE.findall(_NESTED_RULES.sub("", sheet.text)):
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
                for declaration in _declarations_of(style)
                if declaration.partition(":")[0].strip().lower() not in names
                or _is_important(declaration)
            ]
            element.set("style", ";".join(kept))


def _declarations_of(style: str) -> list[str]:
    """Split a style at its semicolons, but for those within quotes and brackets."""
    return re.findall(
        r"(?:[^;\"'(]|\"[^\"]*\"|'[^']*'|\((?:[^)\"']|\"[^\"]*\"|'[^']*')*\)|[\"'(])+", style
    )
