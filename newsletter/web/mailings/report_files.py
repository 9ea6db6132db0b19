"""Figures of a mailing and who was missed, as CSV for spreadsheets.

Heads and names are in the language of whoever downloads them, times on their clock with its
distance from UTC, which spreadsheets and programs read alike.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi.responses import StreamingResponse

from newsletter.database.vocabulary import DeliveryState
from newsletter.database.words import name_of
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg, pmsg
from newsletter.i18n.values import Worded
from newsletter.mailings.ledger.outcomes import worded_reply
from newsletter.mailings.ledger.tallies import StateCounts
from newsletter.mailings.reports.clicks import LinkClicks
from newsletter.mailings.reports.reports import MailingReport, MailingSummary, Missed
from newsletter.mailings.reports.variants import VariantReport
from newsletter.mailings.trials.decisions import TrialReport
from newsletter.spreadsheets import defuse

_ALL = pmsg("figures", "All")
_TIME = pmsg("figures", "Time")
_DOMAIN = pmsg("figures", "Domain")
_SUBJECT = pmsg("figures", "Subject")
_PARTS = pmsg("figures", "Parts")
_AFTERWARDS = pmsg("figures", "Afterwards")
_CLICKS = pmsg("figures", "Clicks")
_CLICKS_BY_SUBJECT = pmsg("figures", "Clicks by subject")


def figures_file(
    mailing: MailingSummary,
    report: MailingReport,
    variants: VariantReport,
    trial: TrialReport | None,
    clicks: Sequence[LinkClicks],
    *,
    language: Language,
    time_zone: str,
) -> StreamingResponse:
    """Return the figures of a report: a row for each time, domain, variant and link."""

    def counted(by: Worded, value: str, counts: StateCounts) -> tuple[Worded | str, ...]:
        return (by, value, *(str(counts.get(state, 0)) for state in DeliveryState))

    def rows() -> Iterator[tuple[Worded | str, ...]]:
        yield (
            pmsg("figures", "By"),
            pmsg("figures", "Value"),
            *(name_of(state) for state in DeliveryState),
        )
        yield counted(_ALL, "", mailing.counts)
        for moment, counts in report.by_time:
            yield counted(_TIME, _on_clock(moment, time_zone), counts)
        for domain, counts in report.by_domain:
            others = pmsg("figures", "Others").in_language(language)
            yield counted(_DOMAIN, domain or others, counts)
        for subject, counts in variants.by_subject:
            undecided = pmsg("figures", "Not decided yet").in_language(language)
            yield counted(_SUBJECT, subject or undecided, counts)
        for parts, counts in variants.by_parts:
            yield counted(_PARTS, parts.in_language(language), counts)
        for name, count in (
            (msg("Unsubscribed"), mailing.unsubscribed),
            (msg("Complaints"), mailing.complaints),
            (msg("Bounced later"), mailing.bounced),
        ):
            yield (_AFTERWARDS, name, str(count))
        for each in trial.subjects if trial else ():
            yield (_CLICKS_BY_SUBJECT, f"{each.letter} {each.title}", str(each.whole.clicks))
        for link in clicks:
            yield (_CLICKS, link.url, str(link.clicks), link.headline, link.label)

    return _csv(rows(), f"mailing-{mailing.mailing_id}.csv", language)


def missed_file(
    missed: Iterable[Missed], number: int, *, language: Language, time_zone: str
) -> StreamingResponse:
    """Return who got no copy of a mailing, or may not have, and why."""

    def rows() -> Iterator[tuple[Worded | str, ...]]:
        yield (
            pmsg("figures", "Address"),
            pmsg("figures", "State"),
            _TIME,
            pmsg("figures", "Status code"),
            pmsg("figures", "Reply"),
        )
        for address, state, at, status, reply in missed:
            moment = _on_clock(at, time_zone) if at else ""
            yield (address, name_of(state), moment, status, worded_reply(reply))

    return _csv(rows(), f"mailing-{number}-missed.csv", language)


def _on_clock(moment: datetime, time_zone: str) -> str:
    """Write a moment as RFC 3339 does, with a space that spreadsheets read."""
    local = moment.astimezone(ZoneInfo(time_zone) if time_zone else None)
    return local.isoformat(sep=" ", timespec="seconds")


def _csv(
    rows: Iterable[tuple[Worded | str, ...]], name: str, language: Language
) -> StreamingResponse:
    def lines() -> Iterator[str]:
        yield "\ufeff"
        for row in rows:
            line = io.StringIO()
            cells = (
                cell.in_language(language) if isinstance(cell, Worded) else cell for cell in row
            )
            csv.writer(line).writerow([defuse(cell) for cell in cells])
            yield line.getvalue()

    return StreamingResponse(
        lines(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
