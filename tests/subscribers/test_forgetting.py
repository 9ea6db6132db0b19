"""Who asked to join and never confirmed is forgotten; who did anything else is not."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update

from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    ConsentRow,
    DeliveryRow,
    SubscriberRow,
    SubscriptionRow,
    TagRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import ConsentStep, DeliveryState, SubscriptionState
from newsletter.i18n.language import Language
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter, find_newsletter
from newsletter.tokens import Purpose, TokenSigner
from subscribers.address_changes import request_change
from subscribers.forgetting import forget_unconfirmed
from subscribers.joining import BASIS, Origin, confirm_join, request_join
from tests.support.ports import await_condition
from tests.support.stage import Stage

_ORIGIN = Origin(source="/f", network="192.0.2.0/24", wording="yes", language=Language.JAPANESE)
_SIGNER = TokenSigner([b"k" * 40])
ASKED = "asked@example.jp"


def _ask(stage: Stage, address: str = ASKED, *, days: int = 0, slug: str = "digest") -> str:
    """Ask to join, so many days ago; return the token of the link."""
    with transaction(stage.engine) as session:
        newsletter = find_newsletter(session, slug)
        request = request_join(
            session, newsletter, parse_address(address), name="Aoi", origin=_ORIGIN
        )
        moment = now() - timedelta(days=days)
        row = session.get_one(ConsentRow, request.numbers[0])
        row.occurred_at = moment
        mine = (SubscriptionRow.newsletter_id == newsletter.id) & (
            SubscriptionRow.subscriber_id == request.subscriber_id
        )
        session.execute(update(SubscriptionRow).where(mine).values(consented_at=moment))
    return _SIGNER.sign(Purpose.CONFIRM, request.numbers[0])


def _forget(stage: Stage) -> int:
    with transaction(stage.engine) as session:
        return forget_unconfirmed(session, days=14)


def _addresses(stage: Stage) -> list[str]:
    with reading(stage.engine) as session:
        return sorted(filter(None, session.scalars(select(SubscriberRow.address))))


def test_of_a_request_that_nobody_confirmed_sums_stay(stage: Stage) -> None:
    _ask(stage, days=15)
    with transaction(stage.engine) as session:
        person = session.scalars(select(SubscriberRow.id)).one()
        session.add(
            TagRow(newsletter_id=stage.newsletter_id, subscriber_id=person, tag="from the fair")
        )
    assert _forget(stage) == 1
    with reading(stage.engine) as session:
        (consent,) = session.scalars(select(ConsentRow))
        assert (consent.step, consent.network) == (ConsentStep.REQUESTED, "")
        assert session.scalars(select(SubscriptionRow.subscriber_id)).all() == []
        assert session.scalars(select(TagRow.tag)).all() == []
        assert session.scalars(select(SubscriberRow.address_key)).all() == [None]
        assert session.scalars(select(SubscriberRow.domain)).all() == [""]
    assert _forget(stage) == 0


def _wish(stage: Stage, address: str, *, days: int) -> None:
    """Let a subscriber ask for another address, so many days ago."""
    with transaction(stage.engine) as session:
        reader = stage.subscriber_id("reader@example.jp")
        row = request_change(session, stage.newsletter_id, reader, parse_address(address))
        row.requested_at = now() - timedelta(days=days)


def test_an_address_that_somebody_wished_for_and_never_confirmed_is_forgotten(
    stage: Stage,
) -> None:
    stage.subscribe("reader@example.jp", "known@example.jp")
    _wish(stage, "wrong@example.jp", days=15)
    _wish(stage, "twice@example.jp", days=15)
    _wish(stage, "twice@example.jp", days=1)
    _wish(stage, "known@example.jp", days=15)
    assert _forget(stage) == 3
    assert _addresses(stage) == ["known@example.jp", "reader@example.jp", "twice@example.jp"]
    assert _forget(stage) == 0


def test_a_request_that_may_still_be_confirmed_stays(stage: Stage) -> None:
    _ask(stage, days=13)
    assert _forget(stage) == 0
    assert _addresses(stage) == [ASKED]


def test_who_asked_again_lately_stays(stage: Stage) -> None:
    _ask(stage, days=30)
    with transaction(stage.engine) as session:
        newsletter = find_newsletter(session, "digest")
        request_join(session, newsletter, parse_address(ASKED), name="", origin=_ORIGIN)
    assert _forget(stage) == 0


def test_who_confirmed_stays(stage: Stage) -> None:
    token = _ask(stage, days=15)
    with transaction(stage.engine) as session:
        confirm_join(session, _SIGNER, token, days=60, source="link", network="")
    assert _forget(stage) == 0


def test_who_was_imported_without_confirmation_stays(stage: Stage) -> None:
    stage.subscribe("listed@example.jp")
    with transaction(stage.engine) as session:
        session.execute(
            update(SubscriptionRow).values(
                state=SubscriptionState.PENDING, consented_at=now() - timedelta(days=900)
            )
        )
    assert _forget(stage) == 0


def test_who_reads_another_newsletter_keeps_the_address(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        create_newsletter(
            session,
            NewsletterDraft(
                slug="weekly",
                name="Weekly",
                from_address="weekly@example.jp",
                postal_address="1-2-3",
            ),
        )
    stage.subscribe(ASKED)
    _ask(stage, days=15, slug="weekly")
    assert _forget(stage) == 1
    assert _addresses(stage) == [ASKED]
    with reading(stage.engine) as session:
        states = session.scalars(select(SubscriptionRow.state)).all()
    assert states == [SubscriptionState.CONFIRMED]


def test_who_was_forgotten_may_ask_again(stage: Stage) -> None:
    first = _ask(stage, days=15)
    _forget(stage)
    second = _ask(stage)
    with transaction(stage.engine) as session:
        confirm_join(session, _SIGNER, second, days=7, source="link", network="")
        with pytest.raises(Exception, match="no longer exists"):
            confirm_join(session, _SIGNER, first, days=60, source="link", network="")
    assert _addresses(stage) == [ASKED]


_WORKER = """
import sys
from newsletter.database.engine import open_engine, transaction
from subscribers.forgetting import forget_unconfirmed
engine = open_engine(sys.argv[1])
while True:
    with transaction(engine) as session:
        if not forget_unconfirmed(session, days=14, limit=10):
            break
"""


@pytest.mark.usefixtures("_servers")
def test_killed_amid_it_everybody_is_forgotten_or_nobody_half(
    stage: Stage, database_url: str
) -> None:
    people = 600
    moment = now() - timedelta(days=15)
    with transaction(stage.engine) as session:
        session.execute(
            insert(SubscriberRow),
            [
                {"address": f"r{n}@example.jp", "address_key": f"r{n}@example.jp", "domain": "x"}
                for n in range(people)
            ],
        )
        numbers = session.scalars(select(SubscriberRow.id)).all()
        about = [{"newsletter_id": stage.newsletter_id, "subscriber_id": n} for n in numbers]
        asked = {"state": SubscriptionState.PENDING, "consent_basis": BASIS, "consented_at": moment}
        session.execute(insert(SubscriptionRow), [row | asked for row in about])
        consent = {"step": ConsentStep.REQUESTED, "network": "192.0.2.0/24", "language": "ja"}
        session.execute(
            insert(ConsentRow), [row | consent | {"occurred_at": moment} for row in about]
        )
    command = [sys.executable, "-c", _WORKER, database_url]
    with subprocess.Popen(command) as process:  # noqa: S603 - our own program
        await_condition(
            lambda: len(_addresses(stage)) < people, seconds=60, what="the first to be forgotten"
        )
        process.kill()
    with reading(stage.engine) as session:
        known = session.scalar(select(func.count()).where(SubscriberRow.address_key.is_not(None)))
        with_network = session.scalar(select(func.count()).where(ConsentRow.network != ""))
        subscriptions = session.scalar(select(func.count()).select_from(SubscriptionRow))
    assert known == with_network == subscriptions
    assert known in range(1, people)
    subprocess.run(command, check=True, timeout=60)  # noqa: S603 - as above
    assert _addresses(stage) == []


def test_mail_under_way_keeps_its_address(stage: Stage) -> None:
    stage.subscribe("other@example.jp")
    mailing = stage.mail()
    _ask(stage, days=15)
    with transaction(stage.engine) as session:
        session.add(
            DeliveryRow(
                mailing_id=mailing,
                position=9,
                subscriber_id=stage.subscriber_id(ASKED),
                state=DeliveryState.DEFERRED,
            )
        )
    assert _forget(stage) == 1
    assert _addresses(stage) == [ASKED, "other@example.jp"]
