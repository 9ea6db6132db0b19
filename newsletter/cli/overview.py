"""The overview in the terminal, with the data of the page ``/operate``, worst problems first."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from newsletter.cli.console import console, in_utc, print_json
from newsletter.cli.language import gettext as _
from newsletter.cli.language import label, ngettext, styled, text
from newsletter.cli.state import look_again
from newsletter.database.vocabulary import DeliveryState, ProcessKind
from newsletter.database.words import name_of
from newsletter.errors import ExitCode
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number, Percent, Size
from newsletter.operations.alarms import find_alarms
from newsletter.operations.alarms.model import Alarm, AlarmSeverity, places_of
from newsletter.operations.attention import UnsettledMailing
from newsletter.operations.overview import Overview

_WATCH_SECONDS = 2.0
_STYLES = {
    AlarmSeverity.CRITICAL: "bold white on red",
    AlarmSeverity.WARNING: "black on yellow",
    AlarmSeverity.NOTE: "black on cyan",
}
_SEVERITIES = {
    AlarmSeverity.CRITICAL: msg("Critical"),
    AlarmSeverity.WARNING: msg("Warning"),
    AlarmSeverity.NOTE: msg("Note"),
}
#: Exit codes of a check, by the most severe open alarm.
_CODES = {
    AlarmSeverity.CRITICAL: ExitCode.ALARM_CRITICAL,
    AlarmSeverity.WARNING: ExitCode.ALARM_WARNING,
}
_STATES = (DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.REJECTED)
_SHOWN_DOMAINS = 8


def watch(look: Callable[[], Overview]) -> None:
    """Show the overview and update it until Ctrl-C."""
    with Live(show_overview(look()), console=console, auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(_WATCH_SECONDS)
            live.update(show_overview(look_again(look)), refresh=True)


def overview_as_json(seen: Overview) -> dict[str, Any]:
    """Return the overview as JSON, which contains no addresses."""
    value = dataclasses.asdict(seen)
    value["hours"] = [{"from": at, **counts} for at, counts in seen.hours]
    value["per_minute"] = seen.per_minute
    value["day"] = dict(seen.day)
    del value["acknowledgements"]
    value["alarms"] = alarms_as_json(find_alarms(seen))
    return value


def check(seen: Overview, *, json: bool) -> ExitCode:
    """Print the alarms that are not acknowledged, and return the exit code of the worst one.

    Without such alarms nothing is printed, since cron mails all output.
    """
    open_alarms = [alarm for alarm in find_alarms(seen) if alarm.is_open]
    if json:
        print_json(alarms_as_json(open_alarms))
    else:
        for alarm in open_alarms:
            console.print(alarm_line(alarm), soft_wrap=True)
    if not open_alarms:
        return ExitCode.OK
    return _CODES[open_alarms[0].severity]


def alarms_as_json(alarms: Sequence[Alarm]) -> list[dict[str, Any]]:
    """Return alarms as JSON."""
    return [
        {
            "severity": alarm.severity,
            "kind": alarm.kind,
            "where": alarm.where,
            "what": str(alarm.what),
            "remedy": str(alarm.remedy),
            "acknowledged": None
            if alarm.acknowledgement is None
            else {
                "by": str(alarm.acknowledgement.by),
                "since": alarm.acknowledgement.since,
                "reason": alarm.acknowledgement.reason,
            },
        }
        for alarm in alarms
    ]


def show_alarms(alarms: Sequence[Alarm]) -> RenderableType:
    """Return alarms as a table, with the names for acknowledging them."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in (_("Alarm"), _("Severity"), _("What"), _("Acknowledged")):
        table.add_column(head, overflow="fold")
    for each in alarms:
        table.add_row(
            each.key,
            text(_SEVERITIES[each.severity]),
            styled(text(each.what)),
            _acknowledged(each) or "–",
        )
    return table


def _acknowledged(alarm: Alarm) -> str:
    known = alarm.acknowledgement
    if known is None:
        return ""
    return _(
        "{name}, {time}: {reason}",
        name=known.by,
        time=in_utc(known.since),
        reason=known.reason,
    )


def show_overview(seen: Overview) -> RenderableType:
    """Return the overview as lines and tables."""
    alarms = find_alarms(seen)
    parts: list[RenderableType] = [_headline(seen, alarms)]
    parts.extend(alarm_line(alarm) for alarm in alarms)
    parts += [Text(), _figures(seen), Text(), _processes(seen, alarms)]
    parts += [Text(), _relays(seen, alarms)]
    if seen.domains:
        parts += [Text(), _domains(seen, alarms)]
    if seen.deferred:
        parts += [Text(), _deferred(seen)]
    if seen.uncertain or seen.failed:
        parts += [Text(), _unsettled(seen)]
    return Group(*parts)


def _headline(seen: Overview, alarms: Sequence[Alarm]) -> RenderableType:
    clock = styled(in_utc(seen.taken_at, seconds=True), "dim")
    grave = [alarm for alarm in alarms if alarm.is_open]
    if not grave and any(alarm.severity is not AlarmSeverity.NOTE for alarm in alarms):
        words = _("Nothing new; all alarms are acknowledged")
        return styled(f" {words} ", _STYLES[AlarmSeverity.WARNING]) + f"  {clock}"
    if not grave:
        return styled(f" {_('All systems normal')} ", "black on green") + f"  {clock}"
    worst = grave[0].severity
    count = ngettext("{count} needs attention", "{count} need attention", len(grave))
    return styled(f" {count} ", _STYLES[worst]) + f"  {clock}"


def alarm_line(alarm: Alarm) -> RenderableType:
    """Return an alarm with its remedy as one line."""
    severity = styled(f" {text(_SEVERITIES[alarm.severity])} ", _STYLES[alarm.severity])
    line = f"{severity} {styled(text(alarm.what))}  {styled(text(alarm.remedy), 'dim')}"
    acknowledged = _acknowledged(alarm)
    if acknowledged:
        line += f"  {styled(_('Acknowledged: {words}', words=acknowledged), 'dim')}"
    return line


def _figures(seen: Overview) -> RenderableType:
    work = seen.backlog
    table = Table.grid(padding=(0, 3))
    day = ", ".join(
        _("{count} {state}", count=Number(seen.day.get(state, 0)), state=label(state))
        for state in DeliveryState
        if seen.day.get(state)
    )
    rate = styled(_number(seen.per_minute))
    table.add_row(_dim(_("Rate")), _("{rate} a minute, last 5 minutes", rate=rate))
    table.add_row(_dim(_("24 hours")), day or _("nothing sent"))
    waits = [_("{count} batches due", count=styled(text(Number(work.due))))]
    if work.oldest_due_at is not None:
        waits.append(_("the oldest for {age}", age=_age(seen.taken_at, work.oldest_due_at)))
    waits += [
        _("{count} being sent", count=Number(work.leased)),
        _("{count} later", count=Number(work.later)),
    ]
    if work.urgent_due:
        waits.append(_("{count} urgent", count=styled(text(Number(work.urgent_due)))))
    table.add_row(_dim(_("Queue")), ", ".join(waits))
    table.add_row(_dim(_("Database")), f"{seen.database.kind}, {seen.database.milliseconds:.1f} ms")
    table.add_row(_dim("Redis"), _broker_words(seen))
    round_at = seen.round_at
    table.add_row(
        _dim(_("Last periodic run")), _("never") if round_at is None else _ago(seen, round_at)
    )
    return table


def _broker_words(seen: Overview) -> str:
    broker = seen.broker
    if broker is None:
        return _dim(_("not configured; a broker is started when needed"))
    if broker.problem:
        return styled(broker.problem, "red")
    depths = ", ".join(f"{name} {_number(depth)}" for name, depth in broker.depths.items())
    used = text(Size(broker.used_memory))
    return f"{broker.milliseconds:.1f} ms, {used}, {broker.policy or _('policy unknown')}; {depths}"


def _dim(words: str) -> str:
    return styled(words, "dim")


def _table(title: str, *columns: str, numbers: int = 0) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        right = place >= len(columns) - numbers
        table.add_column(column, justify="right" if right else "left", header_style="dim")
    return table


def _processes(seen: Overview, alarms: Sequence[Alarm]) -> RenderableType:
    places = places_of(alarms)
    table = _table(
        _("Workers and beat"),
        *(_("Worker"), "PID", _("State"), _("Activity"), _("Version"), _("Last report")),
    )
    for each in seen.processes:
        process, activity = each.process, each.activity
        if each.lost and ("worker-lost", process.name) in places:
            state = styled(_("not responding"), "red")
        elif each.lost:
            state = styled(_("replaced"), "dim")
        elif ("disk-unwritable", process.host) in places:
            state = styled(_("cannot write"), "red")
        elif each.draining:
            state = styled(_("draining"), "cyan")
        else:
            state = styled(_("running"), "green")
        sends = "–" if each.lost or process.kind is ProcessKind.BEAT else _("waiting")
        if activity.mailing_id is not None:
            sends = _(
                "mailing {mailing}, batch {batch}",
                mailing=activity.mailing_id,
                batch=activity.batch_number,
            )
        table.add_row(
            process.name,
            str(process.pid),
            state,
            sends,
            process.version,
            _ago(seen, each.seen_at),
        )
    if not seen.processes:
        table.add_row(_dim(_("none")))
    return table


def _relays(seen: Overview, alarms: Sequence[Alarm]) -> RenderableType:
    places = places_of(alarms)
    is_silent = any(alarm.kind == "mailing-silent" for alarm in alarms)
    names = [_("{state} (24 h)", state=text(name_of(state))) for state in _STATES]
    table = _table(_("Relays"), _("Relay"), _("State"), _("Per minute"), *names, numbers=4)
    for relay in seen.relays:
        state = styled(_("accepting mail"), "green")
        if relay.resting is not None:
            word = _("on hold") if relay.resting.held else _("not accepting mail")
            state = f"{styled(word, 'yellow')} {relay.resting.reason[:60]}"
        elif ("relay-defers", relay.name) in places:
            state = styled(_("defers much mail"), "yellow")
        elif is_silent:
            state = styled(_("no answer yet"), "yellow")
        table.add_row(relay.name, state, _number(relay.tally.per_minute), *_counts(relay.tally.day))
    if not seen.relays:
        table.add_row(_dim(_("Nothing has been sent yet.")))
    return table


def _domains(seen: Overview, alarms: Sequence[Alarm]) -> RenderableType:
    places = places_of(alarms)
    names = [_("{state} (24 h)", state=text(name_of(state))) for state in _STATES]
    table = _table(
        _("Recipient domains"), _("Domain"), _("State"), _("Recently deferred"), *names, numbers=4
    )
    for domain in seen.domains[:_SHOWN_DOMAINS]:
        state = styled(_("on hold"), "cyan") if domain.held is not None else ""
        if ("domain-defers", domain.name) in places:
            state = styled(_("defers much mail"), "yellow")
        share = text(Percent(100 * domain.tally.share(DeliveryState.DEFERRED), 0))
        table.add_row(domain.name, state, share, *_counts(domain.tally.day))
    return table


def _deferred(seen: Overview) -> RenderableType:
    from newsletter.mailings.ledger.outcomes import worded_reply

    table = _table(
        _("Deferred, by reason"), _("Code"), _("About"), _("Example"), _("Number"), numbers=1
    )
    for group in seen.deferred:
        table.add_row(
            group.status or "–",
            group.reply_class.value,
            text(worded_reply(group.example))[:70],
            _number(group.count),
        )
    return table


def _unsettled(seen: Overview) -> RenderableType:
    table = _table(
        _("Needs a decision"), _("Mailing"), _("What"), _("Command"), _("Number"), numbers=1
    )

    def add(mailing: UnsettledMailing, what: str, command: str) -> None:
        name = f"{mailing.mailing_id} {mailing.subject[:40]}"
        table.add_row(name, what, command, _number(mailing.count))

    for mailing in seen.uncertain:
        add(
            mailing,
            label(DeliveryState.UNCERTAIN),
            f"newsletter mailing settle {mailing.mailing_id} --resend|--leave",
        )
    for mailing in seen.failed:
        what = label(DeliveryState.FAILED)
        if mailing.poison:
            what = _("{state}, {count} unsendable", state=what, count=mailing.poison)
        add(mailing, what, f"newsletter mailing retry {mailing.mailing_id}")
    return table


def _counts(counts: Mapping[DeliveryState, int]) -> list[str]:
    return [_number(counts.get(state, 0)) for state in _STATES]


def _number(count: float) -> str:
    return text(Number(count))


def _ago(seen: Overview, moment: datetime) -> str:
    return _("{age} ago", age=_age(seen.taken_at, moment))


def _age(moment: datetime, since: datetime) -> str:
    seconds = max(0, round((moment - since).total_seconds()))
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return _("{count} s", count=seconds)
    if seconds < 7200:  # noqa: PLR2004 - two hours
        return _("{count} min", count=seconds // 60)
    return _("{count} h", count=seconds // 3600)
