"""How an issue is meant to be sent; what of that changed since its approval was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from newsletter.i18n.messages import msg, pmsg, written
from newsletter.i18n.values import Number, WallTime, Worded
from newsletter.mailings.ledger.schedule import (
    AT_ONCE,
    Schedule,
    schedule_from_json,
    schedule_to_json,
)
from newsletter.mailings.trials.subjects import SubjectTrial, trial_from_json, trial_to_json

_HOUR = timedelta(hours=1)
_NONE = written("–")


@dataclass(frozen=True, kw_only=True, slots=True)
class SendingPlan:
    """To whom and when an editor means to send an issue.

    Approval is of the content, the subjects of a trial included: another audience or hour does not
    void it, and is shown.

    Attributes:
        segment: The name of a saved segment, or a query; empty for everybody.
        query: What the segment asked for when approval was asked for, as it may ask for others
            since; empty where nobody asked.
        urgent: Whether it goes at once to those, too, who chose a digest, and is in none.
        trial: The subjects to be compared; None where all get the issue's own.
    """

    segment: str = ""
    query: str = ""
    schedule: Schedule = AT_ONCE
    urgent: bool = False
    trial: SubjectTrial | None = None


EVERYBODY_AT_ONCE = SendingPlan()


def plan_to_json(plan: SendingPlan) -> dict[str, Any]:
    """Return a plan as JSON that `plan_from_json` reads."""
    written: dict[str, Any] = {
        "segment": plan.segment,
        "query": plan.query,
        "schedule": schedule_to_json(plan.schedule),
        "urgent": plan.urgent,
    }
    return written | ({"trial": trial_to_json(plan.trial)} if plan.trial else {})


def plan_from_json(written: Mapping[str, Any]) -> SendingPlan:
    """Return what `plan_to_json` wrote."""
    trial = written.get("trial")
    return SendingPlan(
        segment=str(written.get("segment", "")),
        query=str(written.get("query", "")),
        schedule=schedule_from_json(written.get("schedule", {})),
        urgent=bool(written.get("urgent")),
        trial=trial_from_json(trial) if trial else None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanChange:
    """Something of a plan that is not as it was; both in words."""

    name: Worded
    before: Worded
    after: Worded


def plan_changes(before: SendingPlan | None, after: SendingPlan | None) -> Sequence[PlanChange]:
    """Return what of a plan is not as it was; nothing where either is not known."""
    if before is None or after is None:
        return ()
    if not before.query or not after.query:
        before, after = replace(before, query=""), replace(after, query="")
    names = [*_described(before)]
    return [
        PlanChange(name=name, before=was, after=now)
        for (name, was), (_, now) in zip(names, _described(after), strict=True)
        if was != now
    ]


def plan_facts(plan: SendingPlan) -> tuple[Worded, ...]:
    """Return to whom and when an issue goes, a line each."""
    named = list(_described(plan))[:2]
    return tuple(pmsg("plan", "{name}: {value}", name=name, value=value) for name, value in named)


def _described(plan: SendingPlan) -> Iterator[tuple[Worded, Worded]]:
    """Yield what a plan says, each with its name, always the same and in one order."""
    yield msg("To whom"), _audience(plan)
    yield msg("When"), _when(plan)
    spread = plan.schedule.spread
    yield msg("Spread over, in hours"), Number(spread / _HOUR)
    yield msg("Urgent"), msg("Yes") if plan.urgent else msg("No")
    trial = plan.trial
    yield msg("Subjects compared"), _subjects(trial)
    yield (
        msg("Recipients in the trial, in percent"),
        Number(trial.share) if trial else _NONE,
    )
    yield msg("Decide and send the rest at"), WallTime(trial.decide) if trial else _NONE


def _audience(plan: SendingPlan) -> Worded:
    if not plan.segment:
        return msg("Everyone")
    if plan.query in {"", plan.segment}:
        return written(plan.segment)
    return pmsg("plan", "{segment} ({query})", segment=plan.segment, query=plan.query)


def _when(plan: SendingPlan) -> Worded:
    hour = plan.schedule.hour
    if hour is None:
        return msg("As soon as it is approved and confirmed")
    if plan.schedule.everywhere:
        return pmsg("plan", "{time}, on each subscriber’s own clock", time=WallTime(hour))
    return WallTime(hour)


def _subjects(trial: SubjectTrial | None) -> Worded:
    if trial is None:
        return _NONE
    return written(
        " / ".join(
            f"{each.title} – {each.preheader}" if each.preheader else each.title
            for each in trial.others
        )
    )
