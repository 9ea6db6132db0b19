"""Audience, time and manner of sending in forms and URLs; changes of the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from typing import Annotated, TypedDict
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, Form, Request
from pydantic import BaseModel, StringConstraints
from sqlalchemy import Engine

from newsletter.database.vocabulary import MailingState
from newsletter.errors import NewsletterError, Place
from newsletter.mailings.approvals.plans import SendingPlan
from newsletter.mailings.ledger.schedule import (
    MISSED,
    ProposedTime,
    Schedule,
    read_hour,
    read_spread,
)
from newsletter.mailings.orders.rescheduling import hour_of, reschedule, times_shown
from newsletter.mailings.reports.reports import MailingSummary
from newsletter.mailings.trials.decisions import TrialReport
from newsletter.mailings.trials.subjects import SubjectTrial, read_subjects, read_trial
from newsletter.rendering.model import Subject
from newsletter.web.access import Visit, own

_Field = Annotated[str, Form(max_length=4000)]
_Fields = Annotated[list[str] | None, Form(max_length=8)]
#: Fields of which each form has at least one.
_NAMES = frozenset({"segment", "when", "hour", "everywhere", "over", "urgent"})
#: Rows that are read from a form; a rule elsewhere limits the subjects.
_MOST_ROWS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class SendChoice:
    """The fields of the form as they were entered; a confirmation includes them."""

    segment: str = ""
    when: str = "now"
    hour: str = ""
    everywhere: bool = False
    over: str = "0"
    urgent: bool = False
    subjects: tuple[str, ...] = ()
    preheaders: tuple[str, ...] = ()
    share: str = "20"
    decide: str = ""

    @classmethod
    def of(cls, plan: SendingPlan | None, *, proposed: ProposedTime | None = None) -> SendChoice:
        """Return the form of a plan; without a plan, the initial form.

        ``proposed`` has the initial values of what the plan leaves open.
        """
        begins = proposed.hour.isoformat(timespec="minutes") if proposed else ""
        decide = proposed.decide.isoformat(timespec="minutes") if proposed else ""
        if plan is None:
            when = "later" if proposed and proposed.is_usual else "now"
            return cls(when=when, hour=begins, decide=decide)
        hour, trial = plan.schedule.hour, plan.trial
        over = plan.schedule.spread.total_seconds() / 3600
        return cls(
            segment=plan.segment,
            when="later" if hour else "now",
            hour=hour.isoformat(timespec="minutes") if hour else begins,
            everywhere=plan.schedule.everywhere,
            over=f"{over:g}",
            urgent=plan.urgent,
            subjects=tuple(each.title for each in trial.others) if trial else (),
            preheaders=tuple(each.preheader for each in trial.others) if trial else (),
            share=str(trial.share) if trial else "20",
            decide=trial.decide.isoformat(timespec="minutes") if trial else decide,
        )

    @classmethod
    def asked_in(cls, request: Request) -> SendChoice | None:
        """Return the choice in the query of a page's URL; None if there is none."""
        asked = request.query_params
        if asked.keys().isdisjoint(_NAMES):
            return None
        return cls(
            segment=asked.get("segment", ""),
            when=asked.get("when", "now"),
            hour=asked.get("hour", ""),
            everywhere=bool(asked.get("everywhere")),
            over=asked.get("over", "0"),
            urgent=bool(asked.get("urgent")),
            **_trial_fields(
                asked.getlist("subject"),
                asked.getlist("preheader"),
                asked.get("share", "20"),
                asked.get("decide", ""),
            ),
        )

    def begun_with(self, proposed: ProposedTime) -> SendChoice:
        """Return the choice with the proposed times where none is chosen and none is missing."""
        hour = self.hour or proposed.hour.isoformat(timespec="minutes")
        decide = self.decide or proposed.decide.isoformat(timespec="minutes")
        return replace(
            self,
            hour=self.hour if self.when == "later" else hour,
            decide=self.decide if self.subjects else decide,
        )

    @classmethod
    def of_subjects(cls, request: Request) -> SendChoice:
        """Return only the subjects to compare from the query of a page's URL."""
        asked = request.query_params
        return cls(**_trial_fields(asked.getlist("subject"), asked.getlist("preheader"), "20", ""))

    def query(self) -> str:
        """Return the choice as the query of a URL."""
        fields = {"segment": self.segment, "when": self.when, "hour": self.hour, "over": self.over}
        boxes = {"everywhere": self.everywhere, "urgent": self.urgent}
        fields |= {name: "1" for name, ticked in boxes.items() if ticked}
        return urlencode([*fields.items(), *self.trial_fields()])

    def trial_fields(self) -> Sequence[tuple[str, str]]:
        """Return the fields of the trial for a form or a URL."""
        if not self.subjects:
            return ()
        others = [*zip(self.subjects, self.preheaders, strict=True)]
        return [
            *(("subject", subject) for subject, _ in others),
            *(("preheader", preheader) for _, preheader in others),
            ("share", self.share),
            ("decide", self.decide),
        ]

    def trial(self) -> SubjectTrial | None:
        """Return the trial of subjects; None if there is only the issue's own subject.

        Raises:
            ContentError: A subject, the share or the time is invalid.
        """
        return read_trial(self.subjects, self.preheaders, self.share, self.decide)

    def others(self) -> tuple[Subject, ...]:
        """Return the subjects to compare with the issue's own.

        Raises:
            ContentError: A subject is invalid, or there are too many.
        """
        return read_subjects(self.subjects, self.preheaders)

    def schedule(self) -> Schedule:
        """Return the chosen time of sending.

        Raises:
            ContentError: The time is invalid.
            ConflictError: The duration is negative or more than a week.
        """
        later = self.when == "later"
        return Schedule(
            hour=read_hour(self.hour) if later else None,
            everywhere=self.everywhere and later,
            spread=read_spread(self.over),
        )

    def plan(self) -> SendingPlan:
        """Return the plan, as it is shown to an approver.

        Raises:
            ContentError: The time or the trial of subjects is invalid.
            ConflictError: The duration is negative or more than a week.
        """
        return SendingPlan(
            segment=self.segment,
            schedule=self.schedule(),
            urgent=self.urgent,
            trial=self.trial(),
        )


def read_choice(
    *,
    segment: _Field = "",
    when: _Field = "now",
    hour: _Field = "",
    everywhere: _Field = "",
    over: _Field = "0",
    urgent: _Field = "",
    subject: _Fields = None,
    preheader: _Fields = None,
    share: _Field = "20",
    decide: _Field = "",
) -> SendChoice:
    """Return the choice of a submitted form."""
    return SendChoice(
        segment=segment,
        when=when,
        hour=hour,
        everywhere=bool(everywhere),
        over=over,
        urgent=bool(urgent),
        **_trial_fields(subject or (), preheader or (), share, decide),
    )


class _TrialFields(TypedDict):
    subjects: tuple[str, ...]
    preheaders: tuple[str, ...]
    share: str
    decide: str


def _trial_fields(
    subjects: Sequence[str], preheaders: Sequence[str], share: str, decide: str
) -> _TrialFields:
    """Return the trial's fields, each subject with its preheader, without blank rows.

    Without subjects there is no trial, although its share and time are in every form.
    """
    rows = list(zip_longest(subjects, preheaders, fillvalue=""))[:_MOST_ROWS]
    others = [(subject, preheader) for subject, preheader in rows if subject.strip()]
    if not others:
        return {"subjects": (), "preheaders": (), "share": "20", "decide": ""}
    return {
        "subjects": tuple(subject for subject, _ in others),
        "preheaders": tuple(preheader for _, preheader in others),
        "share": share,
        "decide": decide,
    }


def faults_of(error: NewsletterError | None) -> Mapping[str, NewsletterError]:
    """Return the error by the field that it names; empty if it names none."""
    return {error.field: error} if error and error.field else {}


ChoiceForm = Annotated[SendChoice, Depends(read_choice)]


_Short = Annotated[str, StringConstraints(max_length=500)]


def hours_of(
    mailing: MailingSummary, trial: TrialReport | None, zone: str
) -> Mapping[str, str] | None:
    """Return the local times of a mailing; None if its time cannot be changed."""
    due = hour_of(mailing)
    if due is None:
        return None

    def shown(moment: datetime) -> str:
        local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        return local.isoformat(timespec="minutes")

    return {
        "hour": mailing.local_hour or shown(due),
        "decide": shown(trial.decide_at) if trial else "",
        "shown": times_shown(due, trial.decide_at if trial else None),
    }


class TypedHour(BaseModel):
    """The form for another time of a mailing.

    Attributes:
        hour: The time of the start.
        decide: The time of the decision on the subject; if empty, as long after the start as now.
        shown: The times that the form showed.
    """

    hour: _Short = ""
    decide: _Short = ""
    shown: _Short = ""


HourForm = Annotated[TypedHour, Form()]


def move_to_typed_hour(engine: Engine, visit: Visit, number: int, typed: TypedHour) -> str:
    """Change the time of a mailing; return the query of the page with the notice about it.

    Raises:
        ConflictError: The time is not possible, or somebody else changed it meanwhile.
        ContentError: The input is not a time.
    """
    decide = typed.decide
    before = reschedule(
        engine,
        visit.actor,
        number,
        hour=read_hour(typed.hour, Place(field="hour")),
        decide=read_hour(decide, Place(field="decide")) if decide.strip() else None,
        shown=typed.shown,
        within=own(visit),
    )
    return urlencode({"done": "moved", "was": before.isoformat()})


def holds_after_change(mailing: MailingSummary) -> bool:
    """Return whether a mailing remains paused after its time was changed."""
    return mailing.state is MailingState.PAUSED and mailing.halt_reason != MISSED


def moment_before(request: Request) -> datetime | None:
    """Return the previous time in the query of the page that is shown after a change."""
    try:
        moment = datetime.fromisoformat(request.query_params.get("was", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
