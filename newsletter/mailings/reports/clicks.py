"""Clicks: counted as sums per link, without persons, if the newsletter counts clicks.

The links of a mailing are stored with numbers. In the mail, each link is replaced by a signed one
that contains the numbers of the mailing and the link. It is the same for all recipients, so a click
does not tell who clicked, and it redirects only to links of the mailing.
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
from newsletter.issues.events import read_event_name
from newsletter.issues.model import issue_from_json
from newsletter.issues.walking import walk_links
from newsletter.rendering.blocks import CALENDAR
from newsletter.rendering.model import RenderedIssue, WordedText
from newsletter.tokens import Purpose, TokenSigner, mark_of_mailing

#: A link without slots. Links with slots are personal and not counted.
_HREF = re.compile(r'(<a\b[^<>]*?\shref=")(https?://[^"]+)(")')
#: The path of an event's calendar file, with its digest.
_CALENDAR_FILE = re.compile(r"/files/([0-9a-f]{32})\.ics$")


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkClicks:
    """The clicks of a link.

    Attributes:
        headline: The headline of the first part of the issue that contains the link; empty for the
            lead.
        label: The link's text there, if it is not the URL.
    """

    url: str
    clicks: int
    headline: str = ""
    label: str = ""


def counted_urls(html: WordedText) -> tuple[str, ...]:
    """Return the links of a mail that can be counted, without duplicates, in order."""
    texts = (part for part in html if isinstance(part, str))
    return tuple(dict.fromkeys(unescape(m[2]) for text in texts for m in _HREF.finditer(text)))


def keep_links(session: Session, mailing_id: int, html: WordedText, *, subjects: int = 1) -> None:
    """Store the links of a mailing; each subject has its own numbers."""
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
    """Return the number of the first link in the mails with a subject."""
    return 1 + subject * len(urls)


def add_links(session: Session, mailing_id: int, html: WordedText) -> tuple[str, ...]:
    """Store the new links of a corrected mailing; return all its links, in order of their numbers.

    Earlier links keep their numbers, since copies with them have been sent.
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
    """Return the mail with counted links in the HTML body; the text body is unchanged.

    ``urls`` are all links of the mailing in order of their numbers, if this mail has only some of
    them; ``first`` is the number of the first one.
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
    """Return the target of a counted link, and count the click.

    Raises:
        TokenError: The token is not valid, or its mailing does not exist any more.
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
    """Return a mailing's counted links, by number of clicks; empty if clicks are not counted."""
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
    """Return the number of clicks of a mailing; None if clicks are not counted."""
    return session.scalar(
        select(func.sum(MailingLinkRow.clicks)).where(MailingLinkRow.mailing_id == mailing_id)
    )


def clicks_by_subject(session: Session, mailing_id: int) -> Mapping[int, int]:
    """Return the number of clicks by the index of the mail's subject."""
    rows = session.execute(
        select(MailingLinkRow.subject, func.sum(MailingLinkRow.clicks))
        .where(MailingLinkRow.mailing_id == mailing_id)
        .group_by(MailingLinkRow.subject)
    )
    return {subject: int(count) for subject, count in rows}


def _places(session: Session, mailing_id: int) -> dict[str, tuple[str, str]]:
    """Return headline and text of each link, by URL.

    Links that a correction removed have their earlier headline and text.
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
    """Return headline and text of each link to an event's calendar file, by URL."""
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
