"""Preflight of the mail: what its readers' programs would clip, drop or not show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lxml import html as lxml_html

from newsletter.i18n.language import Said
from newsletter.issues.characters import find_character_faults
from newsletter.issues.findings import Finding, IssueField, IssuePlace, Severity, sorted_findings
from newsletter.issues.link_checks import find_url_fault
from newsletter.rendering import clients
from newsletter.rendering.contrast import declarations, find_low_contrast
from newsletter.rendering.model import Publisher, RenderedIssue, Slot, SlottedText, SlotUse
from newsletter.rendering.slots import map_slots
from newsletter.rendering.wrap import width

#: Octets of HTML at which Gmail clips a message, and where it is time to say so.
GMAIL_CLIPS_AT = 102_000
CLIPPING_NEAR = 95_000
#: Columns of a subject, where a full-width character takes two: what a telephone shows, what a
#: wide window shows.
_SUBJECT_SHOWN, _SUBJECT_LONG = 60, 100
#: Letters below which a mail with pictures counts as pictures alone.
_FEW_LETTERS = 120
_MAIL = IssuePlace(field=IssueField.MAIL)
_TITLE = IssuePlace(field=IssueField.TITLE)
#: Stands in for a recipient's value while the mail is checked; a real host, so links are judged.
_STAND_IN = "https://example.jp/"


@dataclass(frozen=True)
class _Mail:
    """A rendered issue with stand-ins in its slots, parsed once for all checks."""

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


def _filled(slotted: SlottedText) -> str:
    return map_slots(slotted, lambda slot: _STAND_IN if slot.value.endswith("_url") else "")


def check_mail(rendered: RenderedIssue, publisher: Publisher) -> tuple[Finding, ...]:
    """Return what is wrong with a rendered issue, errors first."""
    mail = _Mail(rendered, publisher)
    return sorted_findings(finding for check in _CHECKS for finding in check(mail))


def _check_size(mail: _Mail) -> Iterator[Finding]:
    octets = len(mail.html.encode())
    if octets >= CLIPPING_NEAR:
        clipped = octets >= GMAIL_CLIPS_AT
        yield Finding(
            code="size",
            severity=Severity.ERROR if clipped else Severity.WARNING,
            place=_MAIL,
            message=Said(
                ja=f"HTMLが{octets / 1000:.0f} KBあります。Gmailは約102 KBで切り、配信停止の"
                "リンクも隠れます。",
                en=f"The HTML has {octets / 1000:.0f} KB; Gmail clips at about 102 KB, and the "
                "unsubscribe link goes with the rest.",
            ),
            remedy=Said(
                ja="記事を短くするか、続きをウェブに置いてリンクしてください。",
                en="Shorten the issue, or link to the longer texts.",
            ),
        )


def _check_subject(mail: _Mail) -> Iterator[Finding]:
    columns = width(mail.subject)
    if not mail.subject.strip():
        yield Finding(
            code="title-empty",
            severity=Severity.ERROR,
            place=_TITLE,
            message=Said(ja="件名が空です。", en="The subject is empty."),
            remedy=Said(ja="件名を書いてください。", en="Write a title."),
        )
    elif columns > _SUBJECT_SHOWN:
        yield Finding(
            code="subject-long",
            severity=Severity.WARNING if columns > _SUBJECT_LONG else Severity.HINT,
            place=_TITLE,
            message=Said(
                ja=f"件名が全角{columns / 2:.0f}字分あり、受信箱では途中で切れます。",
                en=f"The subject takes {columns} columns; an inbox cuts it off.",
            ),
            remedy=Said(
                ja=f"大事な言葉を前に、全角{_SUBJECT_SHOWN // 2}字までにしてください。",
                en=f"Put what matters first; {_SUBJECT_SHOWN} columns are shown, "
                "full-width characters taking two.",
            ),
        )


def _check_pictures(mail: _Mail) -> Iterator[Finding]:
    pictures = list(mail.tree.iter("img"))
    for picture in pictures:
        source = picture.get("src", "")
        if picture.get("alt") is None or (
            not picture.get("alt") and "picture" in _classes(picture)
        ):
            yield Finding(
                code="alt-missing",
                severity=Severity.WARNING,
                place=_MAIL,
                about=source,
                message=Said(
                    ja=f"画像に代替テキストがありません：{source}",
                    en=f"A picture has no alternative text: {source}",
                ),
                remedy=Said(
                    ja="何の画像かを書いてください。飾りならaltを空にします。",
                    en="Say what it shows; give decoration an empty one.",
                ),
            )
        ending = re.search(r"\.\w+$", source.lower().partition("?")[0])
        if ending and ending[0] in clients.lacks("picture"):
            yield _lack(clients.lacks("picture")[ending[0]])
    if pictures and len(mail.letters) < _FEW_LETTERS:
        yield Finding(
            code="image-only",
            severity=Severity.ERROR,
            place=_MAIL,
            message=Said(
                ja="文字がほとんどなく、画像だけのメールです。",
                en="The mail is pictures with hardly any text.",
            ),
            remedy=Said(
                ja="画像の内容を本文に書いてください。迷惑メールと判定されにくくもなります。",
                en="Write what they say as text; filters take such mails for spam.",
            ),
        )


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
                Said(ja="宛先のないリンクがあります。", en="A link leads nowhere."),
            )
        elif url.startswith("#"):
            if url[1:] not in anchors:
                yield _link_finding(
                    "anchor-dead",
                    url,
                    Said(
                        ja=f"メールの中に無い場所へのリンクです：{url}",
                        en=f"The link leads to no place in the mail: {url}",
                    ),
                )
        elif fault := find_url_fault(url):
            yield _link_finding("url-malformed", url, fault.message)
        elif url.startswith("http://"):
            yield _link_finding(
                "url-http",
                url,
                Said(ja=f"httpのリンクです：{url}", en=f"The link is http, not encrypted: {url}"),
                severity=Severity.WARNING,
            )
        if not link.text_content().strip() and link.find(".//img") is None:
            yield _link_finding(
                "slot-empty",
                url,
                Said(ja=f"文字のないリンクです：{url}", en=f"A link without words: {url}"),
                severity=Severity.WARNING,
            )


def _link_finding(
    code: str, url: str, message: Said, *, severity: Severity = Severity.ERROR
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        place=_MAIL,
        about=url,
        message=message,
        remedy=Said(
            ja="本文かテンプレートのリンクを直してください。",
            en="Correct the link in the issue or the template.",
        ),
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
                    message=Said(
                        ja=f"中身のない<{tag}>があります。", en=f"There is an empty <{tag}>."
                    ),
                    remedy=Said(
                        ja="名前など空になりうる差し込みに、無いときの文を用意してください。",
                        en="Give slots that may be empty, such as a name, other words.",
                    ),
                )
    for slotted in (mail.rendered.subject, mail.rendered.html):
        if any(isinstance(part, SlotUse) and part.slot is Slot.SUBSCRIBER_NAME for part in slotted):
            yield Finding(
                code="slot-name",
                severity=Severity.HINT,
                place=_MAIL,
                message=Said(
                    ja="名前を差し込んでいます。名前のない読者には空になります。",
                    en="The mail names its reader; who gave no name sees nothing there.",
                ),
                remedy=Said(
                    ja="名前のない読者としてプレビューで確かめてください。",
                    en="Preview it as a reader without a name.",
                ),
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
                message=Said(
                    ja=f"配信停止のリンクがありません（{name}）。",
                    en=f"There is no unsubscribe link ({name}).",
                ),
                remedy=Said(
                    ja="テンプレートにslots.unsubscribe_urlを置いてください。",
                    en="Put slots.unsubscribe_url into the template.",
                ),
            )
    address = re.sub(r"\s+", "", mail.publisher.postal_address)
    if not address or address not in mail.letters:
        yield Finding(
            code="postal-address-missing",
            severity=Severity.ERROR,
            place=IssuePlace(field=IssueField.SENDER),
            message=Said(
                ja="差出人の住所が書かれていません。", en="The sender's postal address is missing."
            ),
            remedy=Said(
                ja="特定電子メール法で求められています。ニュースレターの設定に書いてください。",
                en="The law asks for it; write it into the newsletter's settings.",
            ),
        )


def _check_characters(mail: _Mail) -> Iterator[Finding]:
    for fault in find_character_faults(mail.subject):
        yield Finding(
            code=fault.code,
            severity=fault.severity,
            place=_TITLE,
            message=fault.message,
            remedy=Said(ja="普通の文字にしてください。", en="Replace them with what was meant."),
        )


def _check_clients(mail: _Mail) -> Iterator[Finding]:
    elements = clients.lacks("html")
    for element in mail.tree.iter():
        if isinstance(element.tag, str) and element.tag in elements:
            yield _lack(elements[element.tag])
    places = {f"#{name}" for name in mail.tree.xpath("//@id | //a/@name")}
    if places & set(mail.tree.xpath("//a/@href")):
        yield from map(_lack, clients.lacks("link").values())
    properties = clients.lacks("css")
    sheets = [re.sub(r"/\*.*?\*/", "", style.text or "") for style in mail.tree.iter("style")]
    # MJML's own fall-backs stand in sheets and between conditional comments; what the template
    # lays out with stands inline.
    for block in mail.tree.xpath("//@style"):
        for name, value in declarations(block):
            pair = f"{name}:{value.removesuffix('!important').strip()}"
            if lack := properties.get(pair) or properties.get(name):
                yield _lack(lack)
        sheets.append(block)
    for word, lack in clients.lacks("word").items():
        if any(re.search(rf"(?<![\w-]){re.escape(word)}", sheet) for sheet in sheets):
            yield _lack(lack)


def _lack(lack: clients.Lack) -> Finding:
    who = ", ".join(lack.clients)
    return Finding(
        code="client-lacks",
        severity=lack.severity,
        place=_MAIL,
        about=lack.name,
        message=Said(ja=f"「{lack.name}」は{who}で使えません。", en=f"{who} lack “{lack.name}”."),
        remedy=Said(ja=lack.remedy_ja, en=lack.remedy_en),
    )


def _check_contrast(mail: _Mail) -> Iterator[Finding]:
    for low in find_low_contrast(mail.tree):
        colours = f"{low.colour} / {low.background}, {low.ratio:.1f}:1"
        ja, en = ("ダーク表示で", " in dark") if low.dark else ("", "")
        yield Finding(
            code="contrast",
            severity=Severity.WARNING,
            place=_MAIL,
            about=f"{low.colour} {low.background}{en}",
            message=Said(
                ja=f"{ja}「{low.text}」が読みにくい色です（{colours}）。",
                en=f"“{low.text}” is hard to read{en} ({colours}).",
            ),
            remedy=Said(
                ja="4.5:1以上（大きな文字は3:1以上）にしてください。",
                en="Make it 4.5:1 or more, 3:1 for large text.",
            ),
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
