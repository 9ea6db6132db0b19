"""The report of an import, for the terminal or as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from newsletter.cli.language import gettext as _
from newsletter.cli.language import styled, text
from newsletter.errors import ExitCode
from newsletter.i18n.values import Listing, Number

if TYPE_CHECKING:
    from subscribers.lists.imports.import_report import ImportReport
    from subscribers.lists.parsers.encodings import ListEncoding


#: Rows that are shown in the terminal.
_SHOWN = 20


def finish_import(
    report: ImportReport,
    read_as: ListEncoding | None = None,
    *,
    makes_fields: bool = False,
    dry_run: bool = False,
    json: bool,
) -> None:
    """Print the report of an import; if rows were refused, exit as incomplete.

    Args:
        report: The report.
        read_as: The encoding of the list, if it was a file.
        makes_fields: Whether other columns were to become fields.
        dry_run: Whether nothing was changed.
        json: Whether the output is JSON.

    Raises:
        typer.Exit: Some rows were refused.
    """
    from newsletter.cli.console import console, print_json
    from subscribers.fields.model import MOST_FIELDS
    from subscribers.lists.imports.import_report import RowCounts
    from subscribers.lists.records import line_json

    if json:
        refused = [
            line_json(row.line) | {"address": row.address, "reason": str(row.reason)}
            for row in report.refused
        ]
        warned = [
            line_json(one.line)
            | {"field": one.field, "value": one.value, "problem": str(one.problem)}
            for one in report.warned
        ]
        counts = {name: getattr(report, name) for name in asdict(RowCounts())}
        left_out = {"columns_left_out": list(report.left_out)}
        print_json(
            counts
            | {"refused": refused, "warned": warned}
            | left_out
            | ({"encoding": read_as.encoding} if read_as else {})
        )
    else:
        if read_as and read_as.words:
            console.print(
                _(
                    "Read as {encoding}. If letters are wrong, undo the import and repeat it with "
                    "--encoding.",
                    encoding=text(read_as.described),
                )
            )
        _name_problems(report)
        if report.left_out and makes_fields:
            console.print(
                _(
                    "These columns became no fields, as they hold nothing or there are {limit} "
                    "fields already: {names}",
                    limit=Number(MOST_FIELDS),
                    names=Listing(report.left_out),
                )
            )
        elif report.left_out:
            console.print(
                _(
                    "These columns were not taken: {names}. --new-fields adds them as fields, "
                    "--map COLUMN=FIELD assigns one, --map COLUMN=- leaves it out on purpose.",
                    names=Listing(report.left_out),
                )
            )
        if report.resumed_after:
            console.print(
                _(
                    "Continued after {count} rows that were done before.",
                    count=Number(report.resumed_after),
                )
            )
        if dry_run:
            console.print(_("Dry run, nothing was changed. The import would have this result:"))
        console.print(
            _(
                "{added} added, {updated} updated, {unchanged} unchanged, {warnings} with a "
                "warning, {refused} refused",
                added=Number(report.added),
                updated=Number(report.updated),
                unchanged=Number(report.unchanged),
                warnings=Number(report.warnings),
                refused=Number(report.refusals),
            )
        )
        if report.tagged or report.repeated:
            console.print(
                _(
                    "{tagged} given tags only, {repeated} repeated in the list",
                    tagged=Number(report.tagged),
                    repeated=Number(report.repeated),
                )
            )
        if report.unsubscribed or report.pending or report.suppressed:
            console.print(
                _(
                    "According to the list, these receive no email: {unsubscribed} unsubscribed, "
                    "{pending} not confirmed; {suppressed} addresses suppressed",
                    unsubscribed=Number(report.unsubscribed),
                    pending=Number(report.pending),
                    suppressed=Number(report.suppressed),
                )
            )
    if report.refusals:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _name_problems(report: ImportReport) -> None:
    """Print the first refused rows and the first warnings, with at least one of each kind."""
    from newsletter.cli.console import console
    from subscribers.lists.records import line_named

    for row in report.refused[:_SHOWN]:
        where = styled(text(line_named(row.line)), "yellow")
        if row.address.strip():
            where += f" {row.address}"
        console.print(_("{where}: {reason}", where=where, reason=text(row.reason)))
    if report.refusals > _SHOWN:
        console.print(
            _(
                "… and {count} more; --report FILE lists them all.",
                count=Number(report.refusals - _SHOWN),
            )
        )
    for one in report.warned:
        quoted = f"“{one.value}”" if one.value.strip() else ""
        parts = " ".join(filter(None, (one.field, quoted)))
        where = styled(text(line_named(one.line)), "yellow") + f" {parts}"
        console.print(_("{where}: {reason}", where=where, reason=text(one.problem)))
    if report.warnings > len(report.warned):
        console.print(
            _(
                "… and {count} more warnings; --report FILE lists them all.",
                count=Number(report.warnings - len(report.warned)),
            )
        )
