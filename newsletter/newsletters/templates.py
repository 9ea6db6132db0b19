"""A newsletter's own mail templates, in MJML and Jinja, with all their versions.

Templates are rendered in a sandbox (`newsletter.rendering.sandbox`). A template is saved only if it
renders the sample issue and the last issue completely, so that no mailing fails because of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, delete, exists, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    DraftRow,
    IssuePatternRow,
    IssueRow,
    NewsletterRow,
    TemplateRow,
    TemplateVersionRow,
)
from newsletter.database.types import now
from newsletter.errors import ConflictError, ContentError, NotFoundError, Place
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Size
from newsletter.issues.alignment import opcodes
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.sources.reading import read_issue
from newsletter.rendering.model import (
    BODY,
    OWN,
    SUBJECT,
    TEXT,
    Publisher,
    RenderedIssue,
    TemplateSource,
    place_in_template,
)
from newsletter.rendering.render import render_issue
from newsletter.samples import sample_issue
from newsletter.settings import template_folders

#: The maximum length of a part of a template, and number of templates per newsletter.
LONGEST_PART, _MOST = 200_000, 20
#: Unchanged lines that are shown before and after a change.
_CONTEXT = 2
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptTemplate:
    """A template, or one of its versions.

    Attributes:
        version: The version's number, which the next change must name.
    """

    name: str
    source: TemplateSource
    version: int
    author: str
    saved_at: datetime

    @property
    def full_name(self) -> str:
        """Its name in settings and issues."""
        return OWN + self.name


def own_templates(newsletter: NewsletterRow) -> tuple[tuple[str, TemplateSource], ...]:
    """Return a newsletter's own templates for rendering."""
    return tuple((OWN + row.name, _source(row)) for row in newsletter.templates)


def list_templates(session: Session, newsletter_id: int) -> tuple[KeptTemplate, ...]:
    """Return a newsletter's own templates by name."""
    rows = session.scalars(
        select(TemplateRow)
        .where(TemplateRow.newsletter_id == newsletter_id)
        .order_by(TemplateRow.name)
    )
    return tuple(_kept(row) for row in rows)


def get_template(session: Session, newsletter_id: int, name: str) -> KeptTemplate:
    """Return a newsletter's own template.

    Raises:
        NotFoundError: The newsletter has no template with this name.
    """
    return _kept(_find(session, newsletter_id, name))


def list_versions(session: Session, newsletter_id: int, name: str) -> Sequence[KeptTemplate]:
    """Return all versions of a template, the newest first.

    Raises:
        NotFoundError: The newsletter has no template with this name.
    """
    row = _find(session, newsletter_id, name)
    versions = session.scalars(
        select(TemplateVersionRow)
        .where(TemplateVersionRow.template_id == row.id)
        .order_by(TemplateVersionRow.number.desc())
    )
    return [
        KeptTemplate(
            name=name,
            source=_source(version),
            version=version.number,
            author=version.author,
            saved_at=version.saved_at,
        )
        for version in versions
    ]


def get_version(session: Session, newsletter_id: int, name: str, number: int) -> KeptTemplate:
    """Return a version of a template.

    Raises:
        NotFoundError: The template has no such version.
    """
    for version in list_versions(session, newsletter_id, name):
        if version.version == number:
            return version
    raise NotFoundError(msg("There is no version {number}.", number=number))


def shipped_source(templates_dir: Path, name: str) -> TemplateSource:
    """Return the source of a template in a folder, from which an own one can start.

    Raises:
        NotFoundError: There is no template with this name.
    """
    for folder in template_folders(templates_dir, "email"):
        files = [folder / name / file for file in ("body.mjml.j2", "body.txt.j2", "subject.txt.j2")]
        if re.fullmatch(r"[a-z][a-z0-9-]{0,63}", name) and all(file.is_file() for file in files):
            body, text, subject = (file.read_text(encoding="utf-8") for file in files)
            return TemplateSource(body=body, text=text, subject=subject)
    raise NotFoundError(msg("There is no template “{name}”.", name=name))


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateTrial:
    """The data for trying a template.

    Attributes:
        publisher: The newsletter's data for templates.
        folder: The folder of partials.
    """

    engine: Engine
    newsletter_id: int
    publisher: Publisher
    folder: Path


def try_template(trial: TemplateTrial, source: TemplateSource) -> RenderedIssue:
    """Render a newsletter's last issue, or else the sample, in a template that is not saved yet.

    Raises:
        TemplateError: The template is faulty, its result lacks parts of the issue, or it exceeds a
            limit; the message names file and line.
    """
    with reading(trial.engine) as session:
        newsletter = session.get_one(NewsletterRow, trial.newsletter_id)
        last = session.scalars(
            select(IssueRow)
            .where(IssueRow.newsletter_id == newsletter.id)
            .order_by(IssueRow.issue_date.desc(), IssueRow.id.desc())
            .limit(1)
        ).one_or_none()
    issue = issue_from_json(last.content) if last else _sample(newsletter.language)
    return _render(issue, trial, source)


def check_template(trial: TemplateTrial, source: TemplateSource) -> None:
    """Check that a template renders the last issue and the sample completely.

    Raises:
        ContentError: A part of the template is empty or too long.
        TemplateError: As for `try_template`.
    """
    for file, part in ((BODY, source.body), (TEXT, source.text), (SUBJECT, source.subject)):
        if not part.strip():
            raise ContentError(msg("This part is empty."), place=place_in_template(file))
        if len(part) > LONGEST_PART:
            raise ContentError(
                msg("This part is longer than {limit}.", limit=Size(LONGEST_PART)),
                place=place_in_template(file),
            )
    try_template(trial, source)
    # The sample has elements that the last issue may lack: chapters, links, a table of contents.
    _render(_sample(Language.JAPANESE), trial, source)


def _render(issue: Issue, trial: TemplateTrial, source: TemplateSource) -> RenderedIssue:
    name = f"{OWN}template"
    publisher = replace(trial.publisher, templates=((name, source),))
    return render_issue(issue, template=name, templates_dir=trial.folder, publisher=publisher)


def _sample(language: Language) -> Issue:
    return read_issue(sample_issue(language), source="sample").issue


def save_template(
    trial: TemplateTrial,
    actor: Actor,
    *,
    name: str,
    source: TemplateSource,
    version: int | None = None,
) -> KeptTemplate:
    """Save a template as its newest version, for future mails.

    Existing mailings are not affected. Issues that were approved in an earlier version must be
    approved again. The template is checked before anything is locked.

    Args:
        trial: The data for trying it, with its newsletter.
        actor: The administrator.
        name: The name of a new or existing template: lower-case letters, digits and hyphens.
        source: The template.
        version: The version that was edited; 0 for a new template, None to replace any.

    Raises:
        ContentError: The name is not valid, or a part is empty or too long.
        TemplateError: The template cannot be rendered; the message names file and line.
        ConflictError: Another person changed it, the name is taken, or there are too many.
    """
    if not _NAME.fullmatch(name):
        raise ContentError(
            msg("A template's name has small letters, digits and hyphens, 40 at most."),
            place=Place(source="template", field="name"),
        )
    check_template(trial, source)
    newsletter_id = trial.newsletter_id
    with transaction(trial.engine) as session:
        session.get_one(NewsletterRow, newsletter_id, with_for_update=True)
        row = session.scalars(
            select(TemplateRow).where(
                TemplateRow.newsletter_id == newsletter_id, TemplateRow.name == name
            )
        ).one_or_none()
        if row is None:
            row = _new_row(session, newsletter_id, name, version)
        elif version is not None and row.version != version:
            raise ConflictError(
                msg("Somebody else changed this template in the meantime.")
                if version
                else msg("There is a template “{name}” already.", name=name),
                remedy=msg("Compare the versions, then save once more."),
            )
        elif _source(row) == source:
            return _kept(row)
        row.body, row.text, row.subject = source.body, source.text, source.subject
        row.author, row.updated_at = actor.name, now()
        session.add(row)
        session.flush()
        session.add(
            TemplateVersionRow(
                template_id=row.id,
                number=row.version,
                body=row.body,
                text=row.text,
                subject=row.subject,
                author=row.author,
            )
        )
        record_event(
            session,
            actor,
            Action.TEMPLATE_SAVE,
            object=f"template {OWN}{name}",
            newsletter_id=newsletter_id,
            details={"version": row.version},
        )
        session.flush()
        return _kept(row)


def _new_row(session: Session, newsletter_id: int, name: str, version: int | None) -> TemplateRow:
    if version:
        raise ConflictError(msg("This template was deleted in the meantime."))
    if len(list_templates(session, newsletter_id)) >= _MOST:
        raise ConflictError(msg("A newsletter has at most {limit} templates.", limit=_MOST))
    return TemplateRow(newsletter_id=newsletter_id, name=name)


def delete_template(session: Session, actor: Actor, newsletter_id: int, name: str) -> None:
    """Delete a template with its versions; existing mailings are not affected.

    Raises:
        ConflictError: The newsletter, an issue, a draft or a pattern uses it.
        NotFoundError: There is no template with this name.
    """
    newsletter = session.get_one(NewsletterRow, newsletter_id, with_for_update=True)
    row = _find(session, newsletter_id, name)
    full = OWN + name
    used = [
        exists().where(table.newsletter_id == newsletter_id, table.template == full)
        for table in (DraftRow, IssueRow, IssuePatternRow)
    ]
    if newsletter.template == full:
        raise ConflictError(
            msg("The newsletter uses this template."),
            remedy=msg("Choose another one in its settings first."),
        )
    if any(session.scalar(select(use)) for use in used):
        raise ConflictError(
            msg("Issues, drafts or patterns use this template."),
            remedy=msg("It stays for their sake. Choose another template for new issues."),
        )
    session.execute(delete(TemplateVersionRow).where(TemplateVersionRow.template_id == row.id))
    session.delete(row)
    record_event(
        session,
        actor,
        Action.TEMPLATE_DELETE,
        object=f"template {full}",
        newsletter_id=newsletter_id,
    )


def difference(
    before: TemplateSource, after: TemplateSource, language: Language
) -> Iterator[tuple[str, str]]:
    """Yield changed lines with ``+`` or ``-``, context with a blank, and places with ``@``."""
    for file, old, new in (
        (BODY, before.body, after.body),
        (TEXT, before.text, after.text),
        (SUBJECT, before.subject, after.subject),
    ):
        lines, new_lines = old.splitlines(), new.splitlines()
        if lines != new_lines:
            name = place_in_template(file).source
            yield "@", name if isinstance(name, str) else name.in_language(language)
            yield from _changed_lines(lines, new_lines)


def _changed_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the changes of a part, each with its place and the lines around it."""
    steps = [*opcodes(old, new)]
    for index, (tag, start, end, new_start, new_end) in enumerate(steps):
        if tag != "equal":
            if index == 0:
                yield "@", f"@@ -{start + 1} +{new_start + 1} @@"
            yield from (("-", line) for line in old[start:end])
            yield from (("+", line) for line in new[new_start:new_end])
            continue
        behind = start if index == 0 else min(start + _CONTEXT, end)
        ahead = end if index == len(steps) - 1 else max(end - _CONTEXT, behind)
        yield from ((" ", line) for line in old[start:behind])
        if index < len(steps) - 1:
            if ahead > behind or index == 0:
                yield "@", f"@@ -{ahead + 1} +{new_start + ahead - start + 1} @@"
            yield from ((" ", line) for line in old[ahead:end])


def _find(session: Session, newsletter_id: int, name: str) -> TemplateRow:
    row = session.scalars(
        select(TemplateRow).where(
            TemplateRow.newsletter_id == newsletter_id, TemplateRow.name == name.removeprefix(OWN)
        )
    ).one_or_none()
    if row is None:
        raise NotFoundError(msg("There is no template “{name}”.", name=name))
    return row


def _source(row: TemplateRow | TemplateVersionRow) -> TemplateSource:
    return TemplateSource(body=row.body, text=row.text, subject=row.subject)


def _kept(row: TemplateRow) -> KeptTemplate:
    return KeptTemplate(
        name=row.name,
        source=_source(row),
        version=row.version,
        author=row.author,
        saved_at=row.updated_at,
    )
