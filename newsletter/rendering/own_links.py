"""Links of a reader's own: whoever has one acts in the reader's place, so no other site gets it.

A newsletter's template may put them where it likes, and a reader's settings are those of all their
newsletters. As part of another address, of a picture say, each would be told to whoever is asked
for that. So in HTML they stand as what a link begins with, and in plain text apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lxml import etree
from lxml import html as lxml_html

from newsletter.errors import Place, TemplateError
from newsletter.i18n.messages import msg
from newsletter.rendering.model import BODY, TEXT

#: What an address is made of: where one of these stands in the same word, the link is part of it.
_WITHIN_ADDRESS = re.compile(r"[./?&=#@%\\]\S*\Z")
#: As much of the text before a link is looked at.
_LOOKED_AT = 2000
#: A conditional comment's beginning and end; some mail programs read what is between.
_CONDITION = re.compile(r"\A\[if [^\]]*\]>|<!\[endif\]\Z")
_UTF8 = lxml_html.HTMLParser(encoding="utf-8")


def demand_whole_links(html: str, text: str, marks: Iterable[str], *, template: str) -> None:
    """Hold a template to what it may do with links of a reader's own.

    Args:
        html: The body, in which marks stand for values.
        text: The plain text, likewise.
        marks: Those of such links.
        template: The template's name.

    Raises:
        TemplateError: One is part of something else.
    """
    mark = re.compile("|".join(map(re.escape, marks)))
    # Whatever a browser might read in another way than the parser is found nowhere, and refused.
    if sum(_begins(value, mark) for value in _links(html)) != len(mark.findall(html)):
        raise TemplateError(
            msg("A reader’s own link stands elsewhere than in a link’s href."),
            place=Place(source=f"{template}/{BODY}"),
            remedy=msg(
                "Use slots.unsubscribe_url, slots.preferences_url and slots.view_url only as "
                'href="{{ … }}". Whoever learns such a link can change what its reader receives.'
            ),
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
    """Yield where the links of a document lead, those within comments for Outlook too."""
    tree = lxml_html.document_fromstring(html.encode("utf-8"), parser=_UTF8)
    for element in tree.iter():
        if isinstance(element, etree._Comment):  # noqa: SLF001 - lxml has no other name for it
            inner = _CONDITION.sub("", element.text or "")
            if "<" in inner and "<!--" not in inner:
                yield from _links(f"<div>{inner}</div>")
        elif "href" in element.attrib:
            yield element.attrib["href"]
