"""Lists of JSON whose people lie in inner objects, as APIs write them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from newsletter.database.vocabulary import SubscriptionState
from newsletter.errors import ListError
from subscribers.lists.columns.questions import UnclearColumnError
from subscribers.lists.parsers.files import list_records
from tests.subscribers.lists.columns.test_states import import_list, states_of
from tests.support.stage import Stage

_C, _U = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED

_ONE_LEFT: dict[str, Any] = {
    "a status beside": [
        {"user": {"email": "a@x.jp", "name": "Ann Ash"}, "status": "active"},
        {"user": {"email": "b@x.jp", "name": "Bo By"}, "status": "unsubscribed"},
    ],
    "JSON:API": {
        "data": [
            {
                "type": "contacts",
                "id": str(at),
                "attributes": {"email": who, "first_name": first, "last_name": last, "status": is_},
                "links": {"self": f"https://api.example/contacts/{at}"},
            }
            for at, (who, first, last, is_) in enumerate(
                [("a@x.jp", "Ann", "Ash", "subscribed"), ("b@x.jp", "Bo", "By", "unsubscribed")]
            )
        ]
    },
    "a state for each list": {
        "results": [
            {"email": "a@x.jp", "lists": [{"id": 1, "subscription_status": "confirmed"}]},
            {"email": "b@x.jp", "lists": [{"id": 1, "subscription_status": "unsubscribed"}]},
        ]
    },
    "lists that each were left": [
        {"email": "a@x.jp", "topics": [{"name": "News"}, {"name": "Events"}]},
        {"email": "b@x.jp", "topics": [{"name": "News", "unsubscribedAt": "2026-01-05"}]},
    ],
    "merge fields": {
        "members": [
            {
                "email_address": "a@x.jp",
                "status": "subscribed",
                "merge_fields": {"FNAME": "Ann", "LNAME": "Ash"},
            },
            {
                "email_address": "b@x.jp",
                "status": "cleaned",
                "merge_fields": {"FNAME": "Bo", "LNAME": "By"},
            },
        ]
    },
    "arrays of addresses": [
        {
            "name": {"givenName": "Ann", "familyName": "Ash"},
            "emails": [{"value": "home@x.jp"}, {"value": "a@x.jp", "primary": True}],
            "active": True,
        },
        {
            "name": {"givenName": "Bo", "familyName": "By"},
            "emails": [{"value": "b@x.jp"}],
            "active": False,
        },
    ],
    "by keys": {
        "k1": {"user": {"email": "a@x.jp", "name": "Ann Ash"}, "status": "active"},
        "k2": {"user": {"email": "b@x.jp", "name": "Bo By"}, "status": "unsubscribed"},
    },
    "deep": {
        "result": {
            "edges": [
                {"node": {"person": {"mail": "a@x.jp", "name": "Ann Ash"}, "optedOut": False}},
                {"node": {"person": {"mail": "b@x.jp", "name": "Bo By"}, "optedOut": True}},
            ]
        }
    },
    "names with values": {
        "Users": [
            {
                "Attributes": [
                    {"Name": "email", "Value": "a@x.jp"},
                    {"Name": "name", "Value": "Ann Ash"},
                ],
                "Enabled": True,
            },
            {
                "Attributes": [
                    {"Name": "email", "Value": "b@x.jp"},
                    {"Name": "name", "Value": "Bo By"},
                ],
                "Enabled": False,
            },
        ]
    },
}


@pytest.mark.parametrize("form", _ONE_LEFT)
def test_people_in_inner_objects_are_found_with_what_stands_around_them(
    form: str, sqlite_stage: Stage
) -> None:
    _, problems = import_list(sqlite_stage, json.dumps(_ONE_LEFT[form]).encode(), name="l.json")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}, problems


@pytest.mark.parametrize("form", ["a status beside", "arrays of addresses"])
def test_an_object_a_line_is_read_so_too(form: str, sqlite_stage: Stage) -> None:
    lines = "\n".join(map(json.dumps, _ONE_LEFT[form]))
    import_list(sqlite_stage, lines.encode(), name="l.jsonl")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


def test_of_lists_that_differ_the_one_that_was_left_counts(sqlite_stage: Stage) -> None:
    lists = [{"id": 1, "status": "confirmed"}, {"id": 2, "status": "unsubscribed"}]
    octets = json.dumps([{"email": "a@x.jp", "lists": lists}]).encode()
    import_list(sqlite_stage, octets, name="l.json")
    assert states_of(sqlite_stage.engine) == {"a": _U}


def test_which_of_two_inner_addresses_is_the_subscribers_is_asked(sqlite_stage: Stage) -> None:
    octets = json.dumps([{"user": {"email": "a@x.jp"}, "boss": {"email": "b@x.jp"}}]).encode()
    with pytest.raises(ListError, match=r"user\.email.*boss\.email"):
        import_list(sqlite_stage, octets, name="l.json")
    import_list(sqlite_stage, octets, name="l.json", columns={"user.email": "address"})
    assert states_of(sqlite_stage.engine) == {"a": _C}


def test_what_another_inner_object_is_called_says_nothing_of_the_person() -> None:
    octets = b'[{"email": "a@x.jp", "referrer": {"name": "Zed", "status": "unsubscribed"}}]'
    record = next(list_records(io.BytesIO(octets), file_name="l.json", source="l.json"))
    assert record.values["referrer.name"] == "Zed"


def test_what_an_object_beside_the_address_says_is_asked(sqlite_stage: Stage) -> None:
    people = [
        {"contact": {"email": f"p{at}@x.jp"}, "club": {"standing": "U" if at % 2 else "A"}}
        for at in range(6)
    ]
    with pytest.raises(UnclearColumnError, match=r"club\.standing"):
        import_list(sqlite_stage, json.dumps(people).encode(), name="l.json", is_answered=False)


def test_a_person_with_several_addresses_is_refused_alone(sqlite_stage: Stage) -> None:
    people = [{"emails": ["a@x.jp", "aa@x.jp"]}, {"emails": ["b@x.jp"]}, {"emails": ["c@x.jp"]}]
    _, problems = import_list(sqlite_stage, json.dumps(people).encode(), name="l.json")
    assert states_of(sqlite_stage.engine) == {"b": _C, "c": _C}
    assert [problem.line for problem in problems] == [1]


_MANY = 300_000


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("l.json", b"[" + b",".join([b"1"] * _MANY) + b"]"),
        ("l.json", b'[{"email": "a@x.jp"},' + b",".join([b"1"] * _MANY) + b"]"),
        ("l.json", b'{"data": [' + b",".join([b"11111"] * _MANY) + b"]}"),
        ("l.json", b"{" + b",".join(b'"k%d":1' % at for at in range(_MANY)) + b"}"),
        ("l.json", b"{" + b",".join(b'"k%d":{}' % at for at in range(_MANY)) + b"}"),
        ("l.jsonl", b"1\n" * _MANY),
        (
            "l.jsonl",
            b"".join(b'{"email":"a%d@x.jp","k%d":1}\n' % (at, at) for at in range(_MANY)),
        ),
        (
            "l.json",
            b'[{"email":"a@x.jp",' + b",".join(b'"k%d":1' % at for at in range(50_000)) + b"}]",
        ),
    ],
    ids=["ones", "behind one", "in a key", "keys", "objects", "lines", "columns", "one wide"],
)
def test_json_without_end_and_people_is_refused_before_it_is_gone_through(
    name: str, octets: bytes
) -> None:
    stream = io.BytesIO(octets)
    with pytest.raises(ListError):
        for _ in list_records(stream, file_name=name, source=name):
            pass
    assert stream.closed or stream.tell() < len(octets) or len(octets) < 1024 * 1024
