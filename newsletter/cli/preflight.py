"""Preflight on the command line: errors refuse, warnings require confirmation, hints inform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from newsletter.cli.console import console, errors
from newsletter.cli.language import gettext as _
from newsletter.cli.language import ngettext, styled, text
from newsletter.cli.prompts import confirm
from newsletter.errors import ContentError
from newsletter.i18n.messages import in_each_language, msg, pmsg
from newsletter.issues.checks.findings import Finding, Severity
from newsletter.rendering.preflight import Preflight

_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.HINT: "dim"}

_SEVERITIES = {
    Severity.ERROR: pmsg("finding", "error"),
    Severity.WARNING: pmsg("finding", "warning"),
    Severity.HINT: pmsg("finding", "hint"),
}


def show_findings(
    findings: tuple[Finding, ...],
    *,
    lines_of: Callable[[Finding], tuple[int, int]] = lambda _: (0, 0),
) -> None:
    """Print the findings: severity, place, message and remedy; line 0 means no line."""
    for finding in findings:
        colour = _COLOURS[finding.severity]
        first, last = lines_of(finding)
        line = (
            _(", line {line}", line=first)
            if first == last
            else _(", lines {first} to {last}", first=first, last=last)
        )
        where = text(finding.place.described()) + (line if first else "")
        console.print(
            _(
                "{severity} {where}: {message}",
                severity=styled(text(_SEVERITIES[finding.severity]), colour),
                where=where,
                message=text(finding.message),
            ),
            soft_wrap=True,
        )
        console.print(f"      {styled(text(finding.remedy), 'dim')}", soft_wrap=True)


def findings_json(
    findings: tuple[Finding, ...],
    *,
    lines_of: Callable[[Finding], tuple[int, int]] = lambda _: (0, 0),
) -> list[dict[str, Any]]:
    """Return findings as JSON in all languages; line 0 means no line."""
    return [
        {
            "code": finding.code,
            "severity": finding.severity.value,
            "field": finding.place.field.value,
            "anchor": finding.place.anchor,
            "line": lines_of(finding)[0],
            "last_line": lines_of(finding)[1],
            "about": finding.about,
            "message": in_each_language(finding.message),
            "remedy": in_each_language(finding.remedy),
            "fixable": finding.fix is not None,
        }
        for finding in findings
    ]


def require_clear(found: Preflight, *, yes: bool, quiet: bool) -> None:
    """Refuse an issue with errors, and ask for confirmation of warnings.

    Raises:
        ContentError: The issue has an error.
        typer.Abort: The user did not confirm.
    """
    warnings = found.of(Severity.WARNING)
    if not quiet:
        show_findings(found.findings)
    if blocking := found.of(Severity.ERROR):
        raise ContentError(
            msg(
                "Preflight found {count} error(s): {message}",
                count=len(blocking),
                message=blocking[0].message,
            ),
            remedy=blocking[0].remedy,
        )
    if warnings and not yes:
        errors.print(
            ngettext(
                "Preflight found {count} warning.",
                "Preflight found {count} warnings.",
                len(warnings),
            )
        )
        confirm(_("Send it anyway?"), option="--yes")
