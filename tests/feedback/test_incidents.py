"""One wave is one incident for an operator, whichever domains and mailings it is found by."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.roles import ALL_RIGHTS, Grant, Rights
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BounceDecisionRow
from newsletter.database.vocabulary import FeedbackAction, IncidentResolution, Role
from newsletter.feedback.incidents import (
    incidents_of,
    list_incidents,
    settle_incident,
)
from newsletter.i18n.language import Language
from newsletter.operations.alarms import find_alarms
from newsletter.operations.overview import look
from tests.feedback.test_consequences import KEYS, Court
from tests.support.stage import set_stage

_DOMAINS = ("down.example", "blocked.example")
_OUTAGE, _GENUINE = IncidentResolution.OUTAGE, IncidentResolution.GENUINE


def _readers(domain: str, count: int = 30) -> list[str]:
    return [f"r{number}@{domain}" for number in range(count)]


@pytest.fixture
def court(engine: Engine) -> Court:
    court = Court(set_stage(engine))
    for domain in _DOMAINS:
        court.stage.subscribe(*_readers(domain))
    return court


def _bounce(court: Court, *readers: str) -> None:
    for reader in readers:
        court.report(address=reader, path=court.verp(reader))
    court.judge()


def _shown(court: Court, newsletter_ids: Sequence[int] | None = None) -> list[str]:
    with reading(court.stage.engine) as session:
        found = (
            list_incidents(session)
            if newsletter_ids is None
            else incidents_of(session, newsletter_ids)
        )
        return [joint.about.in_language(Language.ENGLISH) for joint in found]


def _held(court: Court) -> int:
    with reading(court.stage.engine) as session:
        return len(
            session.scalars(
                select(BounceDecisionRow.id).where(
                    BounceDecisionRow.action == FeedbackAction.HELD,
                    BounceDecisionRow.undone_at.is_(None),
                )
            ).all()
        )


def _settle(court: Court, resolution: IncidentResolution, *, rights: Rights = ALL_RIGHTS) -> int:
    with transaction(court.stage.engine) as session:
        found = list_incidents(session)[0]
        return settle_incident(
            session,
            COMMAND_LINE,
            found.row.id,
            resolution,
            reason="asked",
            keys=KEYS,
            rights=rights,
        )


@pytest.mark.parametrize("order", ["at once", "one domain after the other"])
def test_a_mailing_that_bounces_at_many_domains_is_one_incident_and_one_alarm(
    court: Court, order: str
) -> None:
    court.send()
    readers = [_readers(domain) for domain in _DOMAINS]
    if order == "at once":
        _bounce(court, *readers[0], *readers[1])
    else:
        for each in readers:
            _bounce(court, *each)
    shown = _shown(court)
    assert len(shown) == 1
    assert shown[0].startswith(f"Mailing {court.mailing}: ")
    assert all(domain in shown[0] for domain in _DOMAINS)
    alarms = find_alarms(look(court.stage.engine, redis_url=""))
    assert [alarm.kind for alarm in alarms].count("incident") == 1


def test_domains_of_a_mailing_that_is_no_wave_itself_are_one_incident_that_names_it(
    court: Court,
) -> None:
    court.stage.subscribe(*_readers("fine.example", 1500))
    court.send()
    for domain in _DOMAINS:
        _bounce(court, *_readers(domain))
    assert _shown(court) == [f"Mailing {court.mailing}: {_DOMAINS[0]} and {_DOMAINS[1]}"]


@pytest.mark.parametrize(("resolution", "suppressed"), [(_OUTAGE, 0), (_GENUINE, 60)])
def test_it_is_decided_once_for_all_who_bounced(
    court: Court, resolution: IncidentResolution, suppressed: int
) -> None:
    court.send()
    for domain in _DOMAINS:
        _bounce(court, *_readers(domain))
    assert (court.suppressed(), _held(court)) == (0, 60)
    assert _settle(court, resolution) == suppressed
    assert (_shown(court), court.suppressed(), _held(court)) == ([], suppressed, 0)


def test_a_domain_that_takes_no_mailing_is_one_incident_that_names_them(court: Court) -> None:
    for _ in range(2):
        court.send()
        _bounce(court, *_readers("down.example"))
    shown = _shown(court)
    assert len(shown) == 1
    assert "down.example" in shown[0]
    assert all(f"Mailing {number}" in shown[0] for number in (court.mailing - 1, court.mailing))


def test_who_may_see_one_newsletter_decides_on_nothing_of_its_domains(court: Court) -> None:
    newsletter = court.stage.newsletter_id
    court.send()
    _bounce(court, *_readers("down.example"))
    assert _shown(court, [newsletter]) == [f"Mailing {court.mailing}"]
    grant = Grant(role=Role.OPERATOR, newsletter_id=newsletter)
    _settle(court, _GENUINE, rights=Rights(grants=frozenset({grant})))
    assert (_shown(court, [newsletter]), _shown(court)) == ([], ["down.example"])
    assert (court.suppressed(), _held(court)) == (0, 30)
