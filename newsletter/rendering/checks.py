"""Preflight of the mail: content that mail programs would clip, drop or not display.

What mail programs lack is read from ``client_features.toml`` and ``client_support.json``. A feature
is listed if its absence breaks the layout or hides content in a widely used program.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from lxml import etree
from lxml import html as lxml_html
from pydantic import BaseModel, ConfigDict

from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.i18n.values import Worded
from newsletter.issues.checks.findings import (
    Finding,
    IssueField,
    IssuePlace,
    Severity,
    sorted_findings,
)
from newsletter.issues.checks.links import find_url_fault
from newsletter.issues.sources.normalise import find_character_faults
from newsletter.rendering.contrast import declarations, find_low_contrast
from newsletter.rendering.model import Publisher, RenderedIssue, Slot, SlotUse, WordedText
from newsletter.rendering.slots import map_slots
from newsletter.rendering.wrap import width

#: Octets of HTML at which Gmail clips a message, and from which a warning is given.
GMAIL_CLIPS_AT = 102_000
CLIPPING_NEAR = 95_000
#: Columns of a subject (a full-width character has two): those that a telephone shows, and those
#: that a wide window shows.
_SUBJECT_SHOWN, _SUBJECT_LONG = 60, 100
_MAIL = IssuePlace(field=IssueField.MAIL)
_TITLE = IssuePlace(field=IssueField.TITLE)
#: Replaces a recipient's URL during the checks; the host is a real one, so links can be checked.
_STAND_IN = "https://example.jp/"


@dataclass(frozen=True)
class _Mail:
    """A rendered issue with placeholder values in its slots, parsed once for all checks."""

    rendered: RenderedIssue
    publisher: Publisher

    @cached_property
    def html(self) -> str:
        return _filled(self.rendered.html)

    @cached_property
    def text(self) -> str:
        return _filled(self.rendered.text)

    @cached_property
    def subject(self) -> str:
        return _filled(self.rendered.subject)

    @cached_property
    def tree(self) -> Any:  # noqa: ANN401 - lxml has no types
        parser = lxml_html.HTMLParser(encoding="utf-8")
        return lxml_html.document_fromstring(self.html.encode(), parser=parser)

    @cached_property
    def letters(self) -> str:
        body = self.tree.find("body")
        return "" if body is None else re.sub(r"\s+", "", body.text_content())


def _filled(slotted: WordedText) -> str:
    return map_slots(slotted, lambda slot: _STAND_IN if slot.endswith("_url") else "")


def check_mail(rendered: RenderedIssue, publisher: Publisher) -> tuple[Finding, ...]:
    """Return the findings for a rendered issue, errors first."""
    mail = _Mail(rendered, publisher)
    return sorted_findings(finding for check in _CHECKS for finding in check(mail))


def check_variant_size(rendered: RenderedIssue, name: Worded) -> Iterator[Finding]:
    """Yield a finding if the mail of a variant is too large; it names the variant."""
    octets = len(_filled(rendered.html).encode())
    if octets >= CLIPPING_NEAR:
        yield Finding(
            code="size",
            severity=Severity.ERROR if octets >= GMAIL_CLIPS_AT else Severity.WARNING,
            place=_MAIL,
            message=msg(
                "The HTML of the largest email, for readers of “{variant}”, has {octets} KB; Gmail "
                "clips at about 102 KB, and the unsubscribe link goes with the rest.",
                variant=name,
                octets=format(octets / 1000, ".0f"),
            ),
            remedy=msg("Shorten what these readers get, or link to the longer texts."),
        )


def _check_size(mail: _Mail) -> Iterator[Finding]:
    octets = len(mail.html.encode())
    if octets >= CLIPPING_NEAR:
        clipped = octets >= GMAIL_CLIPS_AT
        yield Finding(
            code="size",
            severity=Severity.ERROR if clipped else Severity.WARNING,
            place=_MAIL,
            message=msg(
                "The HTML has {octets} KB; Gmail clips at about 102 KB, and the unsubscribe link "
                "goes with the rest.",
                octets=format(octets / 1000, ".0f"),
            ),
            remedy=msg("Shorten the issue, or link to the longer texts."),
        )


def _check_subject(mail: _Mail) -> Iterator[Finding]:
    return check_subject(mail.subject)


def check_subject(subject: str) -> Iterator[Finding]:
    """Yield findings for a subject as inboxes show it."""
    columns = width(subject)
    if not subject.strip():
        yield Finding(
            code="title-empty",
            severity=Severity.ERROR,
            place=_TITLE,
            message=msg("The subject is empty."),
            remedy=msg("Write a title."),
        )
    elif columns > _SUBJECT_SHOWN:
        yield Finding(
            code="subject-long",
            severity=Severity.WARNING if columns > _SUBJECT_LONG else Severity.HINT,
            place=_TITLE,
            message=msg(
                "The subject is as wide as {count} full-width characters; an inbox cuts it off.",
                count=format(columns / 2, ".0f"),
            ),
            remedy=msg(
                "Put the important part first; {count} full-width characters are "
                "shown, twice as many in Latin script.",
                count=_SUBJECT_SHOWN // 2,
            ),
        )


def _check_pictures(mail: _Mail) -> Iterator[Finding]:
    for picture in mail.tree.iter("img"):
        source = picture.get("src", "")
        if picture.get("alt") is None or (
            not picture.get("alt") and "picture" in _classes(picture)
        ):
            yield Finding(
                code="alt-missing",
                severity=Severity.WARNING,
                place=_MAIL,
                about=source,
                message=msg("A picture has no alternative text: {source}", source=source),
                remedy=msg("Describe what it shows; leave it empty for decoration."),
            )
        ending = re.search(r"\.\w+$", source.lower().partition("?")[0])
        if ending and ending[0] in lacks("picture"):
            yield _lack(lacks("picture")[ending[0]])


def _classes(element: Any) -> list[str]:  # noqa: ANN401 - lxml has no types
    return str(element.get("class", "")).split()


def _check_links(mail: _Mail) -> Iterator[Finding]:
    anchors = set(mail.tree.xpath("//@id")) | set(mail.tree.xpath("//a/@name"))
    for link in mail.tree.iter("a"):
        url = link.get("href")
        if url is None:
            continue
        if not url.strip():
            yield _link_finding(
                "link-empty",
                url,
                msg("A link has no destination."),
            )
        elif url.startswith("#"):
            if url[1:] not in anchors:
                yield _link_finding(
                    "anchor-dead",
                    url,
                    msg("The link leads to no place in the mail: {url}", url=url),
                )
        elif fault := find_url_fault(url):
            yield _link_finding("url-malformed", url, fault.message)
        elif url.startswith("http://"):
            yield _link_finding(
                "url-http",
                url,
                pmsg("finding", "The link is http, not encrypted: {url}", url=url),
                severity=Severity.WARNING,
            )
        if not link.text_content().strip() and link.find(".//img") is None:
            yield _link_finding(
                "slot-empty",
                url,
                msg("A link without words: {url}", url=url),
                severity=Severity.WARNING,
            )


def _link_finding(
    code: str, url: str, message: Message, *, severity: Severity = Severity.ERROR
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        place=_MAIL,
        about=url,
        message=message,
        remedy=msg("Correct the link in the issue or the template."),
    )


def _check_slots(mail: _Mail) -> Iterator[Finding]:
    for tag in ("h1", "h2", "h3", "h4", "p", "li"):
        for element in mail.tree.iter(tag):
            if not element.text_content().strip() and element.find(".//img") is None:
                yield Finding(
                    code="slot-empty",
                    severity=Severity.HINT,
                    place=_MAIL,
                    about=tag,
                    message=msg("There is an empty <{tag}>.", tag=tag),
                    remedy=msg("Provide a fallback for fields that may be empty, such as a name."),
                )
    for slotted in (mail.rendered.subject, mail.rendered.html):
        if any(
            isinstance(part, SlotUse) and part.slot == Slot.SUBSCRIBER_NAME and not part.fallback
            for part in slotted
        ):
            yield Finding(
                code="slot-name",
                severity=Severity.HINT,
                place=_MAIL,
                message=msg(
                    "The email uses the reader’s name; readers without a name see nothing there."
                ),
                remedy=msg("Preview it as a reader without a name."),
            )


def _check_duties(mail: _Mail) -> Iterator[Finding]:
    for name, slotted in (("HTML", mail.rendered.html), ("text", mail.rendered.text)):
        used = {part.slot for part in slotted if isinstance(part, SlotUse)}
        if Slot.UNSUBSCRIBE_URL not in used:
            yield Finding(
                code="unsubscribe-missing",
                severity=Severity.ERROR,
                place=_MAIL,
                about=name,
                message=msg("There is no unsubscribe link ({name}).", name=name),
                remedy=msg("Put slots.unsubscribe_url into the template."),
            )
    address = re.sub(r"\s+", "", mail.publisher.postal_address)
    if not address or address not in mail.letters:
        yield Finding(
            code="postal-address-missing",
            severity=Severity.ERROR,
            place=IssuePlace(field=IssueField.SENDER),
            message=msg("The sender's postal address is missing."),
            remedy=msg("Required by law; enter it in the newsletter’s settings."),
        )


def _check_characters(mail: _Mail) -> Iterator[Finding]:
    for fault in find_character_faults(mail.subject):
        yield Finding(
            code=fault.code,
            severity=fault.severity,
            place=_TITLE,
            message=fault.message,
            remedy=msg("Replace them with what was meant."),
            # The same code as for the issue's title, so that equal findings are reported once.
            about=fault.found[0],
            within=(mail.subject,),
        )


def _check_clients(mail: _Mail) -> Iterator[Finding]:
    elements = lacks("html")
    for tag in dict.fromkeys(element.tag for element in mail.tree.iter(etree.Element)):
        if tag in elements:
            yield _lack(elements[tag])
    places = {f"#{name}" for name in mail.tree.xpath("//@id | //a/@name")}
    if places & set(mail.tree.xpath("//a/@href")):
        yield from map(_lack, lacks("link").values())
    properties = lacks("css")
    sheets = [re.sub(r"/\*.*?\*/", "", style.text or "") for style in mail.tree.iter("style")]
    # MJML's own fallbacks are in style sheets and between conditional comments; the layout of
    # the template is in inline styles.
    for block in dict.fromkeys(mail.tree.xpath("//@style")):
        for name, value in declarations(block):
            pair = f"{name}:{value.removesuffix('!important').strip()}"
            if lack := properties.get(pair) or properties.get(name):
                yield _lack(lack)
        sheets.append(block)
    for word, lack in lacks("word").items():
        if any(re.search(rf"(?<![\w-]){re.escape(word)}", sheet) for sheet in sheets):
            yield _lack(lack)


def _lack(lack: Lack) -> Finding:
    who = ", ".join(lack.clients)
    return Finding(
        code="client-lacks",
        severity=lack.severity,
        place=_MAIL,
        about=lack.name,
        message=msg("{who} do not support “{lack}”.", who=who, lack=lack.name),
        remedy=lack.remedy,
    )


def _check_contrast(mail: _Mail) -> Iterator[Finding]:
    for low in find_low_contrast(mail.tree):
        colours = f"{low.colour} / {low.background}, {low.ratio:.1f}:1"
        message = (
            msg("“{text}” is hard to read in dark ({colours}).", text=low.text, colours=colours)
            if low.dark
            else msg("“{text}” is hard to read ({colours}).", text=low.text, colours=colours)
        )
        yield Finding(
            code="contrast",
            severity=Severity.WARNING,
            place=_MAIL,
            about=f"{low.colour} {low.background}{' in dark' if low.dark else ''}",
            message=message,
            remedy=msg("Make it 4.5:1 or more, 3:1 for large text."),
        )


_CHECKS: tuple[Callable[[_Mail], Iterator[Finding]], ...] = (
    _check_size,
    _check_subject,
    _check_duties,
    _check_links,
    _check_pictures,
    _check_slots,
    _check_characters,
    _check_clients,
    _check_contrast,
)


#: Written by ``python -m tests.support.caniemail``.
SUPPORT_FILE = Path(__file__).with_name("client_support.json")
_FEATURES_FILE = Path(__file__).with_name("client_features.toml")

FeatureKind = Literal["css", "word", "html", "picture", "link"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Feature(_Record):
    """A feature that preflight searches for.

    Attributes:
        kind: A property (or ``property:value``), a word anywhere in style sheets, an element, the
            extension of an image file, or the beginning of a link.
        support: The feature of caniemail.com that lists the programs without it.
        lacking: Further programs without it.
    """

    kind: FeatureKind
    names: tuple[str, ...]
    severity: Severity
    remedy: str
    support: str = ""
    lacking: tuple[str, ...] = ()


class Features(_Record):
    """The contents of the file of features."""

    remedies: dict[str, str]
    features: tuple[Feature, ...]


class _Support(_Record):
    source: str
    date: str
    lacking: dict[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lack:
    """A feature and the programs without it.

    Attributes:
        name: As written in CSS or HTML; ``property:value`` for one value of a property.
    """

    name: str
    clients: tuple[str, ...]
    severity: Severity
    remedy: Message


def read_features() -> Features:
    """Read the file of features."""
    return Features.model_validate(tomllib.loads(_FEATURES_FILE.read_text(encoding="utf-8")))


@cache
def lacks(kind: FeatureKind) -> dict[str, Lack]:
    """Return the features of a kind that some program lacks, by name."""
    file = read_features()
    support = _Support.model_validate_json(SUPPORT_FILE.read_text(encoding="utf-8"))
    lacking = {}
    for feature in file.features:
        clients = (*support.lacking.get(feature.support, ()), *feature.lacking)
        if feature.kind == kind and clients:
            for name in feature.names:
                lacking[name] = Lack(
                    name=name,
                    clients=clients,
                    severity=feature.severity,
                    remedy=Message(file.remedies[feature.remedy]),
                )
    return lacking
