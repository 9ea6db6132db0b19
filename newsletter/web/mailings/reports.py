"""The report of a mailing as files for spreadsheets, and the counting of clicks.

Headings and labels are in the language of the account. Times are in its time zone with the offset
from UTC, which both spreadsheets and programs can read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import DeliveryState
from newsletter.database.words import name_of
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg, pmsg
from newsletter.i18n.values import Worded
from newsletter.mailings.ledger.outcomes import worded_reply
from newsletter.mailings.ledger.tallies import StateCounts
from newsletter.mailings.orders import actions as operations
from newsletter.mailings.reports.clicks import LinkClicks, clicks_of, follow
from newsletter.mailings.reports.reports import (
    MailingReport,
    MailingSummary,
    Missed,
    report_on,
    summarise,
)
from newsletter.mailings.reports.variants import VariantReport, report_variants
from newsletter.mailings.trials.decisions import TrialReport, report_trial
from newsletter.newsletters.actions import set_click_rule
from newsletter.spreadsheets import defuse
from newsletter.web.access import (
    SeeingVisit,
    Visit,
    doing,
    own,
)
from newsletter.web.head_requests import unless_by_head
from newsletter.web.mailings.progress import MAILING
from newsletter.web.routing import Router
from newsletter.web.site import site_of

router = Router(prefix=MAILING)
clicks_router = Router()


@router.get("/report.csv")
def _download_report(number: int, visit: SeeingVisit) -> Response:
    with reading(visit.engine) as session:
        mailing = summarise(session, own(visit), number, visit.site.figures)
        report = report_on(session, mailing, visit.site.figures)
        variants = report_variants(session, number)
        trial = report_trial(session, number)
        clicks = clicks_of(session, number)
    return figures_file(
        mailing,
        report.value,
        variants,
        trial,
        clicks,
        language=visit.language,
        time_zone=visit.time_zone,
    )


@router.get("/missed.csv")
def _download_missed(
    number: int, visit: Annotated[Visit, doing(Action.MAILING_EXPORT)]
) -> Response:
    missed = unless_by_head(
        visit.request,
        lambda: operations.export_missed(visit.engine, visit.actor, number, within=own(visit)),
    )
    return missed_file(missed, number, language=visit.language, time_zone=visit.time_zone)


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
    """Return the figures of a report with a row for each time, domain, variant and link."""

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
    """Return the recipients who got no copy of a mailing, or may have got none, and why."""

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
    """Return a moment in RFC 3339, with a space so that spreadsheets can read it."""
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


@clicks_router.api_route("/r/{token}", methods=["GET", "HEAD"])
def _go_on(token: str, request: Request) -> RedirectResponse:
    """Redirect to the link's target, and count a GET request in the sum of the link."""
    site = site_of(request)
    looks_ahead = "prefetch" in request.headers.get("sec-purpose", "")
    if request.method == "HEAD" or looks_ahead:
        with reading(site.engine) as session:
            url = follow(session, site.signer, token, count=False)
    else:
        with transaction(site.engine) as session:
            url = follow(session, site.signer, token, count=True)
    return RedirectResponse(url, status_code=302)


@clicks_router.post("/newsletters/{newsletter}/click-rule")
def _set_rule(
    newsletter: str,
    visit: Annotated[Visit, doing(Action.NEWSLETTER_CLICK_RULE)],
    issue_id: Annotated[int, Form()],
    counted: Annotated[str, Form(max_length=1)] = "",
) -> RedirectResponse:
    with transaction(visit.engine) as session:
        set_click_rule(session, visit.actor, own(visit), counted=bool(counted))
    target = f"/newsletters/{newsletter}/issues/{issue_id}/send?done=rule"
    return RedirectResponse(target, status_code=303)
