"""The page of a newsletter's growth, which shows only sums and no addresses."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.database.words import name_of
from newsletter.i18n.formats import format_day, format_year_month
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.newsletters.publications import day_in
from newsletter.web.access import SeeingVisit, newsletter_of
from newsletter.web.charts import balance_bars, line_chart
from newsletter.web.pages import show_page
from newsletter.web.routing import Router
from subscribers.growth import Growth, Period, PeriodLength, measure_growth
from subscribers.leaving import LeaveReasons, leave_reasons_since

router = Router(prefix="/newsletters/{newsletter}/subscribers")


@router.get("/growth")
def _show_growth(visit: SeeingVisit, by: str = "") -> HTMLResponse:
    step = PeriodLength(by) if by in set(PeriodLength) else PeriodLength.WEEK
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        today = day_in(row)

        def measure(own: Session) -> Growth:
            return measure_growth(own, row.id, today, step=step)

        growth = visit.site.figures.of(session, ("growth", row.id, today, step), measure).value
        since = growth.since(ZoneInfo(row.time_zone))

        def find_reasons(own: Session) -> LeaveReasons:
            return leave_reasons_since(own, row.id, since)

        reasons = visit.site.figures.of(
            session, ("left because", row.id, since), find_reasons
        ).value
    return show_page(
        visit,
        "subscribers/growth.html",
        newsletter=row,
        growth=growth,
        step=step,
        steps=list(PeriodLength),
        chart=balance_bars([(each.joins, each.leaves) for each in growth.periods]),
        line=line_chart([growth.before, *(each.readers for each in growth.periods)]),
        name_of=name_of,
        begun=_begun(growth),
        names=[_name(each, step, visit.language) for each in growth.periods],
        since=_beginning(growth.periods[0], step, visit.language),
        reasons=reasons,
    )


def _begun(growth: Growth) -> int:
    """Return the number of leading periods without readers and losses, at most all but one."""
    has_any = [bool(each.readers or each.joins or each.leaves) for each in growth.periods]
    return has_any.index(True) if any(has_any) else max(0, len(has_any) - 1)


def _name(period: Period, step: PeriodLength, language: Language) -> str:
    beginning = _beginning(period, step, language)
    if step is PeriodLength.WEEK:
        return msg("Week of {day}", day=beginning).in_language(language)
    return beginning


def _beginning(period: Period, step: PeriodLength, language: Language) -> str:
    """Return the month for periods of months, else the first day."""
    if step is PeriodLength.MONTH:
        return format_year_month(period.first, language)
    return format_day(period.first, language)
