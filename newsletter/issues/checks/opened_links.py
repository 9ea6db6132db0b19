"""Checks of a draft's links by opening them: requested by an editor, run by a worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, delete, or_, select, update
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import LinkCheckRow
from newsletter.database.types import now
from newsletter.fetching import LinkOutcome, OpenedAddress, open_address
from newsletter.i18n.messages import Message, msg
from newsletter.issues.checks.findings import Finding, Severity
from newsletter.issues.drafts.saving import Draft
from newsletter.issues.model import Issue
from newsletter.issues.walking import walk_urls

#: The largest number of opened links of a draft, and of simultaneous requests.
_MOST, _AT_ONCE = 300, 6
#: Seconds after which no further links are opened; their state remains unknown.
_LONGEST = 120.0
#: After this time without a sign of life of the worker, another worker starts the check again.
_PATIENCE = timedelta(minutes=3)
_WEB = ("http://", "https://")
_WORDS: dict[LinkOutcome, tuple[Severity, Message, Message]] = {
    LinkOutcome.MISSING: (
        Severity.WARNING,
        msg("There is no such page any more:"),
        msg("Correct the link, or take it out."),
    ),
    LinkOutcome.FAILED: (
        Severity.WARNING,
        msg("The site answers with an error:"),
        msg("Open it in your browser; try again later if it is down."),
    ),
    LinkOutcome.UNKNOWN_HOST: (
        Severity.WARNING,
        msg("There is no such site:"),
        msg("Check how its name is written."),
    ),
    LinkOutcome.SILENT: (
        Severity.WARNING,
        msg("The site does not answer:"),
        msg("Open it in your browser; try again later if it is down."),
    ),
    LinkOutcome.UNTRUSTED: (
        Severity.WARNING,
        msg("The site's certificate is not valid; browsers warn of it:"),
        msg("Tell whoever runs the site, or link to another page."),
    ),
    LinkOutcome.ASTRAY: (
        Severity.WARNING,
        msg("The site redirects without end:"),
        msg("Open it in your browser and copy the address that it ends at."),
    ),
    LinkOutcome.FORBIDDEN: (
        Severity.WARNING,
        msg("The link leads into a private network:"),
        msg("Readers cannot open it. Link to a public address."),
    ),
    LinkOutcome.CLOSED: (
        Severity.HINT,
        msg("The site keeps programs out, so it could not be checked:"),
        msg("Open it in your browser once."),
    ),
    LinkOutcome.MOVED: (
        Severity.HINT,
        msg("The page has moved for good:"),
        msg("Link to its new address."),
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkCheck:
    """The state of a check of a draft's links.

    Attributes:
        finished_at: The end of the check; None while it is running.
        results: The results by URL.
    """

    asked_at: datetime
    finished_at: datetime | None
    results: dict[str, OpenedAddress]


def ask_to_open(session: Session, draft: Draft) -> int:
    """Request a check of a draft's links; return their number.

    A request during a check restarts it, since the text may have changed.
    """
    found = dict.fromkeys(url for _, url in walk_urls(draft.issue) if url.startswith(_WEB))
    urls = list(found)[:_MOST]
    session.execute(delete(LinkCheckRow).where(LinkCheckRow.draft_id == draft.id))
    session.add(LinkCheckRow(draft_id=draft.id, urls=urls))
    session.flush()
    return len(urls)


def next_waiting(engine: Engine) -> int | None:
    """Return the draft whose links should be checked next."""
    with reading(engine) as session:
        return session.scalar(
            select(LinkCheckRow.draft_id).where(*_waits()).order_by(LinkCheckRow.asked_at).limit(1)
        )


def _waits() -> tuple[ColumnElement[bool], ...]:
    long_ago = now() - _PATIENCE
    return (
        LinkCheckRow.finished_at.is_(None),
        or_(LinkCheckRow.started_at.is_(None), LinkCheckRow.started_at < long_ago),
    )


def open_links(
    engine: Engine, draft_id: int, *, opening: Callable[[str], OpenedAddress] = open_address
) -> None:
    """Open the links of a draft and store the results; do nothing if another worker does so."""
    with transaction(engine) as session:
        row = session.scalar(
            update(LinkCheckRow)
            .where(LinkCheckRow.draft_id == draft_id, *_waits())
            .values(started_at=now())
            .returning(LinkCheckRow)
        )
    if row is None:
        return
    ends = time.monotonic() + _LONGEST

    def open_in_time(url: str) -> OpenedAddress | None:
        return opening(url) if time.monotonic() < ends else None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        opened = [each for each in pool.map(open_in_time, row.urls) if each is not None]
    results = {
        each.url: {"outcome": each.outcome.value, "status": each.status, "final": each.final}
        for each in opened
    }
    with transaction(engine) as session:
        # The results do not apply to a request that was made meanwhile.
        session.execute(
            update(LinkCheckRow)
            .where(LinkCheckRow.draft_id == draft_id, LinkCheckRow.asked_at == row.asked_at)
            .values(results=results, finished_at=now())
        )


def find_check(session: Session, draft_id: int) -> LinkCheck | None:
    """Return the state of the check of a draft's links; None if there was no request."""
    row = session.get(LinkCheckRow, draft_id)
    if row is None:
        return None
    results = {
        url: OpenedAddress(
            url=url,
            outcome=LinkOutcome(str(found["outcome"])),
            status=int(found["status"]),
            final=str(found["final"]),
        )
        for url, found in (row.results or {}).items()
    }
    return LinkCheck(asked_at=row.asked_at, finished_at=row.finished_at, results=results)


def findings_of(issue: Issue, check: LinkCheck) -> Iterator[Finding]:
    """Yield findings about failed links that an issue still contains, each once."""
    reported = set()
    for place, url in walk_urls(issue):
        opened = check.results.get(url)
        if opened is None or url in reported or opened.outcome not in _WORDS:
            continue
        reported.add(url)
        severity, what, remedy = _WORDS[opened.outcome]
        status = f" ({opened.status})" if opened.status >= 400 else ""  # noqa: PLR2004 - errors
        onward = f" → {opened.final}" if opened.outcome is LinkOutcome.MOVED else ""
        yield Finding(
            code=f"link-{opened.outcome.value}",
            severity=severity,
            place=place,
            about=url,
            message=msg("{what} {url}", what=what, url=f"{url}{status}{onward}"),
            remedy=remedy,
        )
