"""The progress of mailings, for the terminal and as JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from newsletter.cli.language import gettext as _
from newsletter.cli.language import label, styled, text
from newsletter.cli.state import look_again
from newsletter.database.vocabulary import DeliveryState, MailingState
from newsletter.errors import NewsletterError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.mailings.reports.progress import Progress

_POLL_SECONDS = 0.3
_RESTING = frozenset({MailingState.FINISHED, MailingState.CANCELLED, MailingState.PAUSED})


def watch_mailing(
    engine: Engine, mailing_id: int, *, quiet: bool, check: Callable[[], None] = lambda: None
) -> Progress:
    """Show a progress bar until the mailing rests, or only deferred deliveries are left.

    Raises:
        NewsletterError: The mailing cannot be watched any more; the error says that it is ordered.
    """
    from newsletter.cli.console import progress_bar
    from newsletter.mailings.reports.progress import progress

    with _outlived_by(mailing_id), progress_bar(_("Sending"), quiet=quiet) as bar:
        # The time counts from the first message, since workers start and plan before.
        task = bar.add_task("", total=None, start=False)
        while True:
            check()
            now = look_again(lambda: progress(engine, mailing_id))
            if now.settled > 0 and not bar.tasks[task].started:
                bar.start_task(task)
            bar.update(task, total=now.planned or None, completed=now.settled)
            if now.state in _RESTING or _only_deferred(now):
                return now
            time.sleep(_POLL_SECONDS)


@contextmanager
def _outlived_by(mailing_id: int) -> Iterator[None]:
    """Add to errors that the mailing is ordered, so that nobody orders it a second time."""
    from sqlalchemy.exc import SQLAlchemyError

    from newsletter.cli.console import errors
    from newsletter.cli.failures import explained

    order = msg(
        "Mailing {mailing} was ordered and continues as long as workers run: do not order it "
        "again. Watch it with: newsletter status --watch. End it with: "
        "newsletter mailing cancel {mailing}.",
        mailing=mailing_id,
    )
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


def _only_deferred(now: Progress) -> bool:
    return bool(now.planned) and 0 < now.of(DeliveryState.DEFERRED) == now.waiting


def as_json(now: Progress) -> dict[str, Any]:
    """Return a mailing's progress as JSON, with all states, including those without deliveries."""
    return {
        "mailing": now.mailing_id,
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
        console.print(
            _(
                "{subject}  mailing {mailing}, {state}",
                subject=styled(now.subject),
                mailing=now.mailing_id,
                state=styled(label(now.state)),
            )
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
