"""A check of a list says exactly what its import does, whatever it holds of whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from itertools import product

import pytest
from sqlalchemy import select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import SubscriptionState, SuppressionReason, UnsubscribeWay
from newsletter.tokens import Pseudonyms
from subscribers.erasure import erase
from subscribers.lists.imports.import_report import ImportReport, RowCounts, RowResult
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.parsers.tables import csv_records
from subscribers.suppression import suppress
from tests.support.stage import Stage

_PSEUDONYMS = Pseudonyms([b"k" * 40])
_HEADER = "email,name,tags,state,consented_at,unsubscribed_at\n"
#: What the newsletter knows of somebody before.
_BEFORE = {
    "confirmed": "葵,,subscribed,2020-01-01,",
    "tagged": "葵,press,subscribed,2020-01-01,",
    "pending": "葵,,pending,2020-01-01,",
    "left": "葵,,unsubscribed,,2021-01-01",
    "bounced": "葵,,bounced,,",
    "erased": "葵,,subscribed,2020-01-01,",
    "new": "",
}
#: What the list says.
_ROWS = {
    "same": "葵,,subscribed,,",
    "renamed": "茜,,subscribed,,",
    "press": "葵,press,subscribed,,",
    "later": "葵,,subscribed,2024-01-01,",
    "earlier": "葵,,subscribed,2019-01-01,",
    "pending": "葵,,pending,,",
    "left": "葵,,unsubscribed,,",
    "long ago": "葵,,unsubscribed,,2018-01-01",
    "lately": "葵,vip,unsubscribed,,2023-01-01",
    "bounced": "葵,,bounced,,",
    "never": "葵,,never subscribed,,",
    "unknown": "葵,,what,,",
}


def _import(stage: Stage, rows: list[str], **options: object) -> ImportReport:
    # Nobody said what the unknown state means: it refuses its row.
    terms = {"source": "l.csv", "basis": "form", "pseudonyms": _PSEUDONYMS, "is_answered": True}
    terms |= options
    records = csv_records([_HEADER, *rows], source="l.csv")
    return import_records(stage.engine, stage.newsletter_id, records, ImportOptions(**terms))  # type: ignore[arg-type]


def _list(own: str) -> Iterator[tuple[str, str, str]]:
    """Yield what is known, an address, and a row on it; of each two rows the second stands last."""
    for before, row in product(_BEFORE, _ROWS):
        yield before, f"{before}-{row.replace(' ', '')}-{own}@example.jp", _ROWS[row]
    for first, last in product(_ROWS, _ROWS):
        name = f"{first}-{last}-{own}@example.jp".replace(" ", "")
        yield "new", name, _ROWS[first]
    for first, last in product(_ROWS, _ROWS):
        name = f"{first}-{last}-{own}@example.jp".replace(" ", "")
        yield "new", name, _ROWS[last]


def _set_up(stage: Stage, known: list[tuple[str, str, str]]) -> None:
    _import(stage, [f"{a},{_BEFORE[before]}\n" for before, a, _ in known if before != "new"])
    with reading(stage.engine) as session:
        numbers = dict(session.execute(select(SubscriberRow.address_key, SubscriberRow.id)).all())
    with transaction(stage.engine) as session:
        for before, address, _ in known:
            if before == "erased":
                erase(session, numbers[address], _PSEUDONYMS, way=UnsubscribeWay.PAGE)
        suppress(
            session,
            address_key="confirmed-same-a@example.jp",
            reason=SuppressionReason.MANUAL,
            newsletter_id=stage.newsletter_id,
        )


def _states(stage: Stage) -> dict[str, SubscriptionState]:
    query = select(SubscriberRow.address_key, SubscriptionRow.state).join(SubscriptionRow)
    with reading(stage.engine) as session:
        return {key or "": state for key, state in session.execute(query)}


_GETS_MAIL = {RowResult.ADDED, RowResult.RETURNED}


@pytest.mark.parametrize("terms", [{}, {"update": True}])
def test_what_a_check_foretells_the_import_does_row_by_row(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, terms: dict[str, object]
) -> None:
    known = list(_list("a"))
    _set_up(stage, known)
    rows = [f"{address},{row}\n" for _, address, row in known]
    before = _states(stage)
    monkeypatch.setattr("subscribers.lists.imports.imports._CHUNK", 97)

    trial = _import(stage, rows, dry_run=True, keeps_chunks=True, **terms)
    assert _states(stage) == before
    report = _import(stage, rows, digest="d" * 64, **terms)

    for count in fields(RowCounts):
        assert getattr(trial, count.name) == getattr(report, count.name), count.name
    assert (trial.reasons, trial.refused) == (report.reasons, report.refused)
    assert [each.line for each in report.refused] == sorted(each.line for each in report.refused)
    assert [each.line for each in trial.checked] == list(range(2, len(rows) + 2))
    results = Counter(each.result for each in trial.checked)
    assert results == Counter(
        {
            RowResult.ADDED: report.added - report.returned,
            RowResult.RETURNED: report.returned,
            RowResult.UPDATED: report.updated,
            RowResult.TAGGED: report.tagged,
            RowResult.UNCHANGED: report.unchanged,
            RowResult.REPEATED: report.repeated,
            RowResult.PENDING: report.pending,
            RowResult.LEFT: report.unsubscribed - report.ended,
            RowResult.ENDED: report.ended,
            RowResult.REFUSED: report.refusals,
        }
    )
    after, alone = _states(stage), Counter(each.address for each in trial.checked)
    for row in trial.checked:
        if alone[row.address] > 1 or row.result is RowResult.REFUSED:
            continue
        now = after[row.address]
        reads = now is SubscriptionState.CONFIRMED
        began = reads and before.get(row.address) is not SubscriptionState.CONFIRMED
        assert began == (row.result in _GETS_MAIL), row
        if row.result in {RowResult.ENDED, RowResult.LEFT}:
            assert now is SubscriptionState.UNSUBSCRIBED, row


@pytest.mark.parametrize("chunk", [1, 10_000])
def test_of_two_rows_the_leaving_counts_else_the_last_however_far_apart_they_stand(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("subscribers.lists.imports.imports._CHUNK", chunk)
    rows = [
        "a@example.jp,葵,,subscribed,,\n",
        "a@example.jp,茜,,subscribed,,\n",
        "b@example.jp,葵,,subscribed,,\n",
        "b@example.jp,葵,,unsubscribed,,2018-01-01\n",
        "c@example.jp,葵,,unsubscribed,,2018-01-01\n",
        "c@example.jp,葵,,subscribed,,\n",
        "d@example.jp,葵,,unsubscribed,,2018-01-01\n",
        "d@example.jp,葵,,subscribed,2020-01-01,\n",
        "e@example.jp,葵,,subscribed,2020-01-01,\n",
        "e@example.jp,葵,,unsubscribed,,2018-01-01\n",
        "f@example.jp,葵,,subscribed,,\n",
        "f@example.jp,葵,,pending,,\n",
        "g@example.jp,葵,,pending,,\n",
        "g@example.jp,葵,,subscribed,,\n",
    ]
    _import(stage, rows, digest="e" * 64)
    left, reads = SubscriptionState.UNSUBSCRIBED, SubscriptionState.CONFIRMED
    expected = {"a": reads, "b": left, "c": left, "d": reads, "e": reads, "f": reads, "g": reads}
    assert {key[0]: state for key, state in _states(stage).items()} == expected
    with reading(stage.engine) as session:
        names = select(SubscriptionRow.name).join(SubscriberRow)
        assert session.scalar(names.where(SubscriberRow.address_key == "a@example.jp")) == "茜"


def test_an_empty_state_beside_others_refuses_its_row_whatever_else_it_has(stage: Stage) -> None:
    rows = [
        "a@example.jp,葵,,,,\n",
        "b@example.jp,,,,,\n",
        "c@example.jp,葵,press,,2020-01-01,\n",
        "d@example.jp,葵,, ,,\n",
        "e@example.jp,葵,,,,2020-01-01\n",
        "'f@example.jp,葵,,subscribed,,\n",
    ]
    report = _import(stage, rows)
    assert [each.line for each in report.refused] == [2, 3, 4, 5]
    left, reads = SubscriptionState.UNSUBSCRIBED, SubscriptionState.CONFIRMED
    assert _states(stage) == {"e@example.jp": left, "f@example.jp": reads}
