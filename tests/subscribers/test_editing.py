"""One person added or edited by hand: by the rules of imports, the audit without values."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, SubscriptionRow, TagRow
from newsletter.database.vocabulary import (
    Frequency,
    SubscriptionState,
    SuppressionReason,
    UnsubscribeWay,
)
from newsletter.errors import ConflictError, ListError, NotFoundError
from newsletter.newsletters.publications import create_newsletter, get_newsletter
from newsletter.tokens import Pseudonyms
from subscribers.editing import Ground, PersonDraft, add_person, edit_person, known_draft
from subscribers.erasure import erase
from subscribers.leaving import unsubscribe
from subscribers.subscription_columns import CHOSEN
from subscribers.suppression import suppress
from tests.support import fields
from tests.support.digests import offer
from tests.support.stage import DRAFT, Stage, set_stage

_ADDRESS = "aoi@example.jp"
_PSEUDONYMS = Pseudonyms([b"k" * 40])
_GROUND = Ground(basis="paper form", wording="I agree.")
_DRAFT = PersonDraft(
    name="佐藤　葵",
    language="English",
    time_zone="Asia/Seoul",
    html=False,
    tags=("press", "a, b"),
    values={"city": "千葉", "topic": ["防災"], "age": ""},
)


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    fields.set_fields(engine, stage.newsletter_id, *fields.ALL)
    return stage


def _add(stage: Stage, address: str = _ADDRESS, draft: PersonDraft = _DRAFT) -> int:
    with reading(stage.engine) as session:
        newsletter = get_newsletter(session, stage.newsletter_id)
    return add_person(
        stage.engine,
        COMMAND_LINE,
        newsletter,
        address,
        draft,
        ground=_GROUND,
        pseudonyms=_PSEUDONYMS,
    )


def _edit(stage: Stage, number: int, draft: PersonDraft) -> list[str]:
    with transaction(stage.engine) as session:
        return edit_person(session, COMMAND_LINE, stage.newsletter_id, number, draft)


def _known(stage: Stage, number: int) -> tuple[SubscriptionRow, set[str]]:
    with reading(stage.engine) as session:
        tags = session.scalars(select(TagRow.tag).where(TagRow.subscriber_id == number))
        return session.get_one(SubscriptionRow, (stage.newsletter_id, number)), set(tags)


def _events(stage: Stage) -> list[tuple[str, str, object]]:
    with reading(stage.engine) as session:
        rows = session.scalars(select(AuditEventRow).order_by(AuditEventRow.id))
        return [
            (row.action, row.object, row.details) for row in rows if row.action.startswith("subscr")
        ]


#: By each column that is chosen, what nobody has who chose nothing.
_CHOICES = {
    "name": "Aoi",
    "language": "en",
    "time_zone": "Asia/Seoul",
    "format": "text",
    "frequency": Frequency.WEEKLY,
}


def test_a_form_begins_with_all_that_is_chosen_and_keeps_it(stage: Stage) -> None:
    offer(stage.engine)
    assert _CHOICES.keys() == set(CHOSEN)
    model, other = (_add(stage, address, PersonDraft()) for address in (_ADDRESS, "b@example.jp"))
    with transaction(stage.engine) as session:
        row = session.get_one(SubscriptionRow, (stage.newsletter_id, model))
        for name, value in _CHOICES.items():
            setattr(row, name, value)
    with reading(stage.engine) as session:
        draft = known_draft(session, stage.newsletter_id, model)
    assert set(_edit(stage, other, draft)) == set(CHOSEN)
    for number in (other, _add(stage, "c@example.jp", draft)):
        row, _ = _known(stage, number)
        assert {name: getattr(row, name) for name in CHOSEN} == _CHOICES


def test_somebody_is_added_with_all_that_is_known_and_on_what_ground(stage: Stage) -> None:
    number = _add(stage)
    row, tags = _known(stage, number)
    assert (row.state, row.consent_basis, row.consent_wording) == (
        SubscriptionState.CONFIRMED,
        "paper form",
        "I agree.",
    )
    assert row.name == "佐藤 葵"
    assert (row.language, row.time_zone, row.format) == ("en", "Asia/Seoul", "text")
    assert (row.attributes, tags) == ({"city": "千葉", "topic": ["防災"]}, {"press", "a, b"})
    assert _events(stage) == [("subscriber.add", f"subscriber {number}", {"basis": "paper form"})]


def test_nobody_is_added_who_is_there_left_or_must_be_left_alone(stage: Stage) -> None:
    number = _add(stage)
    with pytest.raises(ConflictError, match="on the list already"):
        _add(stage)
    with transaction(stage.engine) as session:
        unsubscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=number,
            mailing_id=None,
            way=UnsubscribeWay.PAGE,
        )
        suppress(session, address_key="no@example.jp", reason=SuppressionReason.MANUAL, evidence="")
    erased = _add(stage, "gone@example.jp")
    with transaction(stage.engine) as session:
        erase(session, erased, _PSEUDONYMS, way=UnsubscribeWay.PAGE)
    before = _events(stage)
    for address in (_ADDRESS, "no@example.jp", "gone@example.jp"):
        with pytest.raises(ConflictError):
            _add(stage, address)
    assert _known(stage, number)[0].state is SubscriptionState.UNSUBSCRIBED
    assert _events(stage) == before


@pytest.mark.parametrize(
    ("address", "changes", "place"),
    [
        ("not an address", {}, "address"),
        (_ADDRESS, {"language": "Klingonish"}, "language"),
        (_ADDRESS, {"time_zone": "Moon/Base"}, "time_zone"),
        (_ADDRESS, {"tags": ("x" * 65,)}, "tags"),
        (_ADDRESS, {"values": {"age": "old"}}, "age"),
    ],
)
def test_what_is_wrong_is_named_by_its_place_and_nothing_is_kept(
    stage: Stage, address: str, changes: dict[str, object], place: str
) -> None:
    draft = replace(_DRAFT, **changes)  # type: ignore[arg-type]
    with pytest.raises(ListError) as caught:
        _add(stage, address, draft)
    assert caught.value.place is not None
    assert caught.value.place.field == place
    assert _events(stage) == []


def test_an_edit_changes_what_is_known_and_not_who_gets_mail(stage: Stage) -> None:
    number = _add(stage)
    with transaction(stage.engine) as session:
        unsubscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=number,
            mailing_id=None,
            way=UnsubscribeWay.PAGE,
        )
    wanted = replace(_DRAFT, name="茜", tags=("vip",), values={"city": "", "age": "30"})
    changed = _edit(stage, number, wanted)
    row, tags = _known(stage, number)
    assert (row.state, row.name, tags) == (SubscriptionState.UNSUBSCRIBED, "茜", {"vip"})
    assert row.attributes == {"topic": ["防災"], "age": 30}
    assert set(changed) == {"city", "age", "name", "tags"}
    assert _edit(stage, number, wanted) == []
    *_, last = _events(stage)
    assert last == ("subscriber.edit", f"subscriber {number}", {"changed": changed})
    assert "茜" not in str(_events(stage))


def test_who_is_on_another_list_cannot_be_edited_from_here(stage: Stage) -> None:
    number = _add(stage)
    with transaction(stage.engine) as session:
        other = create_newsletter(session, replace(DRAFT, slug="other")).id
    with pytest.raises(NotFoundError), transaction(stage.engine) as session:
        edit_person(session, COMMAND_LINE, other, number, replace(_DRAFT, values={}))
