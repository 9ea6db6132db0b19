"""What a condition asks is said in words, for those who do not read the query language."""

from __future__ import annotations

import pytest

from newsletter.database.vocabulary import FieldType
from newsletter.i18n.language import Language
from subscribers.fields.model import Field, Option
from subscribers.segments.wording import ConditionName, labels_of

LABELS = labels_of(
    [
        Field(key="city", type=FieldType.TEXT, labels={"ja": "市区町村", "en": "City"}),
        Field(
            key="plan",
            type=FieldType.CHOICE,
            options=(Option(value="paid", labels={"ja": "有料", "en": "Paid"}),),
        ),
    ]
)


@pytest.mark.parametrize(
    ("condition", "japanese", "english"),
    [
        ("職員", "職員", "職員"),
        ('tag = "press"', "タグがpress", "Tag is press"),
        ('language = "vi"', "言語がベトナム語", "Language is Vietnamese"),
        ('field.city = "青葉町"', "市区町村が青葉町", "City is 青葉町"),
        ('field.plan = "paid"', "planが有料", "plan is Paid"),
        ('field.gone != "x"', "goneがx以外", "gone is not x"),
        ("field.city exists", "市区町村が登録済み", "City is known"),
        ('frequency = "weekly"', "受信頻度が週刊まとめ", "How often is Weekly digest"),
        (
            'tag = "a" and not (domain = "x.jp" or tag in ("b", "c"))',
            "タグがa、かつ「（アドレスのドメインがx.jp、またはタグが次のいずれか：b、c）」ではない",
            "Tag is a and not: (Domain of the address is x.jp or Tag is one of b and c)",
        ),
        (
            "joined >= 2026-12-01",
            "登録日が2026年12月1日以降",
            "Day of subscription is on or after 1 December 2026",
        ),
        (
            "joined >= 30 days ago",
            "登録日が過去30日以内",
            "Day of subscription is within the last 30 days",
        ),
        ("bounced(days = 7)", "過去7日以内にメールが不達", "mail bounced within the last 7 days"),
        ("this is no query at all", "this is no query at all", "this is no query at all"),
    ],
)
def test_a_condition_is_said_in_words(condition: str, japanese: str, english: str) -> None:
    name = ConditionName(condition, LABELS)

    assert name.in_language(Language.JAPANESE) == japanese
    assert name.in_language(Language.ENGLISH) == english
