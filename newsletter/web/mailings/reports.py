"""The report of a mailing, as files for spreadsheets."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import Engine

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading
from newsletter.mailings.orders import actions as operations
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.mailings.reports.clicks import clicks_of
from newsletter.mailings.reports.reports import report_on, summarise
from newsletter.mailings.reports.variants import report_variants
from newsletter.mailings.trials.decisions import report_trial
from newsletter.web.access import (
    SeeingVisit,
    Visit,
    doing,
    own,
)
from newsletter.web.head_requests import unless_by_head
from newsletter.web.mailings.progress import MAILING
from newsletter.web.mailings.report_files import figures_file, missed_file
from newsletter.web.routing import Router


def report_router(engine: Engine, figures: Figures) -> Router:
    """Return the routes of a report's files."""
    router = Router(prefix=MAILING)

    @router.get("/report.csv")
    def download_report(number: int, visit: SeeingVisit) -> Response:
        with reading(engine) as session:
            mailing = summarise(session, own(visit), number, figures)
            report = report_on(session, mailing, figures)
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
    def download_missed(
        number: int, visit: Annotated[Visit, doing(Action.MAILING_EXPORT)], request: Request
    ) -> Response:
        missed = unless_by_head(
            request,
            lambda: operations.export_missed(engine, visit.actor, number, within=own(visit)),
        )
        return missed_file(missed, number, language=visit.language, time_zone=visit.time_zone)

    return router
