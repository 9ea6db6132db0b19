"""Links that allow acting as a reader, and the check that no template reveals them to a site.

A newsletter's template can put these links anywhere, and a reader's settings cover all of their
newsletters. If a link were a part of another URL, such as that of a picture, the server of that URL
would receive it. In HTML each link must therefore be the beginning of an ``href``, and in plain
text it must stand apart from other URLs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lxml import etree
from lxml import html as lxml_html

from newsletter.errors import Place, TemplateError
from newsletter.i18n.messages import msg
from newsletter.rendering.model import BODY, TEXT

#: Characters of URLs: if one of them precedes the link in the same word, the link is part of a URL.
_WITHIN_ADDRESS = re.compile(r"[./?&=#@%\\]\S*\Z")
#: Characters before a link that are searched.
_LOOKED_AT = 2000
#: The start and end of a conditional comment; some mail programs read its content.
_CONDITION = re.compile(r"\A\[if [^\]]*\]>|<!\[endif\]\Z")
#: Style sheets, found without a parser, and their comments.
_SHEET = re.compile(r"<style\b[^>]*>(.*?)(?:</style|\Z)", re.IGNORECASE | re.DOTALL)
_REMARK = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
#: A selector for the scheme of a URL, which discloses nothing of a reader's own link.
_OF_SCHEME = re.compile(
    r"\[\s*href\s*\^=\s*([\"']?)(?:tel|sms|mailto|https?):?\1\s*\]", re.IGNORECASE
)
#: A selector for the characters of a URL. Many of them, each with a picture on another site, would
#: disclose a link to that site. The attribute's name may contain CSS escapes.
_ASKS_ADDRESS = re.compile(r"\[\s*(?:[\w*-]*\|)?(?:href|[\w-]*\\)", re.IGNORECASE)
_UTF8 = lxml_html.HTMLParser(encoding="utf-8")


def require_whole_links(html: str, text: str, marks: Iterable[str], *, template: str) -> None:
    """Refuse a template that reveals readers' own links.

    Args:
        html: The body, with marks in place of values.
        text: The plain text, with marks as well.
        marks: The marks of such links.
        template: The template's name.

    Raises:
        TemplateError: A link is part of something else, or a style sheet could disclose it.
    """
    mark = re.compile("|".join(map(re.escape, marks)))
    # If the parser and a browser could disagree on a link, the mark is not counted and refused.
    if sum(_begins(value, mark) for value in _links(html)) != len(mark.findall(html)):
        raise TemplateError(
            msg("A reader’s own link stands elsewhere than in a link’s href."),
            place=Place(source=f"{template}/{BODY}"),
            remedy=msg(
                "Use slots.unsubscribe_url, slots.preferences_url and slots.view_url only as "
                'href="{{ … }}". Whoever learns such a link can change what its reader receives.'
            ),
        )
    sheets = (_OF_SCHEME.sub("", _REMARK.sub("", sheet)) for sheet in _SHEET.findall(html))
    if any(map(_ASKS_ADDRESS.search, sheets)):
        raise TemplateError(
            msg("A style sheet selects links by their address."),
            place=Place(source=f"{template}/{BODY}"),
            remedy=msg("Give these links a class, and select by that."),
        )
    for found in mark.finditer(text):
        if _WITHIN_ADDRESS.search(text[max(found.start() - _LOOKED_AT, 0) : found.start()]):
            raise TemplateError(
                msg("A reader’s own link is part of another address."),
                place=Place(source=f"{template}/{TEXT}"),
                remedy=msg("Put a space before it, or a line of its own."),
            )


def _begins(value: str, mark: re.Pattern[str]) -> bool:
    return mark.match(value) is not None and len(mark.findall(value)) == 1


def _links(html: str) -> Iterator[str]:
    """Yield the links of a document, including those in conditional comments for Outlook."""
    tree = lxml_html.document_fromstring(html.encode("utf-8"), parser=_UTF8)
    for element in tree.iter():
        if isinstance(element, etree._Comment):  # noqa: SLF001 - lxml has no other name for it
            inner = _CONDITION.sub("", element.text or "")
            if "<" in inner and "<!--" not in inner:
                yield from _links(f"<div>{inner}</div>")
        elif "href" in element.attrib and "ping" not in element.attrib:
            yield element.attrib["href"]
