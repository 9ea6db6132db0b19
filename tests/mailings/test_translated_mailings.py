"""Translated issues: each reader gets the translation that fits their language, or the original."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BatchRow, IssueRow, NewsletterRow, SeriesMailingRow
from newsletter.database.vocabulary import Visibility
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.language import Language, closest_language
from newsletter.issues.checks.findings import Severity
from newsletter.issues.drafts.saving import get_draft, save_draft
from newsletter.issues.drafts.translating import remove_translation, replace_translation
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import Issue, issue_from_json, issue_to_json
from newsletter.issues.search import Indexed, index_words, words_of
from newsletter.issues.store import find_issue
from newsletter.issues.translation_files import translation_from_issue
from newsletter.issues.translations import (
    language_conditions,
    with_translation,
)
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.approvals.requests import ready_draft
from newsletter.mailings.archive import find_publication, languages_of, search_archive
from newsletter.mailings.orders.readiness import stored_findings
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.planning.shown_as import find_shown_as
from newsletter.mailings.planning.variants import (
    content_of_reader,
    original_of_reader,
    read_rendered,
    sent_variants,
    variant_sent,
)
from newsletter.mailings.series.activation import activate
from newsletter.mailings.series.planning import plan_series
from newsletter.mailings.series.steps import list_steps
from newsletter.rendering.model import TemplateSource
from newsletter.rendering.slots import fill
from newsletter.settings import Settings
from subscribers.lists.imports.imports import import_csv
from tests.support.corrections import NOTE, take_effect, titled, write_correction
from tests.support.databases import on_one_database
from tests.support.rendering import render_stored
from tests.support.series import begin_series, join
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage, set_stage
from tests.support.worker import work, worker

TOWN = """---
title: 町だより
date: 2026-12-01
---

目印原文

:::for tag = "staff"
目印職員
:::
"""
#: Which translation the readers of each language get, where there are these.
TAGS = ("en", "zh", "zh-Hant", "ja-simple")
READERS = {
    "": "ja",
    "ja": "ja",
    "ja-JP": "ja",
    "ja-simple": "ja-simple",
    "en": "en",
    "en-GB": "en",
    "zh": "zh",
    "zh-CN": "zh",
    "zh-Hans-CN": "zh",
    "zh-Hant": "zh-Hant",
    "zh-TW": "zh-Hant",
    "zh-Hant-HK": "zh-Hant",
    "fr": "ja",
    "enm": "ja",
}


def _read(text: str) -> Issue:
    return read_markdown(text, source="test")[0]


def _in(tag: str) -> Issue:
    text = TOWN.replace("町だより", f"title {tag}").replace("目印", f"mark {tag} ")
    return _read(text)


def stage_in(engine: Engine, *tags: str) -> Stage:
    """Set a stage whose issue is translated into these languages."""
    stage = set_stage(engine, TOWN.encode())
    with transaction(engine) as session:
        row = session.scalars(select(IssueRow)).one()
        issue = issue_from_json(row.content)
        for tag in tags:
            issue = with_translation(issue, translation_from_issue(issue, _in(tag), tag))
        row.content = issue_to_json(issue)
    return stage


def _subscribe(stage: Stage) -> None:
    lines = ["email,language,tags\n"]
    lines += [f"r{at}@example.jp,{tag},\n" for at, tag in enumerate(READERS)]
    lines.append("staff@example.jp,en,staff\n")
    import_csv(stage.engine, stage.newsletter_id, lines, source="test", basis="test")


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = stage_in(engine, *TAGS)
    _subscribe(stage)
    return stage


@on_one_database("sqlite")
def test_each_reader_gets_the_translation_that_fits_their_language_best(
    stage: Stage, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)

    with worker(database_url, smtp_server.url, tmp_path / "data") as services:
        with reading(stage.engine) as session:
            batches = session.scalars(select(BatchRow.number)).all()
        for number in batches:
            work(services, mailing, number)

    got = {each.recipients[0]: each.raw for each in smtp_server.messages}
    assert len(got) == len(smtp_server.messages) == len(READERS) + 1
    for at, tag in enumerate(READERS.values()):
        message = message_from_bytes(got[f"r{at}@example.jp"], policy=default)
        assert isinstance(message, EmailMessage)
        body = message.get_body(("html",))
        assert body is not None
        assert str(message["Subject"]) == ("町だより" if tag == "ja" else f"title {tag}")
        assert str(message["Content-Language"]) == tag
        assert f'lang="{tag}"' in body.get_content()
        assert "職員" not in body.get_content()
    assert "mark en 職員" in _plain(got["staff@example.jp"])


def _plain(raw: bytes) -> str:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@pytest.mark.parametrize(
    ("language", "title"),
    [("zh-TW", "title zh-TW"), ("zh-HK", "title zh-Hant"), ("zh", "title zh")],
)
def test_a_region_s_translation_goes_before_that_of_its_script(
    engine: Engine, language: str, title: str
) -> None:
    stage = stage_in(engine, "zh", "zh-Hant", "zh-TW")
    lines = ["email,language\n", f"a@example.jp,{language}\n"]
    import_csv(engine, stage.newsletter_id, lines, source="test", basis="test")
    mailing = stage.mail()
    plan_mailing(engine, mailing)

    with reading(engine) as session:
        variant = variant_sent(session, mailing, stage.subscriber_id("a@example.jp"))
        rendered = load_content(session, mailing, variant).rendered

    assert fill(rendered.subject, {}) == title
    assert closest_language(language, ["zh", "zh-Hant", "zh-TW"]) == title.removeprefix("title ")


@on_one_database("sqlite")
def test_what_was_ordered_stays_whatever_becomes_of_the_translations(stage: Stage) -> None:
    mailing = stage.mail()
    with transaction(stage.engine) as session:
        row = session.scalars(select(IssueRow)).one()
        row.content = issue_to_json(_read(TOWN))
    plan_mailing(stage.engine, mailing)

    with reading(stage.engine) as session:
        variant = variant_sent(session, mailing, stage.subscriber_id("r5@example.jp"))
        rendered = load_content(session, mailing, variant).rendered
        names = {
            each.name.in_language(Language.ENGLISH) for each in sent_variants(session, mailing)
        }

    assert fill(rendered.subject, {}) == "title en"
    assert {"English version", "Easy Japanese version", "Tag is staff + English version"} <= names


def test_the_archive_shows_the_original(stage: Stage) -> None:
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)

    with reading(stage.engine) as session:
        _issue, content = find_publication(session, stage.newsletter_id, stage.issue)

    assert fill(content.rendered.subject, {}) == "町だより"


def test_the_archive_shows_each_translation_to_whoever_asks_for_it(engine: Engine) -> None:
    stage = stage_in(engine, "en", "zh")
    stage.subscribe("a@example.jp")
    mailing = stage.mail()
    plan_mailing(engine, mailing)

    def title(tag: str) -> str:
        number, slug = stage.newsletter_id, stage.issue
        _issue, content = read_rendered(
            engine, lambda session: find_publication(session, number, slug, language=tag)
        )
        return fill(content.rendered.subject, {})

    with reading(engine) as session:
        titles = list(map(title, languages_of(session, mailing)))
    with pytest.raises(NotFoundError):
        title("fr")

    assert titles == ["title en", "title zh"]


def test_the_archive_finds_what_a_translation_says_and_not_what_is_for_some(
    engine: Engine,
) -> None:
    stage = stage_in(engine, "en")
    stage.subscribe("a@example.jp")
    plan_mailing(engine, stage.mail())
    with transaction(engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        newsletter.visibility = Visibility.PUBLIC
        row = session.scalars(select(IssueRow)).one()
        row.words = words_of(issue_from_json(row.content))
        index_words(session, Indexed.ISSUE, row.id, row.words)

    def found(words: str) -> list[tuple[str, str]]:
        with reading(engine) as session:
            hits = search_archive(session, stage.newsletter_id, words)
        return [(hit.language, hit.title) for hit in hits]

    assert found("mark 原文") == [("en", "title en")]
    assert found("目印") == [("", "町だより")]
    assert found("職員") == []


def _correct(stage: Stage, original: str, tag: str, words: str) -> None:
    draft = write_correction(stage, titled(original), ready=False)
    with transaction(stage.engine) as session:
        issue = draft.issue
        translation = translation_from_issue(issue, replace(_in(tag), title=words), tag)
        draft = replace_translation(session, draft, translation, author="葵")
        ready_draft(session, COMMAND_LINE, draft, Settings(_env_file=None))
    take_effect(stage)


@on_one_database("sqlite")
def test_a_correction_of_both_languages_reaches_the_rest_of_both(engine: Engine) -> None:
    stage = stage_in(engine, "en")
    import_csv(
        engine,
        stage.newsletter_id,
        ["email,language\n", "a@example.jp,ja\n", "b@example.jp,en\n"],
        source="test",
        basis="test",
    )
    mailing = stage.mail()
    plan_mailing(engine, mailing)

    _correct(stage, "町だより 訂正", "en", "Town news, corrected")

    with reading(engine) as session:
        titles = {
            address: fill(
                load_content(
                    session, mailing, variant_sent(session, mailing, stage.subscriber_id(address))
                ).rendered.subject,
                {},
            )
            for address in ("a@example.jp", "b@example.jp")
        }
        _issue, shown = find_publication(session, stage.newsletter_id, stage.issue, language="en")
    assert titles == {"a@example.jp": "町だより 訂正", "b@example.jp": "Town news, corrected"}
    assert fill(shown.rendered.subject, {}) == "Town news, corrected"


_TWO = ["email,language,tags\n", "a@example.jp,ja,\n", "b@example.jp,en,\n"]


def _copy(stage: Stage, mailing: int, address: str) -> str:
    with reading(stage.engine) as session:
        content = content_of_reader(session, mailing, stage.subscriber_id(address))
    return fill(content.rendered.text, {})


def _archived(stage: Stage, tag: str) -> str:
    with reading(stage.engine) as session:
        _issue, content = find_publication(session, stage.newsletter_id, stage.issue, language=tag)
    return fill(content.rendered.text, {})


@on_one_database("sqlite")
def test_a_correction_of_the_original_alone_leaves_others_their_translation_with_a_notice(
    engine: Engine,
) -> None:
    stage = stage_in(engine, "en")
    import_csv(engine, stage.newsletter_id, _TWO, source="test", basis="test")
    mailing = stage.mail()
    plan_mailing(engine, mailing)

    write_correction(stage, titled("正しい題名"))
    take_effect(stage)
    write_correction(stage, titled("さらに正しい題名"), note="二度目の訂正です。")
    take_effect(stage)

    assert "さらに正しい" in _copy(stage, mailing, "a@example.jp")
    for text in (_copy(stage, mailing, "b@example.jp"), _archived(stage, "en")):
        assert "mark en 原文" in text
        assert text.count("The original of this issue has been corrected.") == 1
        assert text.index(NOTE) < text.index("二度目の訂正です。") < text.index("mark en")
        assert "正しい題名" not in text
    with reading(engine) as session:
        original = original_of_reader(session, mailing, stage.subscriber_id("b@example.jp"))
        assert languages_of(session, mailing) == ("en",)
    assert "さらに正しい" in fill(original.rendered.text, {})


@on_one_database("sqlite")
def test_a_copy_sent_later_is_the_translation_that_was_left_behind_with_its_notice(
    engine: Engine,
) -> None:
    stage = stage_in(engine, "en")
    import_csv(engine, stage.newsletter_id, _TWO, source="test", basis="test")
    plan_mailing(engine, stage.mail())
    mailing = stage.mail()
    write_correction(stage, titled("正しい題名"))
    take_effect(stage)

    plan_mailing(engine, mailing)

    assert "正しい題名" in _copy(stage, mailing, "a@example.jp")
    assert "The original of this issue has been corrected." in _copy(stage, mailing, "b@example.jp")
    assert "mark en 原文" in _copy(stage, mailing, "b@example.jp")


@on_one_database("sqlite")
def test_a_translation_that_was_left_behind_is_whole_once_it_is_mended(engine: Engine) -> None:
    stage = stage_in(engine, "en")
    import_csv(engine, stage.newsletter_id, _TWO, source="test", basis="test")
    mailing = stage.mail()
    plan_mailing(engine, mailing)
    write_correction(stage, titled("正しい題名"))
    take_effect(stage)

    _correct(stage, "町だより 訂正", "en", "Town news, corrected")

    for text in (_copy(stage, mailing, "b@example.jp"), _archived(stage, "en")):
        assert "Town news, corrected" in text
        assert "has been corrected" not in text


@on_one_database("sqlite")
def test_a_correction_without_a_translation_that_was_sent_withdraws_it(engine: Engine) -> None:
    stage = stage_in(engine, "en")
    import_csv(engine, stage.newsletter_id, _TWO, source="test", basis="test")
    mailing = stage.mail()
    plan_mailing(engine, mailing)

    draft = write_correction(stage, titled("町だより 訂正"), ready=False)
    with transaction(engine) as session:
        draft = remove_translation(session, draft, "en")
        ready_draft(session, COMMAND_LINE, draft, Settings(_env_file=None))
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        warned = stored_findings(
            session, newsletter, draft.issue, besides=draft.corrects, is_correction=True
        )
    take_effect(stage)

    assert any(
        "was sent in English" in each.message.in_language(Language.ENGLISH)
        for each in warned.findings
    )
    assert "町だより 訂正" in _copy(stage, mailing, "b@example.jp")
    with reading(engine) as session:
        assert languages_of(session, mailing) == ()


@on_one_database("sqlite")
def test_a_correction_cannot_add_a_language_to_what_was_sent(engine: Engine) -> None:
    stage = stage_in(engine)
    stage.subscribe("a@example.jp")
    plan_mailing(engine, stage.mail())

    with pytest.raises(ConflictError, match="without a translation into"):
        _correct(stage, "町だより 訂正", "en", "Town news, corrected")


def test_a_changed_translation_is_other_content_to_approve(engine: Engine) -> None:
    stage = stage_in(engine, "en")
    folder = Settings(_env_file=None).templates_dir

    def digest() -> str:
        with reading(engine) as session:
            newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
            issue = find_issue(session, stage.newsletter_id, stage.issue)
            return content_digest(
                newsletter, render_stored(issue, newsletter, templates_dir=folder)
            )

    before = digest()
    with transaction(engine) as session:
        row = session.scalars(select(IssueRow)).one()
        issue = issue_from_json(row.content)
        other = translation_from_issue(issue, _in("other"), "en")
        row.content = issue_to_json(with_translation(issue, other))

    assert digest() != before


def test_what_a_template_says_in_a_translation_alone_is_other_content_to_approve(
    engine: Engine,
) -> None:
    stage = stage_in(engine, "en")
    folder = Settings(_env_file=None).templates_dir

    def digest(body: str) -> str:
        source = TemplateSource(body=body, text="{{ issue.title }}", subject="{{ issue.title }}")
        with reading(engine) as session:
            newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
            issue = find_issue(session, stage.newsletter_id, stage.issue)
            rendered = render_stored(issue, newsletter, templates_dir=folder)
            assert rendered.recipe is not None
            publisher = replace(rendered.recipe.publisher, templates=(("own/mine", source),))
            recipe = replace(rendered.recipe, template="own/mine", publisher=publisher)
            return content_digest(newsletter, replace(rendered, recipe=recipe))

    hidden = "{% if lang == 'en' %}more{% endif %}"
    assert digest("{{ issue.title }}") != digest("{{ issue.title }}" + hidden)


def test_preflight_names_an_incomplete_translation_with_its_readers(stage: Stage) -> None:
    stage.mail()
    with transaction(stage.engine) as session:
        row = session.scalars(select(IssueRow)).one()
        changed = {**row.content, "title": "町だより 増刊"}
        row.content = changed
    with reading(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        content = issue_from_json(changed)
        known = stored_findings(session, newsletter, content, besides=None)
        correcting = stored_findings(
            session, newsletter, content, besides=row.id, is_correction=True
        )

    lacking = {each.about: each for each in known.findings if each.code == "translation-incomplete"}
    assert set(lacking) == set(TAGS)
    assert lacking["en"].severity is Severity.WARNING
    assert lacking["en"].message.in_language(Language.ENGLISH) == (
        "The translation into English lacks 1 part; its readers (3) get the original."
    )
    # Whoever received it gets nothing anew by a correction.
    assert [
        each.message.in_language(Language.ENGLISH)
        for each in correcting.findings
        if (each.code, each.about) == ("translation-incomplete", "en")
    ] == [
        (
            "The translation into English lacks 1 part. In the archive and in all copies, its "
            "readers see it uncorrected, with a notice that the original was corrected."
        )
    ]
    assert language_conditions(content) == ()


def test_a_preview_may_be_shown_in_a_language_that_nobody_reads(engine: Engine) -> None:
    stage = stage_in(engine, "en")
    stage.subscribe("a@example.jp")
    with reading(engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        issue = issue_from_json(find_issue(session, stage.newsletter_id, stage.issue).content)
        shown = find_shown_as(
            session, newsletter, issue, "", sees_people=False, language=Language.ENGLISH
        )

    assert [(each.name.in_language(Language.ENGLISH), each.people) for each in shown.variants] == [
        ("Only what is for everybody", 1),
        ("English version", 0),
    ]


def test_a_step_of_a_series_reaches_each_reader_in_their_language(engine: Engine) -> None:
    stage = set_stage(engine, TOWN.encode())
    series = begin_series(engine, active=False)
    with transaction(engine) as session:
        step = list_steps(session, series)[0]
        draft = get_draft(session, stage.newsletter_id, step.draft_id or 0)
        draft = save_draft(session, draft, _read(TOWN), author="editor")
        english = translation_from_issue(draft.issue, _in("en"), "en")
        replace_translation(session, draft, english, author="葵")
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        settings = Settings(_env_file=None)
        activate(session, COMMAND_LINE, newsletter, series, settings, revision=None)
    join(engine, "a@example.jp", language="en-GB")
    join(engine, "b@example.jp", language="ja")
    plan_series(engine)

    titles = {}
    with reading(engine) as session:
        mailing = session.scalars(select(SeriesMailingRow.mailing_id)).one()
        for address in ("a@example.jp", "b@example.jp"):
            variant = variant_sent(session, mailing, stage.subscriber_id(address))
            rendered = load_content(session, mailing, variant).rendered
            titles[address] = fill(rendered.subject, {})

    assert titles == {"a@example.jp": "title en", "b@example.jp": "町だより"}
