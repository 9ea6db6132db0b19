"""Alarms of workers and beat, and of workers' journals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from newsletter.database.vocabulary import ProcessKind
from newsletter.i18n.messages import Message, msg, nmsg
from newsletter.i18n.values import Moment, Number
from newsletter.mailings.ledger.worker_hosts import Loss
from newsletter.operations.acknowledgements import RESTORED
from newsletter.operations.alarms.model import Alarm, AlarmSeverity, alarm
from newsletter.operations.heartbeats import ProcessState, made_good
from newsletter.operations.overview import Overview

#: Seconds without a round before an alarm.
_ROUND_LATE = 30
#: A restored database is shown for this long, and until it is acknowledged.
_RESTORE_SHOWN = timedelta(days=7)
#: Permitted difference between a host's clock and the database's, in seconds.
_CLOCK_OFF = 5


def of_processes(seen: Overview) -> Iterator[Alarm]:
    """Yield alarms of workers and beat."""
    # If the database accepts no writes, heartbeats are missing; that has an alarm of its own.
    if not seen.is_unwritable:
        if not _start_by_themselves(seen):
            yield from _of_missing(seen)
        yield from _of_lost(seen)
    yield from _of_those_there(seen)
    yield from _of_clocks(seen)


def _start_by_themselves(seen: Overview) -> bool:
    """Return whether workers are started by the sending command (no REDIS_URL), and none is due.

    A step of a series and a mailing that waits for its hour are sent by no command.
    """
    work = seen.backlog
    waits = work.due or work.leased or work.later or seen.overdue or seen.unplanned
    return seen.broker is None and not waits


def _alive(seen: Overview, kind: ProcessKind) -> list[ProcessState]:
    return [each for each in seen.processes if each.alive and each.process.kind is kind]


def _rounds_due_since(seen: Overview) -> Iterator[datetime]:
    """Yield the time of the last round, and since when everything that rounds need is running."""
    if seen.round_at is not None:
        yield seen.round_at
    controls = [one for one in _alive(seen, ProcessKind.WORKER) if one.process.is_control]
    if controls:
        needed = (controls, _alive(seen, ProcessKind.BEAT))
        yield max(min(one.started_at for one in kind) for kind in needed)


def _of_missing(seen: Overview) -> Iterator[Alarm]:
    workers = _alive(seen, ProcessKind.WORKER)
    there = [each for each in workers if not each.process.is_control]
    start = msg("Start it: newsletter worker (docker compose up -d worker).")
    if there and all(each.draining for each in there):
        yield alarm(
            AlarmSeverity.CRITICAL,
            "all-drained",
            msg("All workers that send mailings are being drained"),
            msg(
                "Let one take batches again (newsletter drain {node} --undo), or start another.",
                node=there[0].process.node,
            ),
            section="workers",
        )
    elif not there:
        yield alarm(
            AlarmSeverity.CRITICAL,
            "no-worker",
            msg("No worker that sends mailings is running"),
            start,
            section="workers",
        )
    if not _alive(seen, ProcessKind.BEAT):
        yield alarm(
            AlarmSeverity.CRITICAL,
            "no-beat",
            msg("Beat is not running"),
            msg("Start newsletter worker, or newsletter beat."),
            section="workers",
        )
    elif seen.broker is not None and seen.broker.carries_nothing:
        # Rounds are tasks in Redis, which has an alarm of its own.
        return
    elif not any(
        # A time in the future means that the clock was set back.
        abs((seen.taken_at - moment).total_seconds()) <= _ROUND_LATE
        for moment in _rounds_due_since(seen)
    ):
        yield alarm(
            AlarmSeverity.CRITICAL,
            "no-rounds",
            msg("The periodic processing of the ledger has stopped"),
            _remedy_of_rounds([each for each in workers if each.process.is_control]),
            section="workers",
        )


def _remedy_of_rounds(controls: Sequence[ProcessState]) -> Message:
    if not controls:
        return msg("Start the control worker: newsletter worker.")
    if all(each.draining for each in controls):
        return msg(
            "Its worker takes no new work: let it continue (newsletter drain {node} --undo), or "
            "start another.",
            node=controls[0].process.node,
        )
    return msg("The control worker runs, and its work fails: its log says why.")


def _of_those_there(seen: Overview) -> Iterator[Alarm]:
    workers = _alive(seen, ProcessKind.WORKER)
    for node in sorted({each.process.node for each in workers if each.draining}):
        yield alarm(
            AlarmSeverity.NOTE,
            "worker-drained",
            msg("{node} takes no new batches", node=node),
            msg("Resume or stop it when you are done."),
            where=node,
            section="workers",
        )
    versions = sorted({each.process.version for each in workers})
    if len(versions) > 1:
        shown = ", ".join(versions)
        yield alarm(
            AlarmSeverity.WARNING,
            "mixed-versions",
            msg("Workers of several versions run: {shown}", shown=shown),
            msg("Replace the old ones."),
            section="workers",
        )


def _of_clocks(seen: Overview) -> Iterator[Alarm]:
    """Yield alarms of hosts with wrong clocks, which affect due times, dates and signatures."""
    for host, ahead in sorted(seen.clocks.items()):
        if abs(ahead) < _CLOCK_OFF:
            continue
        words = (
            msg("The clock of {host} is {seconds} s ahead of the database server’s")
            if ahead > 0
            else msg("The clock of {host} is {seconds} s behind the database server’s")
        )
        yield alarm(
            AlarmSeverity.WARNING,
            "clock-off",
            words.having(host=host, seconds=round(abs(ahead))),
            msg(
                "Synchronise the clocks of both (NTP): hours of sending, dates of mail and one-time"
                " codes depend on them."
            ),
            where=host,
            section="workers",
        )


def unrepaired_losses(seen: Overview) -> Sequence[Sequence[ProcessState]]:
    """Return the lost processes that were not replaced, by worker.

    A pool replaces a killed process, and a supervisor a killed worker; then no action is needed.
    """
    gone = [each for each in seen.processes if each.lost]
    repaired = made_good(gone, seen.processes)
    found: dict[tuple[ProcessKind, str, str], list[ProcessState]] = {}
    for each in sorted(gone, key=lambda one: one.seen_at):
        if each.process.key not in repaired:
            found.setdefault(each.place, []).append(each)
    return list(found.values())


def _others_live(seen: Overview, lost: ProcessState) -> bool:
    """Return whether another process of the same kind is running."""
    return any(
        each.process.is_control == lost.process.is_control
        for each in _alive(seen, lost.process.kind)
    )


def _of_lost(seen: Overview) -> Iterator[Alarm]:
    """Yield one alarm for each worker with lost processes that were not replaced."""
    for processes in unrepaired_losses(seen):
        name = processes[0].process.name
        count = len(processes)
        pids = ", ".join(str(one.process.pid) for one in processes)
        yield alarm(
            AlarmSeverity.WARNING,
            "worker-lost",
            nmsg(
                "{name}: {count} process stopped responding (PID {pids})",
                "{name}: {count} processes stopped responding (PID {pids})",
                count,
                name=name,
                pids=pids,
            ),
            msg("Check its log and whether it ran out of memory. Other workers continue its work.")
            if _others_live(seen, processes[0])
            else msg(
                "Start it again: newsletter worker. Its log, or the kernel’s (out of memory), says"
                " why it ended. Nothing is lost: its work waits until then."
            ),
            where=name,
            section="workers",
            size=count,
        )


_UNKNOWN = msg(
    "If an older backup was restored, these were sent. Check before you "
    "send the same issue again; then move the files out of "
    "DATA_DIR/journals/unknown."
)


def of_restores(seen: Overview) -> Iterator[Alarm]:
    """Yield the alarm of a database that was set back; each time is an alarm of its own.

    No later state of the database shows that somebody has settled it, so it stays until it is
    acknowledged.
    """
    if seen.loss is None:
        return
    what, remedy = _of_loss(seen.loss)
    found = alarm(
        AlarmSeverity.WARNING,
        RESTORED,
        what,
        remedy,
        where=f"{seen.loss.noticed_at:%Y-%m-%dT%H:%M:%SZ}",
        section="servers",
    )
    is_recent = seen.taken_at - seen.loss.noticed_at < _RESTORE_SHOWN
    if is_recent or found.place not in seen.acknowledgements:
        yield found


def _of_loss(loss: Loss) -> tuple[Message, Message]:
    """Return message and remedy for a database that was set back, or may have been."""
    if loss.presumed:
        return (
            msg(
                "A worker with a new DATA_DIR found the database unused since {since} (UTC): it may"
                " be a backup that was restored",
                since=Moment(loss.since),
            ),
            msg(
                "If only DATA_DIR was emptied or replaced, nobody is subscribed again: acknowledge"
                " this. If a backup was restored, unsubscribe and erase again those who asked for"
                " it since then (docs/production.md), before the next mailing; then acknowledge"
                " this."
            ),
        )
    return (
        msg(
            "The database was restored, or failed over, to its state of {since} (UTC): anybody"
            " who unsubscribed or was erased after that is subscribed again",
            since=Moment(loss.since),
        ),
        msg(
            "Before the next mailing, unsubscribe and erase them again: the earlier database, if"
            " it still exists, names them, and so do the mails that came in since. The access log"
            " of the proxy has each request POST /u/…; send it again. Then acknowledge this."
        ),
    )


def of_journals(seen: Overview) -> Iterator[Alarm]:
    """Yield alarms of journals that are missing, were replaced, or are about unknown mailings."""
    if seen.missing_journals is not None:
        loss = seen.missing_journals.loss
        words = (
            msg(
                "The database may be a backup of {since} (UTC); these hosts’ journals are not"
                " brought back: {hosts}"
            )
            if loss.presumed
            else msg(
                "The database was restored, or failed over, to its state of {since} (UTC); these"
                " hosts’ journals are not brought back: {hosts}"
            )
        )
        yield alarm(
            AlarmSeverity.WARNING,
            "journals-missing",
            words.having(since=Moment(loss.since), hosts=seen.missing_journals.hosts),
            msg(
                "Start newsletter worker there. Until then, what these hosts sent since then is"
                " unknown: check before you send the same issue again. If a host is lost,"
                " acknowledge this."
            ),
            section="workers",
        )
    for name in seen.replaced_folders:
        yield alarm(
            AlarmSeverity.WARNING,
            "data-dir-replaced",
            msg("{host}: DATA_DIR was emptied or replaced; its journals are missing", host=name),
            msg(
                "If the earlier folder still exists, stop the worker and put it back. DATA_DIR must"
                " outlive restarts: without its journals, nothing proves what was sent before a"
                " failure."
            ),
            where=name,
            section="workers",
        )
    for host in seen.unknown_journals:
        yield alarm(
            AlarmSeverity.WARNING,
            "unknown-journals",
            msg(
                "{host} keeps {files} journals of unknown mailings ({accepted} accepted)",
                host=host.host,
                files=Number(host.files),
                accepted=Number(host.accepted),
            ),
            _UNKNOWN,
            where=host.host,
            section="unsettled",
            size=host.files,
        )
