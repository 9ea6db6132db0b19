"""Lists as one JSON document, in the forms in which APIs and databases write people."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.database.engine import open_engine
from newsletter.database.vocabulary import SubscriptionState
from newsletter.errors import ListError
from subscribers.lists.parsers.files import list_records
from subscribers.lists.parsers.inner_columns import spread
from subscribers.lists.records import Record
from tests.subscribers.lists.columns.test_states import import_list, states_of
from tests.support.commands import run_command
from tests.support.stage import Stage, set_stage

_C, _U = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED
_PEOPLE = [{"email": "a@example.jp", "name": "A"}, {"email": "b@example.jp", "name": "B"}]


def _records(octets: bytes, name: str = "l.json") -> list[Record]:
    return [*list_records(io.BytesIO(octets), file_name=name, source=name)]


def _values(octets: bytes) -> list[dict[str, Any]]:
    return [record.values for record in _records(octets)]


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "document",
    [
        _PEOPLE,
        {"members": _PEOPLE},
        {"total_items": 2, "_links": [{"rel": "self"}][:0], "members": _PEOPLE, "next": None},
        {"status": "ok", "data": {"page": {"size": 50}, "subscribers": _PEOPLE}},
        {"users": {"-N1x": _PEOPLE[0], "-N2y": _PEOPLE[1]}},
        {"-N1x": _PEOPLE[0], "-N2y": _PEOPLE[1]},
    ],
    ids=["array", "wrapped", "api", "deeper", "by key", "keys alone"],
)
def test_people_are_found_wherever_a_document_has_them(
    document: object, encoding: str, indent: str | int | None
) -> None:
    octets = json.dumps(document, ensure_ascii=False, indent=indent).encode(encoding)
    assert _values(octets) == _PEOPLE


def test_addresses_alone_and_as_keys_are_people() -> None:
    assert _values(b'["a@example.jp", "b@example.jp"]') == [
        {"email": "a@example.jp"},
        {"email": "b@example.jp"},
    ]
    assert _values(b'{"a@example.jp": {"name": "A"}, "b@example.jp": {}}') == [
        {"email": "a@example.jp", "name": "A"},
        {"email": "b@example.jp"},
    ]


def test_an_object_a_line_is_read_so_in_a_file_of_either_name() -> None:
    octets = b'{"email": "a@example.jp"}\n{"email": "b@example.jp"}\n'
    assert _values(octets) == [{"email": "a@example.jp"}, {"email": "b@example.jp"}]


def test_the_key_above_an_array_says_who_left(sqlite_stage: Stage) -> None:
    document = {
        "subscribers": [{"email": "a@example.jp"}],
        "unsubscribed": [{"email": "b@example.jp"}],
        "bounced": {"k1": {"email": "c@example.jp"}},
    }
    import_list(sqlite_stage, json.dumps(document).encode(), name="l.json")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U, "c": _U}


def test_an_entry_that_is_nobody_is_told_by_its_number_and_stops_no_other() -> None:
    records = _records(b'[{"email": "a@example.jp"}, 7, {"email": "\\ud83d"}, {"email": "b@b.jp"}]')
    assert [(record.line, bool(record.fault)) for record in records] == [
        (1, False),
        (2, True),
        (3, True),
        (4, False),
    ]


@pytest.mark.parametrize(
    ("octets", "line"),
    [
        (b'[\n{"email": "a@example.jp"},\n{"email": "b@exam', 3),
        (b'[\n{"email": "a@example.jp"}\n{"email": "b@example.jp"}\n]', 3),
        (b'{"members": [{"email": "a@example.jp"}]', 1),
        (b'[{"email": "a@example.jp"}', 1),
    ],
)
def test_where_it_is_cut_short_or_broken_is_said_by_the_line(octets: bytes, line: int) -> None:
    with pytest.raises(ListError, match="not JSON") as refused:
        _records(octets)
    assert refused.value.place is not None
    assert refused.value.place.line == line


@pytest.mark.parametrize("octets", [b"[]", b"{\n}", b'{\n"message": "not found"\n}'])
def test_a_document_without_people_is_refused(octets: bytes) -> None:
    with pytest.raises(ListError, match="no list of people"):
        _records(octets)


def test_what_is_in_no_encoding_of_json_is_refused() -> None:
    with pytest.raises(ListError, match="not in UTF-8"):
        _records('[{"email": "a@example.jp", "name": "é"}]'.encode("cp1252"))


@pytest.mark.parametrize(
    "octets",
    [b"[" * 100_000, b'{"a":' * 100_000, b'[{"email": "' + b"x" * 3_000_000, b"[" + b" " * 9_000],
)
def test_what_is_deep_or_endless_is_refused(octets: bytes) -> None:
    with pytest.raises(ListError):
        _records(octets)


def test_a_document_of_one_long_line_is_read_by_the_command(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(sqlite_url)
    set_stage(engine)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    people = [{"email": f"p{number}@example.jp", "name": "x" * 900} for number in range(1_500)]
    Path("l.json").write_text(json.dumps(people))
    run = run_command(["subscriber", "import", "l.json", "--basis", "moved", "--json"])
    assert (run.exit_code, len(states_of(engine))) == (0, 1_500), run.output
    engine.dispose()


@pytest.mark.parametrize("depth", [100, 980, 3_000])
def test_what_no_list_nests_so_deep_is_refused(depth: int) -> None:
    octets = b'{"a":' * depth + b'{"email": "a@example.jp"}' + b"}" * depth
    with pytest.raises(ListError, match="not JSON"):
        _records(octets)


def test_a_number_of_very_many_digits_ends_no_list() -> None:
    octets = b'[{"email": "a@example.jp", "n": ' + b"9" * 6_000 + b'}, {"email": "b@example.jp"}]'
    assert [record.values["email"] for record in _records(octets)] == [
        "a@example.jp",
        "b@example.jp",
    ]


def test_memory_does_not_grow_with_a_document() -> None:
    # Long addresses rather than many people: each that is read is costly to trace.
    padding = b"x" * 300

    def peak(count: int) -> int:
        people = b",\n".join(b'{"email": "%b%d@e.jp"}' % (padding, n) for n in range(count))
        stream = cast("BinaryIO", io.BytesIO(b'{"list": [' + people + b"]}"))
        tracemalloc.start()
        assert sum(1 for _ in list_records(stream, file_name="l.json", source="l")) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(16_000) < peak(4_000) * 1.5


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(
    people=st.lists(st.dictionaries(st.text(min_size=1), _JSON, max_size=4), min_size=1),
    around=st.booleans(),
    indent=st.sampled_from([None, 0, 4]),
)
def test_what_an_array_holds_arrives_as_it_is(
    *, people: list[dict[str, Any]], around: bool, indent: int | None
) -> None:
    document = {"count": len(people), "list": people} if around else people
    octets = json.dumps(document, indent=indent).encode()
    assert _values(octets) == [spread(person) for person in people]
