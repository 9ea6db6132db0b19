"""The note of a correction in each language in which readers have the issue."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import DeliveryRow, NewsletterRow
from newsletter.database.vocabulary import DeliveryState
from newsletter.errors import ListError
from newsletter.mailings.corrections.notes import keep_note, note_languages
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.planning.variants import content_of_reader
from newsletter.rendering.slots import fill
from subscribers.lists.imports.imports import import_csv
from tests.mailings.test_translated_mailings import stage_in
from tests.support.corrections import (
    NOTE,
    confirm_mail,
    look,
    take_effect,
    titled,
    write_correction,
)
from tests.support.databases import on_one_database
from tests.support.stage import Stage

ENGLISH = "The day was wrong. It is 4 December."
_PEOPLE = "email,language", "a@example.jp,ja", "b@example.jp,en", "c@example.jp,zh-TW"


@pytest.fixture
def stage(engine: Engine) -> Stage:
    """An issue in Japanese, English and Chinese that one reader of each has got."""
    stage = stage_in(engine, "en", "zh-Hant")
    import_csv(
        engine, stage.newsletter_id, [f"{each}\n" for each in _PEOPLE], source="t", basis="t"
    )
    plan_mailing(engine, stage.mail())
    with transaction(engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.ACCEPTED))
        session.execute(update(NewsletterRow).values(visibility="public"))
    return stage


def _got(stage: Stage, mailing: int, address: str) -> tuple[str, str]:
    with reading(stage.engine) as session:
        content = content_of_reader(session, mailing, stage.subscriber_id(address))
    return fill(content.rendered.subject, {}), fill(content.rendered.html, {})


@on_one_database("postgresql")
def test_the_mail_about_a_correction_is_in_each_reader_s_language(stage: Stage) -> None:
    write_correction(stage, titled("正しい題名"), en=ENGLISH)
    take_effect(stage)
    mailing = confirm_mail(stage)(stage.engine)
    plan_mailing(stage.engine, mailing)

    subject, html = _got(stage, mailing, "a@example.jp")
    assert subject == "【訂正】正しい題名"
    assert f'<p class="body">{NOTE}</p>' in _plain(html)

    subject, html = _got(stage, mailing, "b@example.jp")
    assert subject == "[Correction] title en"
    assert ENGLISH in html
    assert NOTE not in html
    assert f'/archive/digest/{stage.issue}?lang=en"' in html

    subject, html = _got(stage, mailing, "c@example.jp")
    assert subject == "[Correction] title zh-Hant"
    assert f'<p class="body" lang="ja">{NOTE}</p>' in _plain(html)
    assert '<p class="body" lang="en">This is a correction' in _plain(html)


@on_one_database("sqlite")
def test_a_translation_left_behind_has_the_note_in_its_language_or_the_original_s(
    stage: Stage,
) -> None:
    mailing = 1
    write_correction(stage, titled("正しい題名"), en=ENGLISH)
    take_effect(stage)

    english = _got(stage, mailing, "b@example.jp")[1]
    assert ENGLISH in english
    assert NOTE not in english
    chinese = _got(stage, mailing, "c@example.jp")[1]
    assert f'lang="ja">{NOTE}</p>' in _plain(chinese)
    with reading(stage.engine) as session:
        assert NOTE not in fill(load_content(session, mailing).rendered.html, {})


@on_one_database("sqlite")
def test_a_note_in_a_language_that_nobody_was_sent_is_refused(stage: Stage) -> None:
    write_correction(stage, titled("正しい題名"))
    with transaction(stage.engine) as session:
        assert note_languages(session, 1) == ["en", "zh-Hant"]
        with pytest.raises(ListError, match="was not sent in French"):
            keep_note(session, 1, NOTE, {"en": ENGLISH, "fr": "Le jour"})


@on_one_database("sqlite")
def test_another_translation_of_the_note_is_other_content_to_approve(stage: Stage) -> None:
    digests = set()
    for english in ("", ENGLISH):
        write_correction(stage, titled("正しい題名"), en=english)
        digests.add(look(stage).digest)
    assert len(digests) == 2


def _plain(html: str) -> str:
    """Return a mail's HTML without the styles of its elements."""
    return re.sub(r' style="[^"]*"', "", html)
