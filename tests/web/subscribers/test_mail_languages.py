"""The languages in which readers may have their mail: set by the newsletter, chosen by readers."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import select

from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import NewsletterRow, SubscriptionRow
from newsletter.database.vocabulary import Role
from newsletter.i18n.language import Language
from newsletter.mailings.planning.links import DeliveryLinks
from newsletter.newsletters.publications import chosen_language, mail_languages
from newsletter.rendering.model import Slot
from newsletter.tokens import DeliveryRef, TokenSigner
from subscribers.joining import Origin, request_join
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of, tight

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SETTINGS = "/newsletters/digest/settings"


def _translate_into(stage: Stage, *tags: str) -> None:
    with transaction(stage.engine) as session:
        session.get_one(NewsletterRow, stage.newsletter_id).languages = list(tags)


def _language(stage: Stage) -> str:
    with reading(stage.engine) as session:
        return session.scalars(select(SubscriptionRow.language)).one()


def test_an_administrator_names_the_languages_as_people_write_them(
    stage: Stage, sign_in: SignIn
) -> None:
    administrator = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    page = administrator.get(SETTINGS).text
    with reading(stage.engine) as session:
        row = session.get_one(NewsletterRow, stage.newsletter_id)
        form = {
            "csrf": csrf_of(page),
            "name": row.name,
            "from_address": row.from_address,
            "postal_address": row.postal_address,
            "time_zone": row.time_zone,
            "template": row.template,
            "soft_limit": "5",
            "soft_days": "60",
        }

    refused = administrator.post(SETTINGS, data=form | {"languages": "英語、火星語"})
    assert refused.status_code == 400
    assert "“火星語” is not a language." in refused.text
    kept = administrator.post(SETTINGS, data=form | {"languages": "英語、やさしい日本語, zh-hant"})

    for tag in ("en", "ja-simple", "zh-Hant"):
        assert f'name="languages" value="{tag}" checked' in kept.text
    with reading(stage.engine) as session:
        row = session.get_one(NewsletterRow, stage.newsletter_id)
        assert row.languages == ["en", "ja-simple", "zh-Hant"]


def test_who_joins_chooses_the_language_of_the_mail(stage: Stage, site: str) -> None:
    with httpx.Client(base_url=site, follow_redirects=True) as reader:
        assert "mail_language" not in reader.get("/subscribe/digest").text
        _translate_into(stage, "zh-Hant", "ja-simple")
        page = reader.get("/subscribe/digest?lang=ja").text

    assert 'value="zh-Hant" lang="zh-Hant">中文 (繁體)' in tight(page)
    assert 'value="ja-simple" lang="ja-simple">やさしい日本語' in tight(page)


def test_what_was_chosen_on_joining_is_kept(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        origin = Origin(
            source="form",
            network="",
            wording="yes",
            language=Language.ENGLISH,
            mail_language="zh-Hant",
        )
        request_join(session, newsletter, parse_address("a@example.jp"), name="", origin=origin)

    assert _language(stage) == "zh-Hant"


@pytest.mark.parametrize(
    ("held", "chosen", "kept"),
    [
        ("ja", "zh-Hant", "zh-Hant"),
        ("zh-TW", "zh-Hant", "zh-TW"),
        ("en-GB", "en", "en-GB"),
        ("en-GB", "ja", "ja"),
        ("ja", "tlh", "ja"),
    ],
)
def test_a_reader_chooses_among_them_and_keeps_a_more_exact_tag_that_fits(
    stage: Stage, site: str, held: str, chosen: str, kept: str
) -> None:
    _translate_into(stage, "zh-Hant")
    stage.subscribe("a@example.jp")
    with transaction(stage.engine) as session:
        session.scalars(select(SubscriptionRow)).one().language = held
    ref = DeliveryRef(
        newsletter_id=stage.newsletter_id,
        mailing_id=1,
        subscriber_id=stage.subscriber_id("a@example.jp"),
    )
    links = DeliveryLinks.of("", TokenSigner([b"k" * 40]), ref).slots(
        name="", address="a@example.jp"
    )
    path = links[Slot.PREFERENCES_URL]
    with httpx.Client(base_url=site, follow_redirects=True) as reader:
        form = {"newsletter": str(stage.newsletter_id), "language": chosen, "format": "html"}
        assert reader.post(path, data=form).status_code == 200

    assert _language(stage) == kept


def test_what_is_offered_begins_with_the_newsletters_own_language(stage: Stage) -> None:
    _translate_into(stage, "vi")
    with reading(stage.engine) as session:
        row = session.get_one(NewsletterRow, stage.newsletter_id)
        assert mail_languages(row) == ("ja", "vi", "en")
        assert chosen_language(row, "vi-VN") == "vi"
        assert chosen_language(row, "fr") == "ja"
        assert chosen_language(row, "") == "ja"
