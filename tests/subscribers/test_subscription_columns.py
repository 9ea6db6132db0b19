"""Each column of a subscription has its line in the table by which the actions go."""

from __future__ import annotations

from newsletter.database.tables import ImportChangeRow, SubscriptionRow
from subscribers.history import SETTING_NAMES
from subscribers.lists.formats import FIELDS
from subscribers.subscription_columns import CHOSEN, HANDLING, RESTORED


def _columns(table: type[SubscriptionRow | ImportChangeRow]) -> set[str]:
    return {column.name for column in table.__table__.columns}


def test_each_column_says_what_becomes_of_it() -> None:
    assert set(HANDLING) == _columns(SubscriptionRow)


def test_what_an_import_changes_is_noted_to_be_given_back() -> None:
    of_the_change = {"import_id", "subscriber_id", "written_at"}
    assert set(RESTORED) == _columns(ImportChangeRow) - of_the_change


def test_lists_bring_what_is_said_to_be_imported() -> None:
    imported = {name for name, each in HANDLING.items() if each.imported}
    assert imported - set(FIELDS) == set()
    assert {name for name in FIELDS if name in HANDLING} == imported


def test_what_is_chosen_when_two_are_merged_has_a_name_for_people() -> None:
    assert set(CHOSEN) - SETTING_NAMES.keys() == set()
