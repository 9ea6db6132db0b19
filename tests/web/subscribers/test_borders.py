"""Two newsletters, an operator of one: what the other knows is neither seen nor changed."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.roles import Grant, set_grants
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AccountRow,
    BounceDecisionRow,
    BounceRow,
    IncidentRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BounceKind,
    BounceSource,
    FeedbackAction,
    IncidentKind,
    Role,
    SuppressionReason,
)
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter, find_newsletter
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.parsers.tables import csv_records
from subscribers.preferences import Wishes, save_wishes
from subscribers.search import PeopleFilter, search_people
from subscribers.segments.saved import count_segment
from subscribers.suppression import suppress
from tests.support.databases import each_database
from tests.support.fields import a_field, set_fields
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of

_BETA = NewsletterDraft(
    slug="beta", name="ベータ", from_address="beta@example.jp", postal_address="東京都"
)
_READER = "reader@example.jp"
_SECRET = "SECRET-OF-BETA"


def _import(engine: Engine, slug: str, text: str, *, update: bool = False) -> None:
    options = ImportOptions(source="l.csv", basis="form", update=update, is_answered=True)
    with reading(engine) as session:
        number = find_newsletter(session, slug).id
    records = csv_records(text.splitlines(keepends=True), source="l.csv")
    import_records(engine, number, records, options)


@pytest.fixture
def beta(stage: Stage) -> int:
    """Beta knows the reader by name, tag and attribute; the digest knows the address alone."""
    with transaction(stage.engine) as session:
        number = create_newsletter(session, _BETA).id
    set_fields(stage.engine, number, a_field("health"))
    _import(
        stage.engine,
        "beta",
        f"email,name,language,time_zone,tags,health\n{_READER},葵,en-GB,Europe/Paris,vip,{_SECRET}\n",
    )
    _import(stage.engine, "digest", f"email\n{_READER}\n")
    return number


def _of(stage: Stage, newsletter_id: int) -> tuple[SubscriptionRow, list[str]]:
    number = stage.subscriber_id(_READER)
    with reading(stage.engine) as session:
        tags = session.scalars(select(TagRow.tag).where(TagRow.newsletter_id == newsletter_id))
        return session.get_one(SubscriptionRow, (newsletter_id, number)), list(tags)


def _operator(stage: Stage, sign_in: SignIn) -> httpx.Client:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    with transaction(stage.engine) as session:
        account = session.scalars(
            select(AccountRow).where(AccountRow.address_key == "operator@example.jp")
        ).one()
        grant = Grant(role=Role.OPERATOR, newsletter_id=stage.newsletter_id)
        set_grants(session, account.id, [grant])
    return client


def test_a_list_of_one_newsletter_changes_nothing_of_another(stage: Stage, beta: int) -> None:
    text = f"email,name,language,time_zone,tags,health\n{_READER},乗っ取り,ja,Asia/Tokyo,mine,x\n"
    _import(stage.engine, "digest", text, update=True)
    known, tags = _of(stage, beta)
    assert (known.name, known.language, known.time_zone) == ("葵", "en-GB", "Europe/Paris")
    assert (known.attributes, tags) == ({"health": _SECRET}, ["vip"])
    assert _of(stage, stage.newsletter_id)[0].name == "乗っ取り"


@each_database
@pytest.mark.parametrize(
    "query", ['tag = "vip"', f'field.health = "{_SECRET}"', 'name = "葵"', 'language = "en"']
)
def test_a_segment_asks_only_what_its_own_newsletter_knows(
    stage: Stage, beta: int, query: str
) -> None:
    del beta
    with reading(stage.engine) as session:
        sizes = [
            count_segment(session, find_newsletter(session, slug), query)
            for slug in ("digest", "beta")
        ]
        digest = find_newsletter(session, "digest")
        found = search_people(session, digest, PeopleFilter(tag="vip")).people
        named = search_people(session, digest, PeopleFilter(text="葵")).people
    assert (sizes, found, named) == ([0, 1], [], [])


@pytest.mark.usefixtures("beta")
def test_no_page_of_one_newsletter_shows_what_another_knows(stage: Stage, sign_in: SignIn) -> None:
    client = _operator(stage, sign_in)
    base = "/newsletters/digest/subscribers"
    for path in (base, f"{base}/{stage.subscriber_id(_READER)}", f"{base}.csv"):
        page = client.get(path)
        assert _READER in page.text
        for known in (_SECRET, "vip", "葵", "Europe/Paris", "en-GB"):
            assert known not in page.text, path


@each_database
def test_what_readers_change_holds_everywhere_and_what_they_leave_stays(
    stage: Stage, beta: int
) -> None:
    def save(**changed: object) -> None:
        shown = {"name": "", "language": stage_language, "html": True, "weeks": None}
        wishes = {"newsletter_ids": frozenset({stage.newsletter_id, beta}), **shown, **changed}
        with transaction(stage.engine) as session:
            save_wishes(
                session,
                stage.subscriber_id(_READER),
                Wishes(**wishes),  # type: ignore[arg-type]
                newsletter_id=stage.newsletter_id,
                source="page",
                network="",
                mailing_id=None,
            )

    with reading(stage.engine) as session:
        stage_language = find_newsletter(session, "digest").language
    save(weeks=1)
    assert _of(stage, beta)[0].name == "葵"
    save(name="葵子", time_zone="Asia/Seoul")
    for newsletter in (stage.newsletter_id, beta):
        known, _ = _of(stage, newsletter)
        assert (known.name, known.time_zone) == ("葵子", "Asia/Seoul")
    assert _of(stage, beta)[0].language == "en-GB"


@each_database
def test_suppressions_of_other_newsletters_are_not_told(
    stage: Stage, beta: int, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        for key, scope in ((_READER, beta), (_READER, None), ("other@example.jp", None)):
            suppress(
                session,
                address_key=key,
                reason=SuppressionReason.COMPLAINT,
                newsletter_id=scope,
                evidence=_SECRET,
            )
    client = _operator(stage, sign_in)
    csrf = csrf_of(client.get("/operate/suppressions").text)
    page = client.post("/operate/suppressions", data={"csrf": csrf, "address": _READER})
    assert "all newsletters" in page.text
    assert _SECRET not in page.text
    assert "ベータ" not in page.text
    other = client.post("/operate/suppressions", data={"csrf": csrf, "address": "other@example.jp"})
    assert "The address is not suppressed" in other.text


def _bounce(stage: Stage, scope: int | None) -> int:
    with transaction(stage.engine) as session:
        held = SuppressionRow(
            address_key=_READER, reason=SuppressionReason.HARD_BOUNCE, newsletter_id=scope
        )
        row = BounceRow(
            event_id="e1",
            newsletter_id=stage.newsletter_id,
            subscriber_id=stage.subscriber_id(_READER),
            address=_READER,
            kind=BounceKind.HARD,
            source=BounceSource.MAIL,
        )
        session.add_all([held, row])
        session.flush()
        session.add(
            BounceDecisionRow(
                bounce_id=row.id,
                action=FeedbackAction.SUPPRESSED,
                evidence={"in_a_row": 1},
                suppression_id=held.id,
            )
        )
        return row.id


@pytest.mark.usefixtures("beta")
@pytest.mark.parametrize("door", ["undo", "lift"])
def test_what_holds_for_all_newsletters_is_lifted_by_who_operates_all(
    stage: Stage, sign_in: SignIn, door: str
) -> None:
    number = _bounce(stage, None)
    client = _operator(stage, sign_in)
    person = f"/newsletters/digest/subscribers/{stage.subscriber_id(_READER)}"
    path = f"/bounces/{number}/undo" if door == "undo" else f"{person}/lift"
    csrf = csrf_of(client.get(person).text)
    assert client.post(path, data={"csrf": csrf, "reason": "x"}).status_code == 403
    with reading(stage.engine) as session:
        assert session.scalars(select(SuppressionRow)).all() != []


@each_database
@pytest.mark.usefixtures("beta")
def test_what_holds_for_ones_own_newsletter_is_undone(stage: Stage, sign_in: SignIn) -> None:
    number = _bounce(stage, stage.newsletter_id)
    client = _operator(stage, sign_in)
    csrf = csrf_of(client.get("/newsletters/digest/subscribers/import").text)
    client.post(f"/bounces/{number}/undo", data={"csrf": csrf, "reason": "x"})
    with reading(stage.engine) as session:
        assert session.scalars(select(SuppressionRow)).all() == []


@pytest.mark.usefixtures("beta")
def test_operations_show_no_incident_of_other_newsletters(stage: Stage, sign_in: SignIn) -> None:
    with transaction(stage.engine) as session:
        session.add(
            IncidentRow(
                kind=IncidentKind.DOMAIN,
                subject="domain:secret.example",
                bounced=40,
                mailed=50,
                usual_rate=0.0,
                words=_SECRET,
                last_seen_at=now(),
            )
        )
    page = _operator(stage, sign_in).get("/operate").text
    assert "secret.example" not in page
    assert _SECRET not in page
