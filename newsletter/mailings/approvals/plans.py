"""Sending plans: how an issue is to be sent, and what changed after approval was requested."""

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
    """The intended audience, time and subjects of an issue.

    Approval concerns the content, including the subjects of a trial. A changed audience or time
    does not make it invalid, but is shown.

    Attributes:
        segment: The name of a saved segment, or a query; empty for all subscribers.
        query: The segment's query when approval was requested, since saved segments can change;
            empty without a request.
        urgent: Whether readers of digests get it at once as well, and not in a digest.
        trial: The trial of subjects; None if all readers get the issue's own subject.
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
    """Return the plan that `plan_to_json` wrote."""
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
    """A changed property of a plan, before and after, as text."""

    name: Worded
    before: Worded
    after: Worded


def plan_changes(before: SendingPlan | None, after: SendingPlan | None) -> Sequence[PlanChange]:
    """Return the differences between two plans; empty if one of them is unknown."""
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
    """Return the audience, time and other properties of a plan, one line each."""
    named = list(_described(plan))[:2]
    return tuple(pmsg("plan", "{name}: {value}", name=name, value=value) for name, value in named)


def _described(plan: SendingPlan) -> Iterator[tuple[Worded, Worded]]:
    """Yield name and value of all properties of a plan, always in the same order."""
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
