"""Templates of a newsletter's own: checked before they are kept, with all their versions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, NewsletterRow
from newsletter.errors import ConflictError, ContentError, NotFoundError, TemplateError
from newsletter.i18n.language import Language
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.planning.content import load_content
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter, find_newsletter
from newsletter.newsletters.templates import (
    KeptTemplate,
    TemplateTrial,
    delete_template,
    difference,
    get_template,
    list_templates,
    list_versions,
    save_template,
    shipped_source,
)
from newsletter.rendering.foreign_templates import import_template
from newsletter.rendering.model import TemplateSource
from newsletter.rendering.slots import fill
from newsletter.settings import shipped_templates
from tests.support.growth import assert_linear
from tests.support.stage import Stage

pytestmark = pytest.mark.servers

_FOLDER = shipped_templates()
_LETTER = shipped_source(_FOLDER, "letter")
_MARKED = replace(_LETTER, body=_LETTER.body.replace("<mj-body", "<!-- ours -->\n<mj-body", 1))


def _trial(stage: Stage) -> TemplateTrial:
    with reading(stage.engine) as session:
        publisher = publisher_of(find_newsletter(session, "digest"))
    return TemplateTrial(
        engine=stage.engine,
        newsletter_id=stage.newsletter_id,
        publisher=publisher,
        folder=_FOLDER,
    )


def _save(
    stage: Stage, source: TemplateSource, *, name: str = "season", version: int | None = None
) -> KeptTemplate:
    return save_template(_trial(stage), COMMAND_LINE, name=name, source=source, version=version)


def test_each_change_is_a_version_which_can_be_compared_and_brought_back(stage: Stage) -> None:
    first = _save(stage, _LETTER, version=0)
    assert _save(stage, _LETTER, version=first.version).version == first.version
    second = _save(stage, replace(_LETTER, subject="便り {{ issue.title }}\n"), version=1)
    with reading(stage.engine) as session:
        versions = list_versions(session, stage.newsletter_id, "season")
        logged = session.scalars(
            select(AuditEventRow.details).where(AuditEventRow.action == Action.TEMPLATE_SAVE)
        ).all()
    assert [version.version for version in versions] == [2, 1]
    assert [line["version"] for line in logged] == [1, 2]
    changes = difference(versions[1].source, versions[0].source, Language.ENGLISH)
    assert list(changes)[-2:] == [
        ("-", "{{ issue.title }}"),
        ("+", "便り {{ issue.title }}"),
    ]
    with pytest.raises(ConflictError):
        _save(stage, _MARKED, version=1)
    with pytest.raises(ConflictError):
        _save(stage, _MARKED, version=0)
    back = _save(stage, versions[1].source, version=second.version)
    assert (back.version, back.source) == (3, _LETTER)


def test_versions_are_compared_with_context_in_time_that_grows_with_their_lines() -> None:
    def changes(*bodies: str) -> list[tuple[str, str]]:
        before, after = (TemplateSource(body=body, text="", subject="") for body in bodies)
        return list(difference(before, after, Language.ENGLISH))

    assert changes("a\nb\nc\nd\ne\nf\ng", "a\nb\nc\nd\nE\nf\ng") == [
        ("@", "MJML"),
        ("@", "@@ -3 +3 @@"),
        *((" ", "c"), (" ", "d"), ("-", "e"), ("+", "E"), (" ", "f"), (" ", "g")),
    ]

    def shuffled(lines: int) -> tuple[str, str]:
        orders = ([f"{each * step % 997}" for each in range(lines)] for step in (7, 11))
        before, after = ("\n".join(order) for order in orders)
        return before, after

    assert_linear(lambda bodies: changes(*bodies), shuffled, size=64_000)


def test_a_mailing_keeps_the_version_that_it_was_made_with(stage: Stage) -> None:
    stage.subscribe("a@example.jp")
    kept = _save(stage, _LETTER)
    with transaction(stage.engine) as session:
        session.get_one(NewsletterRow, stage.newsletter_id).template = kept.full_name
    before = stage.mail()
    _save(stage, replace(_LETTER, subject="便り {{ issue.title }}\n"))
    with reading(stage.engine) as session:
        subject = fill(load_content(session, before).rendered.subject, {})
    assert not subject.startswith("便り")
    with transaction(stage.engine) as session, pytest.raises(ConflictError):
        delete_template(session, COMMAND_LINE, stage.newsletter_id, "season")


@pytest.mark.parametrize(
    ("source", "where"),
    [
        (replace(_LETTER, body="<mjml><mj-body></mj-body></mjml>"), "MJML"),
        (replace(_LETTER, body="<mjml><mj-bdy></mj-bdy></mjml>"), "MJML:1"),
        (replace(_LETTER, text="{{ publisher.name }}"), "Plain text"),
        (replace(_LETTER, subject="{% if %}"), "Subject:1"),
        (replace(_LETTER, body=" "), "MJML"),
        (replace(_LETTER, body="x" * 200_001), "MJML"),
    ],
)
def test_nothing_is_kept_that_loses_anything(
    stage: Stage, source: TemplateSource, where: str
) -> None:
    with pytest.raises((TemplateError, ContentError)) as refused:
        _save(stage, source)
    assert str(refused.value.place) == where
    with reading(stage.engine) as session:
        assert list_templates(session, stage.newsletter_id) == ()


@pytest.mark.parametrize("name", ["", "-a", "A", "a/b", "a" * 41, "../x"])
def test_a_name_that_is_none_is_refused(stage: Stage, name: str) -> None:
    with pytest.raises(ContentError):
        _save(stage, _LETTER, name=name)


def test_no_newsletter_has_anothers(stage: Stage) -> None:
    _save(stage, _LETTER)
    draft = NewsletterDraft(
        slug="second", name="別", from_address="s@example.jp", postal_address="東京都"
    )
    with transaction(stage.engine) as session:
        other = create_newsletter(session, draft).id
    with reading(stage.engine) as session:
        assert list_templates(session, other) == ()
        assert publisher_of(find_newsletter(session, "second")).templates == ()
        with pytest.raises(NotFoundError):
            get_template(session, other, "season")
    with transaction(stage.engine) as session:
        delete_template(session, COMMAND_LINE, stage.newsletter_id, "season")
    with reading(stage.engine) as session:
        assert list_templates(session, stage.newsletter_id) == ()


_FOREIGN = """<mjml>
  <mj-body background-color="#fafafa">
    <mj-section vertical-align="top"><mj-column>
      <mj-text>*|MC:SUBJECT|*</mj-text>
      <mj-text>{greeting}</mj-text>
      <mj-text>{{webview_text}} <a href="{{webview_url}}">Web</a></mj-text>
      <mj-text>
        <a href="*|UNSUB|*">Unsubscribe</a> {{{{ .Subscriber.Name }}}}
      </mj-text>
    </mj-column></mj-section>
  </mj-body>
</mjml>
"""


def test_a_template_from_elsewhere_is_taken_and_the_rest_told_by_line(stage: Stage) -> None:
    foreign = _FOREIGN.format(greeting="Hello *|FNAME|*").encode()
    taken = import_template(foreign, source="theirs.mjml")
    lines = taken.body.splitlines()
    assert [
        (lines[remark.line - 1].strip(), str(remark.message).partition("”")[0])
        for remark in taken.remarks
    ] == [
        ('<mj-section vertical-align="top"><mj-column>', "<mj-section> ignores “vertical-align"),
        ("<mj-text>Hello *|FNAME|*</mj-text>", "“*|FNAME|*"),
        (
            '<mj-text>{webview_text} <a href="{{ slots.view_url }}">Web</a></mj-text>',
            "“{webview_text}",
        ),
        (
            '<a href="{{ slots.unsubscribe_url }}">Unsubscribe</a> {{ .Subscriber.Name }}',
            "“{{ .Subscriber.Name }}",
        ),
    ]
    body = taken.body.replace("*|FNAME|*", "").replace("{{ .Subscriber.Name }}", "")
    assert _save(stage, replace(_LETTER, body=body)).version == 1

    included = import_template(b'<mjml>\n<mj-include path="a.mjml" />\n</mjml>', source="x")
    assert any("Other files" in str(remark.message) for remark in included.remarks)
    for data in (b"", b"\xff<mjml>", b"<html>", b"<mjml>" * 50_000):
        with pytest.raises(ContentError):
            import_template(data, source="x")
    assert import_template(_LETTER.body.encode(), source="ours").body == _LETTER.body


@pytest.mark.parametrize("name", ["", "none", "../letter", "x" * 3000, "letter/"])
def test_a_name_that_no_shipped_template_has_is_told(name: str) -> None:
    with pytest.raises(NotFoundError):
        shipped_source(_FOLDER, name)
