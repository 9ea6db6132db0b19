"""The progress of mailings, for the terminal and as JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from newsletter.cli.language import gettext as _
from newsletter.cli.language import label, styled, text
from newsletter.cli.state import look_again
from newsletter.database.vocabulary import DeliveryState, MailingKind, MailingState
from newsletter.errors import NewsletterError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.i18n.messages import Message
    from newsletter.mailings.reports.progress import Progress
    from newsletter.operations.acknowledgements import AlarmPlace

_POLL_SECONDS = 0.3
#: Seconds without progress after which the cause is looked for, and between two looks.
_STILL_SECONDS = 3.0
#: Alarms of processes that a command without Redis starts and checks itself.
_STARTED_HERE = frozenset({"no-worker", "no-beat", "no-rounds"})
_RESTING = frozenset({MailingState.FINISHED, MailingState.CANCELLED, MailingState.PAUSED})


def watch_mailing(
    engine: Engine,
    mailing_id: int,
    *,
    quiet: bool,
    redis_url: str = "",
    check: Callable[[], None] = lambda: None,
) -> Progress:
    """Show a progress bar until the mailing rests, or only deferred deliveries are left.

    While it makes no progress, the faults that explain it are printed on stderr.

    Args:
        engine: The database.
        mailing_id: The mailing.
        quiet: Whether no progress bar is shown.
        redis_url: The URL of Redis; empty if the command runs its own.
        check: Called before each look; its errors end the command.

    Raises:
        NewsletterError: The mailing cannot be watched any more; the error says that it is ordered.
    """
    from newsletter.cli.console import progress_bar
    from newsletter.mailings.reports.progress import progress

    with _outlived_by(mailing_id), progress_bar(_("Sending"), quiet=quiet) as bar:
        # The time counts from the first message, since workers start and plan before.
        task = bar.add_task("", total=None, start=False)
        obstacles = _Obstacles(engine, mailing_id, redis_url)
        while True:
            check()
            now = look_again(lambda: progress(engine, mailing_id))
            if now.settled > 0 and not bar.tasks[task].started:
                bar.start_task(task)
            bar.update(task, total=now.planned or None, completed=now.settled)
            if now.state in _RESTING or _only_deferred(now):
                return now
            obstacles.report(now)
            time.sleep(_POLL_SECONDS)


class _Obstacles:
    """Prints each fault once that keeps a watched mailing from making progress."""

    def __init__(self, engine: Engine, mailing_id: int, redis_url: str) -> None:
        self._engine, self._mailing_id, self._redis_url = engine, mailing_id, redis_url
        self._before: Progress | None = None
        self._look_at = time.monotonic() + _STILL_SECONDS
        self._reported: set[AlarmPlace] = set()

    def report(self, now: Progress) -> None:
        """Print the faults that are new, if the mailing made no progress for some seconds."""
        if now != self._before:
            self._before, self._look_at = now, time.monotonic() + _STILL_SECONDS
        elif time.monotonic() >= self._look_at:
            self._report_new()
            self._look_at = time.monotonic() + _STILL_SECONDS

    def _report_new(self) -> None:
        from newsletter.cli.console import errors
        from newsletter.cli.overview import alarm_line
        from newsletter.operations.alarms import find_flow_alarms
        from newsletter.operations.overview import look_at_flow

        seen = look_again(
            lambda: look_at_flow(self._engine, self._mailing_id, redis_url=self._redis_url)
        )
        found = [
            alarm
            for alarm in find_flow_alarms(seen)
            if alarm.place not in self._reported
            and (self._redis_url or alarm.kind not in _STARTED_HERE)
        ]
        if found and not self._reported:
            errors.print(text(_ordered(self._mailing_id)), soft_wrap=True)
        for alarm in found:
            errors.print(alarm_line(alarm), soft_wrap=True)
            self._reported.add(alarm.place)


@contextmanager
def _outlived_by(mailing_id: int) -> Iterator[None]:
    """Add to errors that the mailing is ordered, so that nobody orders it a second time."""
    from sqlalchemy.exc import SQLAlchemyError

    from newsletter.cli.console import errors
    from newsletter.cli.failures import explained

    order = _ordered(mailing_id)
    try:
        yield
    except KeyboardInterrupt:
        errors.print(text(order), soft_wrap=True)
        raise
    except (NewsletterError, SQLAlchemyError) as error:
        cause = error if isinstance(error, NewsletterError) else explained(error)
        remedy = cause.advice
        cause.advice = msg("{first} {then}", first=remedy, then=order) if remedy else order
        raise cause from error


def _ordered(mailing_id: int) -> Message:
    return msg(
        "Mailing {mailing} was ordered and continues as long as workers run: do not order it "
        "again. Watch it with: newsletter status --watch. End it with: "
        "newsletter mailing cancel {mailing}.",
        mailing=mailing_id,
    )


def _only_deferred(now: Progress) -> bool:
    return bool(now.planned) and 0 < now.of(DeliveryState.DEFERRED) == now.waiting


def as_json(now: Progress) -> dict[str, Any]:
    """Return a mailing's progress as JSON, with all states, including those without deliveries."""
    return {
        "mailing": now.mailing_id,
        "kind": now.kind.value,
        "state": now.state.value,
        "halt_reason": str(now.halt_reason or ""),
        "scheduled_at": now.scheduled_at.isoformat() if now.scheduled_at else None,
        "planned": now.planned,
        **{state.value: now.counts.get(state, 0) for state in DeliveryState},
    }


def show(*mailings: Progress) -> None:
    """Print mailings with two lines each: the mailing, and the results of its deliveries."""
    from newsletter.cli.console import console, planned_in_utc

    for now in mailings:
        values = {
            "subject": styled(now.subject),
            "mailing": now.mailing_id,
            "state": styled(label(now.state)),
        }
        console.print(
            _("{subject}  mailing {mailing} (test), {state}", **values)
            if now.kind is MailingKind.TEST
            else _("{subject}  mailing {mailing}, {state}", **values)
        )
        counted = [
            _("{count} {state}", count=Number(count), state=label(state))
            for state in DeliveryState
            if (count := now.counts.get(state))
        ]
        console.print(
            "  "
            + _(
                "{count} planned: {states}",
                count=Number(now.planned),
                states=", ".join(counted) or _("none yet"),
            )
        )
        if now.state is MailingState.SCHEDULED and now.scheduled_at is not None:
            console.print("  " + _("due {moment}", moment=planned_in_utc(now.scheduled_at)))
        if now.halt_reason:
            console.print(f"  {text(now.halt_reason)}")
