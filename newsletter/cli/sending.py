"""Sending and watching: what ``send``, ``status`` and ``demo`` have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.markup import escape
from sqlalchemy import Engine

from newsletter.cli.console import console, progress_bar
from newsletter.database.vocabulary import DeliveryState, MailingState
from newsletter.mailings.mailings import Progress, progress

_POLL_SECONDS = 0.3
_RESTING = frozenset({MailingState.FINISHED, MailingState.CANCELLED, MailingState.PAUSED})


def watch_mailing(
    engine: Engine, mailing_id: int, *, quiet: bool, check: Callable[[], None] = lambda: None
) -> Progress:
    """Show a bar until the mailing rests, or nothing but deferred deliveries waits."""
    with progress_bar("Sending", quiet=quiet) as bar:
        # The clock runs from the first message on: before, the workers only start and plan.
        task = bar.add_task("", total=None, start=False)
        while True:
            check()
            now = progress(engine, mailing_id)
            if now.settled > 0 and not bar.tasks[task].started:
                bar.start_task(task)
            bar.update(task, total=now.planned or None, completed=now.settled)
            if now.state in _RESTING or _only_deferred(now):
                return now
            time.sleep(_POLL_SECONDS)


def _only_deferred(now: Progress) -> bool:
    deferred = now.counts.get(DeliveryState.DEFERRED, 0)
    return bool(now.planned) and 0 < deferred == now.planned - now.settled


def as_json(now: Progress) -> dict[str, Any]:
    """Return a mailing's progress for machines; every state is named, also those with none."""
    return {
        "mailing": now.mailing_id,
        "state": now.state.value,
        "halt_reason": now.halt_reason,
        "scheduled_at": now.scheduled_at.isoformat() if now.scheduled_at else None,
        "planned": now.planned,
        **{state.value: now.counts.get(state, 0) for state in DeliveryState},
    }


def show(*mailings: Progress) -> None:
    """Print mailings, two lines each: what it is, and what became of its deliveries."""
    for now in mailings:
        console.print(
            f"[bold]{escape(now.subject)}[/]  mailing {now.mailing_id}, [bold]{now.state.value}[/]"
        )
        counted = [
            f"{count:,} {state.value}"
            for state in DeliveryState
            if (count := now.counts.get(state))
        ]
        console.print(f"  {now.planned:,} planned: {', '.join(counted) or 'none yet'}")
        if now.state is MailingState.SCHEDULED and now.scheduled_at is not None:
            console.print(f"  due {now.scheduled_at:%Y-%m-%d %H:%M} UTC")
        if now.halt_reason:
            console.print(f"  {escape(now.halt_reason)}")
