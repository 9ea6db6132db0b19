"""Each column of a subscription has its line in the table by which the actions go."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from newsletter.cli.subscribers import add
from newsletter.database.tables import ImportChangeRow, SubscriptionRow
from subscribers.editing import PersonDraft
from subscribers.fields.model import RESERVED_KEYS
from subscribers.lists.columns.entries import Consent, ListEntry
from subscribers.lists.imports import staging, writing
from subscribers.lists.words.formats import FIELDS
from subscribers.segments.model import BuiltIn, MailEvent
from subscribers.subscription_columns import CHOSEN, HANDLING, LABELS, RESTORED

_ROOT = Path(__file__).resolve().parents[2]
_KEYS = {"newsletter_id", "subscriber_id"}
#: What is shown, asked and found field by field, by the newsletter's own definitions.
_BY_FIELD = {"attributes"}
#: Pages that show a person, the name that the subscription has there, and what they leave out.
_PAGES: Mapping[str, tuple[str, set[str]]] = {
    # When it last changed stands in the history below.
    "templates/web/subscribers/person.html": ("relation", {"changed_at"}),
    "templates/web/reader/data.html": ("row", set()),
}
#: How a mail is made, which says nothing of whom to write to.
_NOT_ASKED = {"time_zone", "format"}
#: Said of nobody who is added by hand: their mail has both parts.
_NOT_BY_COMMAND = {"format"}
#: Chosen from lists: nobody is found by them.
_NOT_SEARCHED = {"language", "time_zone"}
#: Where search looks at columns, and from where on: in the migration, from its triggers on.
_SEARCH = {
    "subscribers/search_index.py": "",
    "newsletter/database/migrations/versions/*.py": "CREATE TRIGGER person_words_added",
}


def _columns(table: type[SubscriptionRow | ImportChangeRow]) -> set[str]:
    return {column.name for column in table.__table__.columns}


def test_each_column_says_what_becomes_of_it() -> None:
    assert set(HANDLING) == _columns(SubscriptionRow)


def test_what_an_import_changes_is_noted_to_be_given_back() -> None:
    of_the_change = {"import_id", "subscriber_id", "written_at"}
    assert set(RESTORED) == _columns(ImportChangeRow) - of_the_change


def _of_lists(name: str) -> str:
    """Return what a column is called while a list is read."""
    return name.removeprefix("consent_")


def test_what_lists_bring_is_read_and_staged() -> None:
    imported = {_of_lists(name) for name, each in HANDLING.items() if each.imported}
    assert imported - {*ListEntry._fields, *Consent._fields} == set(), "entries.py"
    assert imported - staging._COLUMNS.keys() == set(), "staging.py"


def test_what_lists_bring_is_written_for_who_is_new_and_who_is_known() -> None:
    added = re.findall(r"\w+", writing._SUBSCRIBE.partition(")")[0])
    imported = {name for name, each in HANDLING.items() if each.imported}
    assert imported - {*added} == set(), "writing.py, the INSERT"
    changed = re.findall(r"(\w+) = ", writing._CHANGE)
    restored = {name for name, each in HANDLING.items() if each.imported and each.restored}
    assert restored - {*changed} == set(), "writing.py, the UPDATE"


@pytest.mark.parametrize("page", _PAGES)
def test_a_page_about_a_person_shows_each_column(page: str) -> None:
    name, left_out = _PAGES[page]
    text = (_ROOT / page).read_text(encoding="utf-8")
    shown = set(re.findall(rf"\b{name}\.(\w+)", text))
    assert set(HANDLING) - _KEYS - _BY_FIELD - left_out - shown == set(), page


def test_what_is_chosen_can_be_edited() -> None:
    edited = {"format" if each.name == "html" else each.name for each in fields(PersonDraft)}
    form = (_ROOT / "templates/web/subscribers/person_form.html").read_text(encoding="utf-8")
    chosen = set(CHOSEN) - _BY_FIELD
    assert chosen - edited == set(), "editing.py"
    assert {name for name in chosen if f'"{name}"' not in form} == set(), "person_form.html"


def test_what_is_chosen_can_be_said_of_whoever_is_added_by_command() -> None:
    options = inspect.signature(add).parameters
    assert set(CHOSEN) - _BY_FIELD - _NOT_BY_COMMAND - options.keys() == set(), "cli"


def test_segments_ask_for_what_is_chosen() -> None:
    assert set(CHOSEN) - _BY_FIELD - _NOT_ASKED - set(BuiltIn) == set(), "model.py"


def test_what_segments_ask_for_has_a_word_on_their_page() -> None:
    page = (_ROOT / "templates/web/subscribers/segment_words.html").read_text(encoding="utf-8")
    asked = {*BuiltIn, *MailEvent} - LABELS.keys()
    assert {each for each in asked if f'"{each}"' not in page} == set()


def test_no_field_takes_a_name_that_segments_or_lists_have() -> None:
    assert {*BuiltIn, *MailEvent, *FIELDS} - RESERVED_KEYS == set(), "fields/model.py"


@pytest.mark.parametrize("file", _SEARCH)
def test_search_finds_people_by_what_names_them(file: str) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(_ROOT.glob(file)))
    text = text[text.index(_SEARCH[file]) :]
    personal = {name for name, each in HANDLING.items() if each.emptied is not None}
    looked_at = {name for name in personal if re.search(rf"\w+\.{name}\b", text)}
    assert personal - _NOT_SEARCHED - looked_at == set(), file
