"""Lists in: who is taken, who is not, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import SubscriberRow
from newsletter.database.vocabulary import SuppressionReason, UnsubscribeWay
from newsletter.errors import ListError
from newsletter.newsletters.publications import create_newsletter, find_newsletter
from subscribers.leaving import unsubscribe
from subscribers.lists.imports.import_report import ImportReport
from subscribers.lists.imports.imports import import_csv
from subscribers.suppression import suppress
from tests.support.stage import DRAFT, Stage


def _import(stage: Stage, *rows: str, dry_run: bool = False) -> ImportReport:
    lines = [f"{row}\n" for row in ("\ufeffメールアドレス,氏名,言語", *rows)]
    return import_csv(
        stage.engine, stage.newsletter_id, lines, source="l.csv", basis="form", dry_run=dry_run
    )


def _people(stage: Stage) -> int:
    with reading(stage.engine) as session:
        return session.scalar(select(func.count()).select_from(SubscriberRow)) or 0


def test_a_list_with_japanese_headings_is_read(stage: Stage) -> None:
    assert _import(stage, "a@example.jp,佐藤 葵,ja", "b@example.jp,Tom,en").added == 2


def test_running_it_again_changes_nothing(stage: Stage) -> None:
    _import(stage, "a@example.jp,葵,ja")
    again = _import(stage, "a@example.jp,葵,ja")
    assert (again.added, again.unchanged, _people(stage)) == (0, 1, 1)


def test_two_spellings_are_one_person(stage: Stage) -> None:
    report = _import(stage, "A.B@Example.JP,,", "a.b@example.jp,,")
    assert (report.added, report.repeated) == (1, 1)


def test_who_left_is_not_brought_back(stage: Stage) -> None:
    _import(stage, "a@example.jp,,")
    with transaction(stage.engine) as session:
        unsubscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=stage.subscriber_id("a@example.jp"),
            mailing_id=None,
            way=UnsubscribeWay.PAGE,
        )
    report = _import(stage, "a@example.jp,,")
    assert report.added == 0
    assert "unsubscribed" in str(report.refused[0].reason)


def test_a_suppressed_address_is_refused(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        suppress(session, address_key="a@example.jp", reason=SuppressionReason.MANUAL)
    assert [row.line for row in _import(stage, "a@example.jp,,").refused] == [2]


def test_a_faulty_row_is_named_by_line_and_stops_no_other(stage: Stage) -> None:
    report = _import(stage, "nobody,,", "a@example.jp..,,", "b@example.jp,,")
    assert [(row.line, row.address) for row in report.refused] == [
        (2, "nobody"),
        (3, "a@example.jp.."),
    ]
    assert report.added == 1


@pytest.mark.parametrize("rows", [(), ("nobody,,",)])
def test_a_list_of_nobody_is_read_where_fields_are_shared(
    stage: Stage, rows: tuple[str, ...]
) -> None:
    with transaction(stage.engine) as session:
        sharing = find_newsletter(session, DRAFT.slug)
        create_newsletter(session, replace(DRAFT, slug="other"), sharing=sharing)
    assert _import(stage, *rows).refusals == len(rows)


def test_a_dry_run_says_what_would_happen_and_changes_nothing(stage: Stage) -> None:
    assert _import(stage, "a@example.jp,,", dry_run=True).added == 1
    assert _people(stage) == 0


def test_a_list_without_addresses_is_refused(stage: Stage) -> None:
    with pytest.raises(ListError, match="column of email addresses"):
        import_csv(stage.engine, stage.newsletter_id, ["name\n"], source="l.csv", basis="form")


def test_an_import_needs_a_basis_of_consent(stage: Stage) -> None:
    with pytest.raises(ListError, match="basis"):
        import_csv(stage.engine, stage.newsletter_id, ["email\n"], source="l.csv", basis=" ")


def test_an_old_carrier_address_is_taken_with_a_warning() -> None:
    assert parse_address("a..b.@docomo.ne.jp").warnings


@pytest.mark.parametrize("text", ["", "a", "a@", "a b@example.jp", "a@example.jp\r\nBcc: x@y.jp"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ListError):
        parse_address(text)
