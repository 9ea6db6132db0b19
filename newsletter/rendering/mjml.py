r"""Compile MJML to the HTML of a mail, and inline the style sheets marked for inlining.

The compiler, mrml, writes attributes in Rust's debug form (``\u{3000}``), parses the HTML within
``mj-text`` as MJML, and silently accepts unknown tags and attributes. It is therefore given a
skeleton of known elements, the plain letters of their attributes, and marks for everything else.
The marks are replaced by the original text in the resulting HTML.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mjml import mjml2html

from newsletter.errors import Place, TemplateError
from newsletter.i18n.messages import Message, msg
from newsletter.rendering.components import Holds, components
from newsletter.rendering.inlining import (
    HTML_TAG,
    NOT_INLINED,
    STYLE_SHEET,
    HtmlAttribute,
    Marks,
    attribute_text,
    inline_styles,
    squeeze,
)
from newsletter.rendering.mjml_source import Element, MjmlError, check_tags, read_mjml, resolve

#: MJML's default padding of these elements, right plus left.
_USUAL_PADDING = {"mj-section": 0.0, "mj-wrapper": 0.0, "mj-column": 0.0}
_CONTENT_PADDING = 50.0
_BODY = 600.0
_PICTURE = re.compile(r"<img\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_WIDTH = re.compile(r"\swidth\s*=\s*[\"']?(\d+)(?:px)?[\"']?(?=[\s/>])", re.IGNORECASE)
_SOURCE = re.compile(r"\ssrc\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
#: The width in the URL of a picture of this installation.
_OWN_WIDTH = re.compile(r"/images/[0-9a-f]{64}-(\d{1,5})w\.(?:png|jpg)\Z")


@dataclass(frozen=True, slots=True)
class Room:
    """The width available to an element in pixels, and the defaults of each kind of element."""

    width: float
    defaults: Mapping[str, Mapping[str, str]]

    @classmethod
    def of_body(cls, root: Element) -> Room:
        """Return the room of a whole mail."""
        defaults: dict[str, dict[str, str]] = {}
        for head in root.children:
            for settings in head.children if head.name == "mj-head" else ():
                if settings.name == "mj-attributes":
                    for default in settings.children:
                        defaults.setdefault(default.name, {}).update(default.attributes)
        body = next((each for each in root.children if each.name == "mj-body"), None)
        given = defaults.get("mj-body", {}) | (body.attributes if body else {})
        return cls(_pixels(given.get("width", ""), 0) or _BODY, defaults)

    def within(self, element: Element, siblings: int) -> Room:
        """Return the room inside an element; ``siblings`` is the number of columns in its row."""
        given = {
            **self.defaults.get("mj-all", {}),
            **self.defaults.get(element.name, {}),
            **element.attributes,
        }
        width = self.width
        if element.name in {"mj-column", "mj-group"}:
            width = _pixels(given.get("width", ""), width) or width / max(siblings, 1)
        usual = _USUAL_PADDING.get(element.name, _CONTENT_PADDING)
        if element.name in {"mj-group", "mj-body", "mjml"}:
            usual, given = 0.0, {}
        return Room(max(width - _sides(given, usual, width), 1), self.defaults)


def _sides(given: Mapping[str, str], usual: float, width: float) -> float:
    """Return the sum of left and right padding."""
    values = given.get("padding", "").split()
    right = left = usual / 2
    if values:
        right = _pixels(values[min(1, len(values) - 1)], width)
        left = _pixels(values[3], width) if len(values) == 4 else right  # noqa: PLR2004 - CSS's four
    right = _pixels(given["padding-right"], width) if "padding-right" in given else right
    left = _pixels(given["padding-left"], width) if "padding-left" in given else left
    return left + right


def _pixels(value: str, whole: float) -> float:
    """Return a length in pixels or per cent of ``whole``; 0 if it is neither."""
    match = re.fullmatch(r"([\d.]+)(px|%)?", value.strip())
    if not match or match[1].count(".") > 1 or match[1] == ".":
        return 0.0
    return float(match[1]) * (whole / 100 if match[2] == "%" else 1)


def with_picture_widths(html: str, room: Room) -> str:
    """Return HTML with a width for each picture that fits and does not exceed its own.

    Outlook on Windows does not support ``max-width``: it shows a picture in the width of its
    attribute, and widens the whole mail for it.
    """

    def fit(picture: re.Match[str]) -> str:
        tag = picture[0]
        source, written = _SOURCE.search(tag), _WIDTH.search(tag)
        own = _OWN_WIDTH.search(source[1] or source[2] or "") if source else None
        known = [int(match[1]) for match in (own, written) if match]
        width = min(int(room.width), *known) if known else int(room.width)
        tag = _WIDTH.sub("", tag)
        end = "/>" if tag.endswith("/>") else ">"
        return f'{tag.removesuffix(end).rstrip()} width="{width}"{" " if end == "/>" else ""}{end}'

    return _PICTURE.sub(fit, html)


#: Jinja that is not closed extends to the end. A pattern that failed there would be tried again at
#: each beginning, in time quadratic in the length of the text.
_JINJA = re.compile(
    r"\{\{.*?(?:\}\}|\Z)|\{%.*?(?:%\}|\Z)|\{#.*?(?:#\}|\Z)",
    re.DOTALL,
)
#: Characters that the compiler does not write as given.
_UNSAFE = re.compile(r"[^A-Za-z0-9 _.,:;/#%()'=?+*@~!$|\[\]-]+")
#: Attributes whose line ends are kept; in others, line ends are white space between words.
_LINES_KEPT = frozenset({"alt", "title", "href", "src", "icon-wrapped-alt", "icon-unwrapped-alt"})
_SPACES = re.compile(r"[ \t\r\n\f]+")
#: The compiler's way of hiding a preview, in addition to ``display: none``.
_TINY = "font-size:1px;color:#ffffff;line-height:1px;"
#: The compiler's attributes that HTML does not have; their styles have the same effect.
_OBSOLETE = re.compile(r' (?:bgcolor|vertical-align)="[^"]*"| height="auto"')
#: MJML uses whole pixels, the only ones that HTML has.
_PIXELS = re.compile(r"(?<![-\w])(width(?:=\"|:))(\d+)\.\d+(?=px|\")")
#: The compiler ignores a padding that contains a 0 without a unit.
_PADDING = re.compile(r"(?:inner-)?padding(?:-\w+)?")
_BARE_ZERO = re.compile(r"(?<!\S)0(?!\S)")
#: The compiler puts content between the sections of a wrapper into a table for Outlook only; this
#: closes that conditional comment and opens it again.
_OUTSIDE = "<![endif]-->{}<!--[if mso | IE]>"
_MENU = re.compile(r' (id|for)="00000000"')
_STYLE_ATTRIBUTE = re.compile(r"(?<=\s)style\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)


def check_source(source: str, *, template: str) -> list[tuple[Message, Place]]:
    """Check the tags and attributes of a template's source; return those without effect.

    Raises:
        TemplateError: A tag is unknown, or an attribute is probably misspelt; the message names
            template and line.
    """
    try:
        idle = check_tags(blank_jinja(source), source=source)
        return [(what, Place(source=template, line=line)) for what, line in idle]
    except MjmlError as error:
        raise error.in_template(template) from None


def blank_jinja(text: str) -> str:
    """Return a template with its Jinja replaced by spaces, all other characters in place."""
    return _JINJA.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def compile_mjml(text: str, *, template: str) -> str:
    """Compile rendered MJML to the HTML of a mail.

    Raises:
        TemplateError: The MJML is not well-formed or uses an unsupported feature; with the line.
    """
    marks = Marks()
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
    # Spam filters regard text of one pixel and white text as hidden words. Text that is not
    # displayed needs neither.
    html = html.replace(_TINY, "mso-hide:all;", 1)
    html = _PIXELS.sub(r"\1\2", _OBSOLETE.sub("", html))
    html = _number_menus(_mark_sheets(html, frozenset(marks.inlined)))
    html = marks.restore(html)
    html = html.replace("</head>", f"{parts.fonts_of(html)}</head>", 1)
    try:
        return parts.before + inline_styles(html, parts.html_attributes)
    except MjmlError as error:
        raise error.in_template(template) from None


#: Elements to which the compiler applies no defaults of ``mj-attributes``; elements to which it
#: adds no empty ``alt``.
_WITHOUT_DEFAULTS = frozenset({"mj-body", "mj-accordion-element"})
_PICTURES = frozenset({"mj-image", "mj-carousel-image", "mj-social-element"})
#: Elements in which the compiler accepts no HTML.
_NO_RAW = frozenset({"mj-social", "mj-navbar", "mj-accordion", "mj-accordion-element"})


def _is_more_than_comment(html: str) -> bool:
    return bool(re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL).strip())


class _Parts:
    """The parts of a template that the compiler ignores or does not support.

    Attributes:
        before: Comments before the document (``mj-raw position="file-start"``).
        html_attributes: The attributes set by each ``mj-html-attribute``.
    """

    def __init__(self, root: Element) -> None:
        self.before = ""
        self.html_attributes: list[HtmlAttribute] = []
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
                HtmlAttribute(
                    path=path, name=name, value=resolve(child.raw.strip()), line=element.line
                )
            )

    def fonts_of(self, html: str) -> str:
        """Return the style sheet of the used web fonts; not for Outlook, which would show Times."""
        used = dict.fromkeys(address for name, address in self._fonts if name and name in html)
        if not used:
            return ""
        imports = "".join(f"@import url({address});" for address in used)
        sheet = f'<style type="text/css"{NOT_INLINED}>{imports}</style>'
        return f"<!--[if !mso]><!-->{sheet}<!--<![endif]-->"


def _font(element: Element) -> tuple[str, str]:
    """Return a font's name and the URL of its style sheet."""
    address = element.attributes.get("href", "")
    if not re.fullmatch(r"https?://[^\s()'\"<>\\]+", address):
        raise MjmlError(
            msg("<mj-font> has no web address: “{address}”.", address=address),
            element.line,
            remedy=msg("Name the style sheet of the font, https://…, or leave <mj-font> out."),
        )
    return element.attributes.get("name", ""), address


#: Elements that are handled here and not passed to the compiler.
_DONE_HERE = frozenset({"mj-font", "mj-html-attributes"})


def _skeleton(element: Element, marks: Marks, room: Room) -> str:
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


def _written_attributes(element: Element, marks: Marks, room: Room) -> Iterator[tuple[str, str]]:
    """Yield the attributes for the compiler, including those that it would not add itself."""
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
            # The compiler writes no title for a button, so this ends the href and adds a title.
            written += marks.keep(f'" title="{attribute_text(given["title"])}')
        yield key, written


def _spaced(attribute: str, value: str) -> str:
    if _PADDING.fullmatch(attribute):
        return _BARE_ZERO.sub("0px", value)
    return value if attribute in _LINES_KEPT else _SPACES.sub(" ", value)


def _kept(element: Element, marks: Marks, room: Room) -> str:
    match components()[element.name].holds:
        case Holds.STYLES:
            mark = marks.keep(squeeze(element.raw))
            if element.attributes.get("inline") == "inline":
                marks.inlined.add(mark)
            return mark
        case Holds.TEXT:
            # The title also appears in an attribute.
            return marks.keep(element.raw.strip().replace('"', "&quot;"))
        case _:
            html = _mark_sheets(element.raw.strip())
            if element.name == "mj-text":
                html = with_picture_widths(html, room)
            return marks.keep(HTML_TAG.sub(_with_plain_style, html))


def _with_plain_style(tag: re.Match[str]) -> str:
    if tag[0].startswith("<!--") or "style" not in tag[0].lower():
        return tag[0]
    return _STYLE_ATTRIBUTE.sub(lambda style: squeeze(style[0]), tag[0])


def _mark_sheets(html: str, inlined: frozenset[str] = frozenset()) -> str:
    """Mark all other style sheets to be skipped: MJML inlines only the sheets that ask for it."""

    def mark(sheet: re.Match[str]) -> str:
        if sheet["sheet"] is None or sheet["sheet"].strip() in inlined:
            return sheet[0]
        return f"<style{sheet['attributes']}{NOT_INLINED}>{sheet['sheet']}</style>"

    return STYLE_SHEET.sub(mark, html)


def _number_menus(html: str) -> str:
    """Give each menu's button its own identifier; the compiler uses the same for all."""
    numbers = {side: itertools.count(1) for side in ("id", "for")}
    return _MENU.sub(lambda match: f' {match[1]}="menu-{next(numbers[match[1]])}"', html)
