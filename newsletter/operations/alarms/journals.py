"""Alarms of workers' journals: what they prove is missing, or about what nobody knows."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.i18n.messages import msg
from newsletter.i18n.values import Moment, Number
from newsletter.operations.alarms.model import Alarm, AlarmSeverity, alarm
from newsletter.operations.overview import Overview

_UNKNOWN = msg(
    "If an older backup was restored, these were sent. Check before you "
    "send the same issue again; then move the files out of "
    "DATA_DIR/journals/unknown."
)


def of_journals(seen: Overview) -> Iterator[Alarm]:
    """Return which hosts' journals are missing, were replaced, or are about unknown mailings."""
    if seen.missing_journals is not None:
        yield alarm(
            AlarmSeverity.WARNING,
            "journals-missing",
            msg(
                "The database was restored, or failed over, to its state of {since} (UTC); these"
                " hosts’ journals are not brought back: {hosts}",
                since=Moment(seen.missing_journals.since),
                hosts=seen.missing_journals.hosts,
            ),
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
