"""Preflight: check content and mail in one run; a failing template is a finding as well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

from newsletter.errors import TemplateError
from newsletter.i18n.messages import msg
from newsletter.i18n.normal_form import split_url
from newsletter.i18n.values import Worded
from newsletter.issues.checks.content import check_issue
from newsletter.issues.checks.findings import (
    Finding,
    IssueField,
    IssuePlace,
    Severity,
    sorted_findings,
)
from newsletter.issues.checks.links import find_url_fault
from newsletter.issues.conditions import sizes_by_conditions
from newsletter.issues.model import Issue, Snippet
from newsletter.issues.snippets import Snippets, resolve_snippets
from newsletter.issues.walking import walk_pictures, walk_placed_blocks
from newsletter.rendering.checks import check_mail, check_variant_size
from newsletter.rendering.environment import templates_in
from newsletter.rendering.model import OWN, Publisher, RenderedIssue
from newsletter.rendering.render import render_as, render_issue
from newsletter.rendering.sandbox import check_in_sandbox

_PICTURE = re.compile(r'<img\b[^>]{0,2000}?\bsrc="(https?://[^"\s]{1,2000})"')


@dataclass(frozen=True, kw_only=True, slots=True)
class PriorFindings:
    """Findings and facts from the database or DNS, known before the mail is rendered.

    Attributes:
        findings: The findings.
        variants: The name of each variant by the conditions that its readers meet; empty if all
            readers get the same mail, or if it was not looked up.
        words: The words of the newsletter's own dictionary, folded.
    """

    findings: tuple[Finding, ...] = ()
    variants: Mapping[tuple[str, ...], Worded] = field(default_factory=dict)
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Preflight:
    """The findings and the rendered mail, which is None if the template failed."""

    findings: tuple[Finding, ...]
    rendered: RenderedIssue | None

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity is severity)

    @property
    def blocked(self) -> bool:
        """Whether an error prevents sending."""
        return bool(self.of(Severity.ERROR))


def run_preflight(
    issue: Issue,
    *,
    template: str,
    templates_dir: Path,
    publisher: Publisher,
    known: PriorFindings | None = None,
    own_site: str = "",
) -> Preflight:
    """Check an issue and its rendered mail; ``known`` has findings from elsewhere, such as DNS.

    URLs below ``own_site`` are the installation's own, for example its pictures. In a trial, only
    this computer can reach the site, and that is not a fault of the issue.

    Raises:
        NotFoundError: There is no such template.
    """
    known = known or PriorFindings()
    written, snippets = issue, dict(publisher.snippets)
    issue = resolve_snippets(issue, snippets)
    found = _in_snippets(check_issue(issue, publisher.fields, known.words), written, snippets)
    findings = [*found, *known.findings, *_pictures_elsewhere(issue, own_site)]
    try:
        rendered = render_issue(
            issue,
            template=template,
            templates_dir=templates_dir,
            publisher=publisher,
            site=own_site.rstrip("/"),
        )
        checked = _check(rendered, publisher, template=template)
    except TemplateError as error:
        findings.append(_template_finding(error))
        return Preflight(findings=_sorted(findings, own_site), rendered=None)
    # The issue's own use of a name is reported at its place, so it is not reported again.
    is_said = any(each.code == "field-fallback" for each in findings)
    findings.extend(
        each
        for each in _in_mail(issue, checked, known.variants, rendered)
        if not (is_said and each.code == "slot-name")
    )
    findings.extend(_idle_findings(template, templates_dir))
    findings.extend(_templates_pictures_elsewhere(issue, rendered, own_site))
    return Preflight(findings=_sorted(findings, own_site), rendered=rendered)


def _pictures_elsewhere(issue: Issue, own_site: str) -> Iterator[Finding]:
    """Yield pictures on other sites, as in text pasted from a web page.

    Our pages do not load them, because the owner of the other site would learn who edits what and
    when.
    """
    own = own_site.rstrip("/") + "/"
    for place, picture in walk_pictures(issue) if own_site else ():
        if not picture.source.startswith(own) and find_url_fault(picture.source) is None:
            yield Finding(
                code="picture-elsewhere",
                severity=Severity.HINT,
                place=place,
                about=picture.source,
                message=msg(
                    "The picture lies on another site: {site}",
                    site=urlsplit(picture.source).hostname,
                ),
                remedy=msg(
                    "The preview does not show it, and readers lose it when that site removes it. "
                    "Save the picture, and replace it with the file."
                ),
            )


def _site_of(source: str) -> str:
    """Return the host and port of a picture's URL; empty if it has none or is malformed."""
    try:
        return split_url(source).netloc
    except ValueError:
        return ""


def _templates_pictures_elsewhere(
    issue: Issue, rendered: RenderedIssue, own_site: str
) -> Iterator[Finding]:
    """Yield the other sites from which a template loads pictures.

    The arrows of MJML's own carousel are among them, although nobody wrote their URLs.
    """
    if not own_site:
        return
    written = {picture.source for _, picture in walk_pictures(issue)}
    found = _PICTURE.findall("".join(part for part in rendered.html if isinstance(part, str)))
    sources = {unescape(source) for source in found} - written
    for site in sorted({_site_of(source) for source in sources}):
        if site not in {"", urlsplit(own_site).netloc}:
            yield Finding(
                code="template-picture-elsewhere",
                severity=Severity.HINT,
                place=IssuePlace(field=IssueField.MAIL),
                about=site,
                message=msg(
                    "The template or the look loads pictures from another site: {site}", site=site
                ),
                remedy=msg(
                    "Whoever opens the mail asks that site for them. Bring them into the library, "
                    "and put the addresses they get there into the template."
                ),
            )


def _check(rendered: RenderedIssue, publisher: Publisher, *, template: str) -> tuple[Finding, ...]:
    """Return the findings for a mail; one of an own template may take any time to check."""
    if template.startswith(OWN):
        return check_in_sandbox(rendered, publisher, template=template)
    return check_mail(rendered, publisher)


def _in_mail(
    issue: Issue,
    checked: Iterable[Finding],
    variants: Mapping[tuple[str, ...], Worded],
    rendered: RenderedIssue,
) -> Iterator[Finding]:
    """Yield the findings for the mail with all parts, or for the largest mail of any reader.

    No variant is larger than the mail with all parts. If that one is small enough, no other mail
    is rendered; if not, one more is.
    """
    for finding in checked:
        if finding.code != "size" or not variants:
            yield finding
            continue
        sizes = sizes_by_conditions(issue)
        largest = max(
            variants,
            key=lambda met: sum(size for needs, size in sizes.items() if needs.issubset(met)),
        )
        try:
            mail = render_as(rendered, largest)
        except TemplateError as error:
            yield _template_finding(error)
        else:
            yield from check_variant_size(mail, variants[largest])


def _in_snippets(
    findings: Iterable[Finding], issue: Issue, snippets: Snippets
) -> Iterator[Finding]:
    """Mark the findings that are in a snippet, because they can only be corrected there."""
    named: dict[str, set[str]] = {}
    for place, block in walk_placed_blocks(issue):
        if isinstance(block, Snippet) and block.name in snippets:
            named.setdefault(block.name, set()).add(place.anchor)
    bare = replace(issue, lead=(), chapters=())
    without = {(found.code, found.about, found.within) for found in check_issue(bare)}
    alone = {
        name: {
            (found.code, found.about, found.within)
            for found in check_issue(replace(bare, lead=snippets[name]))
        }
        - without
        for name in named
    }
    for finding in findings:
        about = (finding.code, finding.about, finding.within)
        for name, anchors in named.items():
            if finding.place.anchor in anchors and about in alone[name]:
                yield replace(finding, snippet=name, fix=None)
                break
        else:
            yield finding


def _sorted(findings: Iterable[Finding], own_site: str) -> tuple[Finding, ...]:
    trial = bool(own_site) and find_url_fault(f"{own_site}/") is not None
    return sorted_findings(
        _own_address(finding, own_site)
        if trial
        and finding.code in {"url-malformed", "url-http"}
        and finding.about.startswith(f"{own_site}/")
        else finding
        for finding in findings
    )


def _own_address(finding: Finding, own_site: str) -> Finding:
    """Return the one hint that replaces the findings for each URL of this installation."""
    return Finding(
        code="url-local",
        severity=Severity.HINT,
        place=finding.place,
        about=own_site,
        message=msg("Pictures and files at {site} open on this machine alone.", site=own_site),
        remedy=msg(
            "In a trial this does no harm. Before you send to readers, ask whoever runs the "
            "system to give it an address that readers can reach."
        ),
    )


def _idle_findings(template: str, templates_dir: Path) -> Iterator[Finding]:
    for reason, place in templates_in(templates_dir).without_effect(template):
        yield Finding(
            code="template-attribute",
            severity=Severity.WARNING,
            place=IssuePlace(field=IssueField.MAIL),
            about=str(place),
            message=msg(
                "An attribute of the template has no effect. {place}: {reason}",
                place=place,
                reason=reason,
            ),
            remedy=msg("Remove the attribute."),
        )


def _template_finding(error: TemplateError) -> Finding:
    place = error.place.described() if error.place else None
    reason = (
        msg("{place}{sentence}", place=place, sentence=error.message) if place else error.message
    )
    if not error.place:
        return Finding(
            code="template",
            severity=Severity.ERROR,
            place=IssuePlace(field=IssueField.MAIL),
            message=msg(
                "Part of the text was lost in the conversion to HTML. {reason}", reason=reason
            ),
            remedy=msg(
                "Write that passage differently. The template is not at fault; please report it."
            ),
        )
    return Finding(
        code="template",
        severity=Severity.ERROR,
        place=IssuePlace(field=IssueField.MAIL),
        message=msg("The template cannot be rendered. {reason}", reason=reason),
        remedy=msg("Correct the template, or choose another."),
    )
