"""A newsletter's library: found by words, kept where it is used, deleted where nothing needs it."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import ContentUser, LibraryKind
from newsletter.edit_conflicts import EditConflictError, shown_of
from newsletter.errors import ConflictError, ContentError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.issues.drafts.publishing import delete_draft
from newsletter.issues.drafts.saving import create_draft, get_draft, save_draft
from newsletter.issues.library.images import encode_image, find_image
from newsletter.issues.library.search import (
    ItemUse,
    ItemWords,
    LibraryItem,
    LibraryPage,
    search_library,
)
from newsletter.issues.library.stored_files import find_file, read_upload
from newsletter.issues.markdown.reader import read_markdown
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.newsletters.issue_actions import add_file, add_picture, delete_pattern, keep_pattern
from newsletter.newsletters.library import change_item, delete_item
from newsletter.newsletters.look.actions import change_look
from newsletter.newsletters.look.model import Look, LookPicture
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from newsletter.newsletters.snippets import delete_snippet, save_snippet
from tests.support.stage import Stage, set_stage

_SITE = "https://news.example.jp"


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    return stage


def _picture(stage: Stage, *, red: int = 9, newsletter: int = 0, name: str = "面.png") -> str:
    shown = BytesIO()
    Image.new("RGB", (300, 200), (red, 90, 90)).save(shown, "PNG")
    with transaction(stage.engine) as session:
        return add_picture(
            session,
            COMMAND_LINE,
            newsletter or stage.newsletter_id,
            encode_image(shown.getvalue(), source=name),
            alt="図書館の新しい入口",
            name=name,
        )


def _found(stage: Stage, query: str = "", *, newsletter: int = 0) -> LibraryPage:
    with reading(stage.engine) as session:
        return search_library(session, newsletter or stage.newsletter_id, query)


def _only(stage: Stage) -> LibraryItem:
    (item,) = _found(stage).items
    return item


def _delete(stage: Stage, *, newsletter: int = 0) -> None:
    newsletter = newsletter or stage.newsletter_id
    (item,) = _found(stage, newsletter=newsletter).items
    with transaction(stage.engine) as session:
        delete_item(session, COMMAND_LINE, newsletter, item.id)


def _text(body: str) -> str:
    return f"---\ntitle: 二月号\ndate: 2027-02-01\n---\n\n{body}\n"


def _another(stage: Stage) -> int:
    draft = NewsletterDraft(
        slug="second", name="別の便り", from_address="s@example.jp", postal_address="東京都"
    )
    with transaction(stage.engine) as session:
        return create_newsletter(session, draft).id


def test_pictures_and_files_are_found_by_name_and_by_what_they_show(stage: Stage) -> None:
    _picture(stage, name="ＩＭＧ_０１.png")
    with transaction(stage.engine) as session:
        upload = read_upload(b"%PDF-1.4\n% x", name="募集要項.pdf")
        add_file(session, COMMAND_LINE, stage.newsletter_id, upload)

    newest, first = _found(stage).items
    assert (newest.kind, newest.name, newest.size) == (LibraryKind.FILE, "募集要項.pdf", 12)
    assert (first.kind, first.width, first.height) == (LibraryKind.PICTURE, 300, 200)
    assert [item.name for item in _found(stage, "img_01").items] == [first.name]
    assert [item.name for item in _found(stage, "入口 図書").items] == [first.name]
    assert _found(stage, "100%").total == 0
    with reading(stage.engine) as session:
        files = search_library(session, stage.newsletter_id, kind=LibraryKind.FILE)
    assert [item.name for item in files.items] == ["募集要項.pdf"]


def test_what_is_brought_in_again_is_there_once_with_its_newest_description(stage: Stage) -> None:
    path = _picture(stage)
    item = _only(stage)
    with transaction(stage.engine) as session:
        change_item(
            session, COMMAND_LINE, stage.newsletter_id, item.id, name="入口", alt="南側の入口"
        )
    assert [each.alt for each in _found(stage, "南側").items] == ["南側の入口"]
    assert _picture(stage) == path
    assert _only(stage).alt == "図書館の新しい入口"
    with transaction(stage.engine) as session, pytest.raises(ContentError):
        change_item(session, COMMAND_LINE, stage.newsletter_id, item.id, name=" ", alt="")


def test_names_that_people_give_turn_no_letters(stage: Stage) -> None:
    _picture(stage)
    turned, plain = "月\u202e次\n\x1b[1m\u2069", "月次 [1m"
    issue, _ = read_markdown("---\ntitle: 題\ndate: 2026-12-01\n---\n本文\n", source="text")
    with transaction(stage.engine) as session:
        number = stage.newsletter_id
        pattern = keep_pattern(session, COMMAND_LINE, number, turned, issue)
        snippet = save_snippet(session, COMMAND_LINE, number, name=turned, text="本文")
        assert (pattern.name, snippet.name) == (plain, plain)
        change_item(session, COMMAND_LINE, number, _only(stage).id, name=turned, alt="入口")
    assert _only(stage).name == plain


def test_of_two_who_describe_one_picture_neither_loses_what_they_wrote(stage: Stage) -> None:
    _picture(stage)
    item = _only(stage)
    shown = shown_of(ItemWords(name=item.name, alt=item.alt))

    def change(name: str, alt: str) -> None:
        with transaction(stage.engine) as session:
            change_item(
                session,
                COMMAND_LINE,
                stage.newsletter_id,
                item.id,
                name=name,
                alt=alt,
                shown=shown,
            )

    change("正面", item.alt)
    change(item.name, "南側の入口")
    assert (_only(stage).name, _only(stage).alt) == ("正面", "南側の入口")
    with pytest.raises(EditConflictError) as refused:
        change("玄関", item.alt)
    assert refused.value.clashes == {"name": "正面"}
    assert (_only(stage).name, _only(stage).alt) == ("正面", "南側の入口")


def test_uses_follow_the_draft_and_forbid_deleting(stage: Stage) -> None:
    path = _picture(stage)
    issue, _ = read_markdown(_text(f"![入口]({_SITE}{path})"), source="text")
    with transaction(stage.engine) as session:
        draft = create_draft(session, stage.newsletter_id, issue, author="葵")
    (use,) = _only(stage).uses
    assert (use.used_by, use.number, use.title) == (ContentUser.DRAFT, draft.id, "二月号")
    with pytest.raises(ConflictError) as refused:
        _delete(stage)
    assert "draft “二月号”" in str(refused.value)
    assert "下書き「二月号」" in refused.value.in_language(Language.JAPANESE)

    other, _ = read_markdown(_text("本文"), source="text")
    with transaction(stage.engine) as session:
        save_draft(session, draft, other, author="葵")
    assert _only(stage).uses == ()
    with transaction(stage.engine) as session:
        save_draft(session, get_draft(session, stage.newsletter_id, draft.id), issue, author="葵")
    with transaction(stage.engine) as session:
        delete_draft(session, get_draft(session, stage.newsletter_id, draft.id))
    _delete(stage)
    assert _found(stage).total == 0
    with reading(stage.engine) as session, pytest.raises(NotFoundError):
        find_image(session, path.rpartition("/")[2])


def test_look_snippet_and_pattern_are_uses_while_they_hold(stage: Stage) -> None:
    path = _picture(stage)
    shown = _text(f"![入口]({_SITE}{path})")
    with transaction(stage.engine) as session:
        snippet = save_snippet(
            session,
            COMMAND_LINE,
            stage.newsletter_id,
            name="地図",
            text=f"![入口]({_SITE}{path})",
        )
        issue, _ = read_markdown(shown, source="text")
        pattern = keep_pattern(session, COMMAND_LINE, stage.newsletter_id, "月次", issue)
        logo = LookPicture(url=_SITE + path, alt="ロゴ")
        change_look(session, COMMAND_LINE, stage.newsletter_id, Look(logo=logo), site=_SITE)
        assert [use.used_by.value for use in _only_in(session, stage)] == [
            "pattern",
            "snippet",
            "look",
        ]
        change_look(session, COMMAND_LINE, stage.newsletter_id, Look(), site=_SITE)
        delete_pattern(session, COMMAND_LINE, pattern)
        delete_snippet(session, COMMAND_LINE, stage.newsletter_id, snippet.id)
        assert _only_in(session, stage) == ()


def _only_in(session: Session, stage: Stage) -> tuple[ItemUse, ...]:
    (item,) = search_library(session, stage.newsletter_id).items
    return item.uses


def test_what_a_mailing_shows_stays_whatever_becomes_of_the_look(stage: Stage) -> None:
    path = _picture(stage)
    logo = LookPicture(url=_SITE + path, alt="ロゴ")
    with transaction(stage.engine) as session:
        change_look(session, COMMAND_LINE, stage.newsletter_id, Look(logo=logo), site=_SITE)
    plan_mailing(stage.engine, stage.mail())
    with transaction(stage.engine) as session:
        change_look(session, COMMAND_LINE, stage.newsletter_id, Look(), site=_SITE)

    (use,) = _only(stage).uses
    assert (use.used_by, bool(use.title)) == (ContentUser.MAILING, True)
    with pytest.raises(ConflictError) as refused:
        _delete(stage)
    assert "What was sent keeps" in str(refused.value.advice)


def test_no_newsletter_sees_anothers_and_what_both_have_outlives_one(stage: Stage) -> None:
    second = _another(stage)
    path = _picture(stage)
    assert _found(stage, newsletter=second).total == 0
    item = _only(stage)
    with transaction(stage.engine) as session, pytest.raises(NotFoundError):
        delete_item(session, COMMAND_LINE, second, item.id)

    _picture(stage, newsletter=second, name="別名.png")
    assert _only(stage).name == "面.png"
    _delete(stage)
    with reading(stage.engine) as session:
        assert find_image(session, path.rpartition("/")[2]).width == 300
    # An issue that leads to another newsletter's picture keeps it, and tells nobody there.
    issue, _ = read_markdown(_text(f"![入口]({_SITE}{path})"), source="text")
    with transaction(stage.engine) as session:
        create_draft(session, stage.newsletter_id, issue, author="葵")
    (foreign,) = _found(stage, newsletter=second).items
    assert foreign.uses == ()
    _delete(stage, newsletter=second)
    with reading(stage.engine) as session:
        assert find_image(session, path.rpartition("/")[2]).width == 300


def test_a_file_that_is_deleted_is_gone_from_its_address(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        upload = read_upload(b"%PDF-1.4\n% y", name="要項.pdf")
        path = add_file(session, COMMAND_LINE, stage.newsletter_id, upload)
    name = path.rpartition("/")[2]
    with reading(stage.engine) as session:
        assert find_file(session, name).name == "要項.pdf"
    _delete(stage)
    with reading(stage.engine) as session, pytest.raises(NotFoundError):
        find_file(session, name)
