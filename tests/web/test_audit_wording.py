"""The audit log's actions and their details have names for people, every one of them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields

import pytest

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.audit_actions import DETAILS, Action, details_of
from newsletter.database.vocabulary import TrialVerdict
from newsletter.feedback.policy import FeedbackPolicy
from newsletter.i18n.language import Language
from newsletter.newsletters.look.model import Look
from newsletter.newsletters.publications import NewsletterSettings
from newsletter.web.audit_values import detail_words
from newsletter.web.audit_wording import (
    ACTION_NAMES,
    DETAIL_NAMES,
    detail_name,
    recorded_words,
)
from subscribers.address_changes import BY_ADDRESS_CHANGE
from subscribers.joining import (
    BASIS,
    BY_COMMAND,
    BY_HAND,
    BY_MAIL,
    CONFIRMATION_MAIL,
    OWN_PAGE,
    PREFERENCES_PAGE,
)


def test_every_action_of_the_audit_log_has_a_name() -> None:
    assert set(ACTION_NAMES) == set(Action)


@pytest.mark.parametrize("language", list(Language))
def test_no_two_actions_of_the_audit_log_have_one_name(language: Language) -> None:
    names = Counter(name.in_language(language) for name in ACTION_NAMES.values())
    assert [name for name, count in names.items() if count > 1] == []


def test_every_detail_that_an_action_may_record_has_a_name() -> None:
    assert set(DETAIL_NAMES) == DETAILS


@pytest.mark.parametrize("value", [FeedbackPolicy, Look, NewsletterSettings])
def test_every_field_whose_change_is_recorded_is_a_detail(
    value: type[FeedbackPolicy | Look | NewsletterSettings],
) -> None:
    assert details_of({field.name: "" for field in fields(value)})


def test_an_hour_by_the_clock_is_shown_as_it_was_ordered_and_an_instant_by_the_viewers_clock() -> (
    None
):
    ordered = detail_words("2026-12-01T08:00:00", "at", zone="Asia/Tokyo")
    moved = ["2026-11-30T23:00:00+00:00", "2026-12-02T00:00:00+00:00"]
    changed = detail_words(moved, "at", Action.MAILING_RESCHEDULE, zone="Asia/Tokyo")
    assert "08:00" in ordered.in_language(Language.ENGLISH)
    assert "08:00 → " in changed.in_language(Language.ENGLISH)
    assert "09:00" in changed.in_language(Language.ENGLISH)


def test_what_is_no_detail_is_not_recorded() -> None:
    with pytest.raises(LookupError, match="shoe_size"):
        details_of({"shoe_size": 43})


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("because", TrialVerdict.FEW_CLICKS.value, "クリックが少ない"),
        ("at", "now", "すぐに"),
        ("counted", True, "はい"),
        ("changed", "paused_until", "配信の一時停止"),
        ("changed", "city", "city"),
        ("way", "page", "メール内リンクのページ"),
        ("segment", "", "–"),
        ("subjects", "best", "best"),
        ("trial_share", 20, "20"),
    ],
)
def test_values_are_words_in_the_language_of_the_page(key: str, value: object, words: str) -> None:
    assert detail_words(value, key).in_language(Language.JAPANESE) == words


@pytest.mark.parametrize(
    ("action", "key", "value", "words"),
    [
        (
            Action.NEWSLETTER_LOOK,
            "palette",
            [{"accent": "#12406b", "card": "#ffffff"}, {"accent": "#7a1f2b", "card": "#ffffff"}],
            "アクセント：#12406b → #7a1f2b",
        ),
        (Action.NEWSLETTER_LOOK, "font", ["gothic", "mincho"], "ゴシック体 → 明朝体"),
        (
            Action.NEWSLETTER_LOOK,
            "logo",
            [None, {"url": "https://x.example/1.png", "alt": "町章", "width": 160, "ink": ""}],
            "– → 町章",
        ),
        (
            Action.NEWSLETTER_LOOK,
            "social",
            [[], [{"label": "LINE", "url": "https://line.me/machi"}]],
            "– → LINE",
        ),
        (Action.NEWSLETTER_SETTINGS, "languages", [[], ["en", "zh-Hans"]], "– → 英語、簡体中国語"),
        (Action.NEWSLETTER_SETTINGS, "approval_required", [False, True], "いいえ → はい"),
        (
            Action.FIELD_ADD,
            "labels",
            {"ja": "市区町村", "en": "City"},
            "日本語：市区町村、英語：City",
        ),
        (
            Action.FIELD_CHANGE,
            "options",
            [[], [{"value": "a", "labels": {"ja": "甲"}, "descriptions": {}}]],
            "– → 甲",
        ),
        (Action.NEWSLETTER_DIGEST, "next", "2026-12-04", "2026年12月4日"),
        (Action.ISSUE_ARCHIVE, "before", None, "–"),
    ],
)
def test_what_a_detail_is_made_of_is_said_in_words(
    action: Action, key: str, value: object, words: str
) -> None:
    said = detail_words(value, key, action.value).in_language(Language.JAPANESE)

    assert said == words
    assert not re.search(r"[{}\[\]]|None|True", said)


def test_a_name_of_an_older_version_is_shown_as_it_is_recorded() -> None:
    assert detail_name("shoe_size").in_language(Language.JAPANESE) == "shoe_size"


@pytest.mark.parametrize(
    "recorded",
    [
        *(BASIS, BY_COMMAND, BY_HAND, CONFIRMATION_MAIL, OWN_PAGE, PREFERENCES_PAGE),
        COMMAND_LINE.name,
        *(f"{BY_MAIL}7", f"{BY_ADDRESS_CHANGE}7", f"{COMMAND_LINE.name} (7)"),
    ],
)
def test_what_the_product_records_of_itself_is_worded_in_the_language_of_the_page(
    recorded: str,
) -> None:
    assert re.search("[a-z]", recorded_words(recorded).in_language(Language.JAPANESE)) is None
