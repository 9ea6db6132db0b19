"""Clicks, where a newsletter counts them: as sums, without persons, through signed links.

The links of a mailing are numbered and kept; its mail carries, in their place, an address that
names mailing and number under a signature. It is the same for every recipient, so a click says
nothing about who clicked, and it leads only where the mailing's own mail led.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape, unescape

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from newsletter.database.tables import CorrectionRow, FileRow, IssueRow, MailingLinkRow, MailingRow
from newsletter.errors import TokenError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.issues.calendars import read_event_name
from newsletter.issues.model import issue_from_json
from newsletter.issues.walking import walk_links
from newsletter.rendering.blocks import CALENDAR
from newsletter.rendering.model import RenderedIssue, WordedText
from newsletter.tokens import Purpose, TokenSigner, mark_of_mailing

#: A link that stands in the mail as it is; one that holds a slot is personal, and not counted.
_HREF = re.compile(r'(<a\b[^<>]*?\shref=")(https?://[^"]+)(")')
#: Where an event's calendar file lies, by its digest.
_CALENDAR_FILE = re.compile(r"/files/([0-9a-f]{32})\.ics$")


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkClicks:
    """How often a link was followed.

    Attributes:
        headline: Of the part of the issue that it stands in first; empty in the lead.
        label: The words that readers follow it by there, where they are others than the URL.
    """

    url: str
    clicks: int
    headline: str = ""
    label: str = ""


def counted_urls(html: WordedText) -> tuple[str, ...]:
    """Return the links of a mail that can be counted, each once, in the order of reading."""
    texts = (part for part in html if isinstance(part, str))
    return tuple(dict.fromkeys(unescape(m[2]) for text in texts for m in _HREF.finditer(text)))


def keep_links(session: Session, mailing_id: int, html: WordedText, *, subjects: int = 1) -> None:
    """Write down where the links of a mailing lead; each subject has numbers of its own."""
    urls = counted_urls(html)
    session.add_all(
        MailingLinkRow(
            mailing_id=mailing_id,
            number=first_link(urls, subject) + place,
            url=url,
            subject=subject,
        )
        for subject in range(subjects)
        for place, url in enumerate(urls)
    )


def first_link(urls: Sequence[str], subject: int) -> int:
    """Return the number of a mailing's first link in the mails with one of its subjects."""
    return 1 + subject * len(urls)


def add_links(session: Session, mailing_id: int, html: WordedText) -> tuple[str, ...]:
    """Add where the links of a corrected mailing lead; return all of its links by their numbers.

    Those that it had before keep theirs, as copies with them are read on.
    """
    rows = session.scalars(
        select(MailingLinkRow.url)
        .where(MailingLinkRow.mailing_id == mailing_id)
        .order_by(MailingLinkRow.number)
    )
    known = tuple(rows)
    added = tuple(url for url in counted_urls(html) if url not in known)
    session.add_all(
        MailingLinkRow(mailing_id=mailing_id, number=number, url=url)
        for number, url in enumerate(added, start=len(known) + 1)
    )
    return known + added


def with_counted_links(
    rendered: RenderedIssue,
    *,
    mailing_id: int,
    identity: str,
    public_url: str,
    signer: TokenSigner,
    urls: Sequence[str] = (),
    first: int = 1,
) -> RenderedIssue:
    """Return the mail with its links leading through ours; the plain text keeps its own.

    ``urls`` are the mailing's links in the order of their numbers, where this mail has only some;
    ``first`` is the number of the first of them.
    """
    base, mark = f"{public_url.rstrip('/')}/r/", mark_of_mailing(identity)
    counted = {
        url: base + signer.sign(Purpose.CLICK, mailing_id, number, mark)
        for number, url in enumerate(urls or counted_urls(rendered.html), start=first)
    }
    lead = _leading(counted)
    html = tuple(_HREF.sub(lead, part) if isinstance(part, str) else part for part in rendered.html)
    return replace(rendered, html=html)


def _leading(counted: dict[str, str]) -> Callable[[re.Match[str]], str]:
    return lambda found: (
        found[1] + escape(counted[url]) + found[3]
        if (url := unescape(found[2])) in counted
        else found[0]
    )


def follow(session: Session, signer: TokenSigner, token: str, *, count: bool) -> str:
    """Return where a counted link leads, and add one to its sum.

    Raises:
        TokenError: The token is none of ours, or its mailing is gone; its number may be another's.
    """
    match signer.read(Purpose.CLICK, token):
        case (mailing_id, number):
            mark = None
        case (mailing_id, number, mark):
            pass
        case _:
            raise TokenError(msg("This link is for a different purpose."))
    row = (MailingLinkRow.mailing_id == mailing_id, MailingLinkRow.number == number)
    found = session.execute(
        select(MailingLinkRow.url, MailingRow.identity)
        .join(MailingRow, MailingRow.id == MailingLinkRow.mailing_id)
        .where(*row)
    ).one_or_none()
    if found is None or mark not in {None, mark_of_mailing(found.identity)}:
        raise TokenError(msg("The mailing that this link belongs to no longer exists."))
    if count:
        session.execute(update(MailingLinkRow).where(*row).values(clicks=MailingLinkRow.clicks + 1))
    return str(found.url)


def clicks_of(session: Session, mailing_id: int) -> Sequence[LinkClicks]:
    """Return a mailing's counted links, the most followed first; none where it counts none."""
    clicks = func.sum(MailingLinkRow.clicks)
    rows = session.execute(
        select(MailingLinkRow.url, clicks)
        .where(MailingLinkRow.mailing_id == mailing_id)
        .group_by(MailingLinkRow.url)
        .order_by(clicks.desc(), func.min(MailingLinkRow.number))
    )
    places = _places(session, mailing_id)
    counted = [(url, int(count)) for url, count in rows]
    places |= _calendars(session, mailing_id, (url for url, _count in counted if url not in places))
    named = [(url, count, *places.get(url, ("", ""))) for url, count in counted]
    return [
        LinkClicks(url=url, clicks=count, headline=headline, label=label)
        for url, count, headline, label in named
    ]


def count_clicks(session: Session, mailing_id: int) -> int | None:
    """Return how often any link of a mailing was followed; None where it counts none."""
    return session.scalar(
        select(func.sum(MailingLinkRow.clicks)).where(MailingLinkRow.mailing_id == mailing_id)
    )


def clicks_by_subject(session: Session, mailing_id: int) -> Mapping[int, int]:
    """Return how often links were followed in the mails with each of a mailing's subjects."""
    rows = session.execute(
        select(MailingLinkRow.subject, func.sum(MailingLinkRow.clicks))
        .where(MailingLinkRow.mailing_id == mailing_id)
        .group_by(MailingLinkRow.subject)
    )
    return {subject: int(count) for subject, count in rows}


def _places(session: Session, mailing_id: int) -> dict[str, tuple[str, str]]:
    """Return under which headline each link stands first, and by which words.

    What a correction removed is named as it was before.
    """
    mailing = session.get(MailingRow, mailing_id)
    if mailing is None or mailing.issue_id is None:
        return {}
    now = session.scalars(select(IssueRow.content).where(IssueRow.id == mailing.issue_id))
    before = session.scalars(
        select(CorrectionRow.before)
        .where(CorrectionRow.issue_id == mailing.issue_id, CorrectionRow.before.is_not(None))
        .order_by(CorrectionRow.number.desc())
    )
    found: dict[str, tuple[str, str]] = {}
    for content in filter(None, (*now, *before)):
        for place, url, words in walk_links(issue_from_json(content)):
            label = " ".join(words.split())
            found.setdefault(url, (place.heading, "" if label == url else label))
    return found


def _calendars(
    session: Session, mailing_id: int, urls: Iterable[str]
) -> dict[str, tuple[str, str]]:
    """Return of the links to events' calendar files what each event is called, and their words."""
    by_digest = {found[1]: url for url in urls if (found := _CALENDAR_FILE.search(url))}
    if not by_digest:
        return {}
    language = session.scalars(
        select(IssueRow.language)
        .join(MailingRow, MailingRow.issue_id == IssueRow.id)
        .where(MailingRow.id == mailing_id)
    ).one_or_none()
    words = CALENDAR.in_language(language or Language.ENGLISH)
    files = session.execute(
        select(FileRow.digest, FileRow.content).where(FileRow.digest.in_(by_digest))
    )
    return {
        by_digest[digest]: (read_event_name(content.decode()), words) for digest, content in files
    }
