"""MJML checked and compiled; the compiler itself lets unknown tags and attributes pass silently."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from lxml import etree
from mjml import mjml2html

from newsletter.errors import Place, TemplateError

_BOX = "padding padding-top padding-right padding-bottom padding-left"
_COMMON = "css-class mj-class"
_FONT = "color font-family font-size font-style font-weight letter-spacing line-height"
_BACKGROUND = (
    "background-color background-url background-repeat background-size background-position "
    "background-position-x background-position-y"
)
_BORDER = "border border-top border-right border-bottom border-left border-radius"

#: Attributes of each element, after the MJML 4 documentation. ``mj-font`` and ``mj-include`` are
#: left out on purpose: they fetch from elsewhere.
ATTRIBUTES: dict[str, frozenset[str]] = {
    name: frozenset(attributes.split())
    for name, attributes in {
        "mjml": "lang dir owa",
        "mj-head": "",
        "mj-body": f"background-color width {_COMMON}",
        "mj-attributes": "",
        "mj-all": f"{_FONT} {_BOX} {_BACKGROUND} align",
        "mj-class": f"name {_FONT} {_BOX} {_BACKGROUND} {_BORDER} align width",
        "mj-breakpoint": "width",
        "mj-preview": "",
        "mj-style": "inline",
        "mj-title": "",
        "mj-raw": "position",
        "mj-html-attributes": "",
        "mj-selector": "path",
        "mj-html-attribute": "name",
        "mj-section": f"direction full-width text-align {_BACKGROUND} {_BORDER} {_BOX} {_COMMON}",
        "mj-wrapper": f"full-width text-align gap {_BACKGROUND} {_BORDER} {_BOX} {_COMMON}",
        "mj-group": f"width vertical-align background-color direction {_COMMON}",
        "mj-column": (
            f"width vertical-align background-color inner-background-color inner-border "
            f"inner-border-radius {_BORDER} {_BOX} {_COMMON}"
        ),
        "mj-text": (
            f"align container-background-color height text-decoration text-transform "
            f"vertical-align {_FONT} {_BOX} {_COMMON}"
        ),
        "mj-button": (
            f"align background-color container-background-color height href inner-padding rel "
            f"target text-align text-decoration text-transform title vertical-align width name "
            f"{_FONT} {_BORDER} {_BOX} {_COMMON}"
        ),
        "mj-image": (
            f"align alt container-background-color fluid-on-mobile height href name rel sizes src "
            f"srcset target title usemap width font-size {_BORDER} {_BOX} {_COMMON}"
        ),
        "mj-divider": (
            f"align border-color border-style border-width container-background-color width "
            f"{_BOX} {_COMMON}"
        ),
        "mj-spacer": f"container-background-color height {_BOX} {_COMMON}",
        "mj-table": (
            f"align cellpadding cellspacing container-background-color role table-layout width "
            f"{_FONT} {_BORDER} {_BOX} {_COMMON}"
        ),
    }.items()
}
#: Elements whose defaults ``mj-attributes`` may set with any of their own attributes.
_TAG = re.compile(r"<(?P<name>mj[\w-]*)(?P<rest>(?:[^<>\"]|\"[^\"]*\")*)>")
_ATTRIBUTE = re.compile(r"([A-Za-z][\w-]*)\s*=\s*\"")
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


def check_source(source: str, *, template: str) -> None:
    """Check the tags and attributes of a template's own text.

    Raises:
        TemplateError: A tag or attribute is unknown; the message names template and line.
    """
    for fault, line in _faults(_JINJA.sub(_blank, source)):
        raise TemplateError(fault, place=Place(source=template, line=line))


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _faults(text: str) -> Iterator[tuple[str, int]]:
    for tag in _TAG.finditer(text):
        name, line = tag["name"], text.count("\n", 0, tag.start()) + 1
        if name not in ATTRIBUTES:
            yield f"MJML knows no <{name}>.{_suggest(name, ATTRIBUTES)}", line
            continue
        for attribute in _ATTRIBUTE.findall(tag["rest"]):
            if attribute not in ATTRIBUTES[name]:
                advice = _suggest(attribute, ATTRIBUTES[name])
                yield f"<{name}> has no attribute {attribute!r}.{advice}", line


def _suggest(word: str, known: dict[str, frozenset[str]] | frozenset[str]) -> str:
    near = get_close_matches(word, sorted(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def compile_mjml(text: str, *, template: str) -> str:
    """Turn rendered MJML into HTML.

    Raises:
        TemplateError: It is not well-formed; the message quotes the line.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        quoted = text.split("\n")[line - 1].strip()[:120]
        raise TemplateError(
            f"The MJML is not well-formed: {error.msg}; near {quoted!r}.",
            place=Place(source=template, line=line),
        ) from None
    for fault, line in _faults(text):
        raise TemplateError(fault, place=Place(source=template, line=line))
    try:
        return mjml2html(text, fonts={})
    except (ValueError, OSError) as error:
        raise TemplateError(
            f"MJML refuses the template: {error}.", place=Place(source=template)
        ) from None
