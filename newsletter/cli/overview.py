"""The overview in a terminal: the same value as the page ``/operate``, the gravest first."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from newsletter.cli.console import console, format_moment
from newsletter.database.vocabulary import DeliveryState, ProcessKind
from newsletter.operations.alarms import judge
from newsletter.operations.alarms.model import Alarm, Severity
from newsletter.operations.attention import UnsettledMailing
from newsletter.operations.overview import Overview

_WATCH_SECONDS = 2.0
_STYLES = {
    Severity.CRITICAL: "bold white on red",
    Severity.WARNING: "black on yellow",
    Severity.NOTE: "black on cyan",
}
_STATES = (DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.REJECTED)
_SHOWN_DOMAINS = 8
#: From here on a rate needs no digit after its point.
_ROUND_FROM = 10


def watch(look: Callable[[], Overview]) -> None:
    """Show the overview until Ctrl-C, as it changes."""
    with Live(show_overview(look()), console=console, auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(_WATCH_SECONDS)
            live.update(show_overview(look()), refresh=True)


def overview_as_json(seen: Overview) -> dict[str, Any]:
    """Return the overview for machines; it holds no addresses."""
    value = dataclasses.asdict(seen)
    value["hours"] = [{"from": at, **counts} for at, counts in seen.hours]
    value["per_minute"] = seen.per_minute
    value["day"] = dict(seen.day)
    value["alarms"] = [
        {
            "severity": alarm.severity,
            "kind": alarm.kind,
            "where": alarm.where,
            "what": str(alarm.what),
            "remedy": str(alarm.remedy),
        }
        for alarm in judge(seen)
    ]
    return value


def show_overview(seen: Overview) -> RenderableType:
    """Return the overview as lines and tables."""
    alarms = judge(seen)
    parts: list[RenderableType] = [_headline(seen, alarms)]
    parts.extend(_alarm_line(alarm) for alarm in alarms)
    parts += [Text(), _figures(seen), Text(), _processes(seen), Text(), _relays(seen)]
    if seen.domains:
        parts += [Text(), _domains(seen)]
    if seen.deferred:
        parts += [Text(), _deferred(seen)]
    if seen.uncertain or seen.failed:
        parts += [Text(), _unsettled(seen)]
    return Group(*parts)


def _headline(seen: Overview, alarms: Sequence[Alarm]) -> RenderableType:
    clock = f"[dim]{format_moment(seen.taken_at, seconds=True)}[/]"
    grave = [alarm for alarm in alarms if alarm.severity is not Severity.NOTE]
    if not grave:
        return Text.from_markup(f"[black on green] All is well [/]  {clock}")
    worst = grave[0].severity
    return Text.from_markup(f"[{_STYLES[worst]}] {len(grave)} to look at [/]  {clock}")


def _alarm_line(alarm: Alarm) -> RenderableType:
    line = Text.assemble((f" {alarm.severity.value} ", _STYLES[alarm.severity]), " ")
    line.append(str(alarm.what), style="bold")
    line.append(f"  {alarm.remedy}", style="dim")
    return line


def _figures(seen: Overview) -> RenderableType:
    work = seen.backlog
    table = Table.grid(padding=(0, 3))
    day = ", ".join(
        f"{seen.day.get(state, 0):,} {state.value}"
        for state in DeliveryState
        if seen.day.get(state)
    )
    table.add_row("[dim]rate[/]", f"[bold]{_rate(seen.per_minute)}[/] a minute, last 5 min")
    table.add_row("[dim]24 hours[/]", day or "nothing sent")
    waits = [f"[bold]{work.due:,}[/] batches due"]
    if work.oldest_due_at is not None:
        waits.append(f"the oldest for {_age(seen.taken_at, work.oldest_due_at)}")
    waits += [f"{work.leased:,} being sent", f"{work.later:,} later"]
    if work.urgent_due:
        waits.append(f"[bold]{work.urgent_due:,}[/] urgent")
    table.add_row("[dim]queue[/]", ", ".join(waits))
    table.add_row("[dim]database[/]", f"{seen.database.kind}, {seen.database.milliseconds:.1f} ms")
    table.add_row("[dim]redis[/]", _broker_words(seen))
    round_at = seen.round_at
    table.add_row("[dim]last round[/]", "never" if round_at is None else _ago(seen, round_at))
    return table


def _broker_words(seen: Overview) -> str:
    broker = seen.broker
    if broker is None:
        return "[dim]none set: the parts start by themselves[/]"
    if broker.problem:
        return f"[red]{escape(broker.problem)}[/]"
    depths = ", ".join(f"{name} {depth:,}" for name, depth in broker.depths.items())
    used = f"{broker.used_memory / 1_000_000:.1f} MB"
    return f"{broker.milliseconds:.1f} ms, {used}, {broker.policy or 'policy unknown'}; {depths}"


def _table(title: str, *columns: str, numbers: int = 0) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        right = place >= len(columns) - numbers
        table.add_column(column, justify="right" if right else "left", header_style="dim")
    return table


def _processes(seen: Overview) -> RenderableType:
    table = _table("Workers and beat", "worker", "pid", "state", "sends", "version", "seen")
    for each in seen.processes:
        process, activity = each.process, each.activity
        if each.lost:
            state = "[red]lost[/]"
        elif each.draining:
            state = "[cyan]draining[/]"
        else:
            state = "[green]alive[/]"
        sends = "–" if process.kind is ProcessKind.BEAT else "waits"
        if activity.mailing_id is not None:
            sends = f"mailing {activity.mailing_id}, batch {activity.batch_number}"
        table.add_row(
            escape(process.node or f"beat@{process.host}"),
            str(process.pid),
            state,
            sends,
            process.version,
            _ago(seen, each.seen_at),
        )
    if not seen.processes:
        table.add_row("[dim]none[/]")
    return table


def _relays(seen: Overview) -> RenderableType:
    names = [f"{state.value} 24 h" for state in _STATES]
    table = _table("Relays", "relay", "state", "a minute", *names, numbers=4)
    for relay in seen.relays:
        state = "[green]takes mail[/]"
        if relay.resting is not None:
            word = "held" if relay.resting.held else "takes nothing"
            state = f"[yellow]{word}[/] {escape(relay.resting.reason)[:60]}"
        table.add_row(
            escape(relay.name), state, _rate(relay.tally.per_minute), *_counts(relay.tally.day)
        )
    if not seen.relays:
        table.add_row("[dim]nothing was sent yet[/]")
    return table


def _domains(seen: Overview) -> RenderableType:
    names = [f"{state.value} 24 h" for state in _STATES]
    table = _table("Recipient domains", "domain", "state", "deferred lately", *names, numbers=4)
    for domain in seen.domains[:_SHOWN_DOMAINS]:
        state = "[cyan]held[/]" if domain.held is not None else ""
        share = f"{domain.tally.share(DeliveryState.DEFERRED):.0%}"
        table.add_row(escape(domain.name), state, share, *_counts(domain.tally.day))
    return table


def _deferred(seen: Overview) -> RenderableType:
    table = _table("Deferred, and why", "code", "about", "example", "count", numbers=1)
    for group in seen.deferred:
        table.add_row(
            group.status or "–",
            group.reply_class.value,
            escape(group.example)[:70],
            f"{group.count:,}",
        )
    return table


def _unsettled(seen: Overview) -> RenderableType:
    table = _table("Waits for a decision", "mailing", "what", "command", "count", numbers=1)

    def add(mailing: UnsettledMailing, what: str, command: str) -> None:
        name = f"{mailing.mailing_id} {escape(mailing.subject)[:40]}"
        table.add_row(name, what, command, f"{mailing.count:,}")

    for mailing in seen.uncertain:
        add(
            mailing, "uncertain", f"newsletter mailing settle {mailing.mailing_id} --resend|--leave"
        )
    for mailing in seen.failed:
        what = f"failed, {mailing.poison} poison" if mailing.poison else "failed"
        add(mailing, what, f"newsletter mailing retry {mailing.mailing_id}")
    return table


def _counts(counts: Mapping[DeliveryState, int]) -> list[str]:
    return [f"{counts.get(state, 0):,}" for state in _STATES]


def _rate(per_minute: float) -> str:
    return f"{per_minute:.1f}" if 0 < per_minute < _ROUND_FROM else f"{per_minute:,.0f}"


def _ago(seen: Overview, moment: datetime) -> str:
    return f"{_age(seen.taken_at, moment)} ago"


def _age(moment: datetime, since: datetime) -> str:
    seconds = max(0, round((moment - since).total_seconds()))
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"  # noqa: PLR2004
