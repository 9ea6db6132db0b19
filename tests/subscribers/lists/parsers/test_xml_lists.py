"""Lists in XML: whoever wrote it, an element that comes again and holds an address is a person."""

from __future__ import annotations

import io
from typing import Any

import pytest

from newsletter.database.vocabulary import SubscriptionState
from newsletter.errors import ListError
from subscribers.lists.columns.questions import UnclearColumnError
from subscribers.lists.parsers.files import opened_list
from subscribers.lists.parsers.text_lists import SECTION
from tests.subscribers.lists.columns.test_states import import_list, states_of
from tests.support.stage import Stage

_C, _U = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED
_HEAD = '<?xml version="1.0"?>\n'


def _rows(text: str, name: str = "l.xml") -> list[dict[str, Any]]:
    with opened_list(io.BytesIO(text.encode()), name=name, source=name) as opened:
        found = list(opened.records())
    return [record.values for record in found if not record.header and not record.fault]


@pytest.mark.parametrize(
    "text",
    [
        (
            "<l><u><email>a@x.example</email><left>0</left></u>"
            "<u><email>b@x.example</email><left>1</left></u></l>"
        ),
        '<l><u email="a@x.example" left="0"/><u email="b@x.example" left="1"/></l>',
        (
            '<r><row><field name="email">a@x.example</field><field name="left">0</field></row>'
            '<row><field name="email">b@x.example</field><field name="left">1</field></row></r>'
        ),
        (
            "<l><u><p><name>email</name><value>a@x.example</value></p>"
            "<p><name>left</name><value>0</value></p></u>"
            "<u><p><name>email</name><value>b@x.example</value></p>"
            "<p><name>left</name><value>1</value></p></u></l>"
        ),
        (
            '<n:l xmlns:n="urn:x"><n:u><n:email>a@x.example</n:email></n:u>'
            "<n:u><n:email><![CDATA[b@x.example]]></n:email><n:left/></n:u></n:l>"
        ),
        (
            '<l><u><email left="0">a@x.example</email></u>'
            '<u><email left="1">b@x.example</email></u></l>'
        ),
    ],
    ids=["elements", "attributes", "fields", "pairs", "flags", "at the address"],
)
def test_what_an_element_has_are_columns_of_its_person(text: str) -> None:
    rows = _rows(_HEAD + text)
    assert [row["email"] for row in rows] == ["a@x.example", "b@x.example"]
    assert [row["left"] in {"", "0"} for row in rows] == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        (
            "<l><members><email>a@x.example</email><email>b@x.example</email></members>"
            "<unsubscribed><email>c@x.example</email><email>d@x.example</email></unsubscribed></l>"
        ),
        (
            '<l><g status="active"><m email="a@x.example"/><m email="b@x.example"/></g>'
            '<g status="unsubscribed"><m email="c@x.example"/><m email="d@x.example"/></g></l>'
        ),
        (
            "<l><m><email>a@x.example</email></m><m><email>b@x.example</email></m>"
            "<!-- unsubscribed -->"
            "<m><email>c@x.example</email></m><m><email>d@x.example</email></m></l>"
        ),
        (
            "<l><退会者><人><メール>c@x.example</メール></人><人><メール>d@x.example</メール></人></退会者>"
            "<会員><人><メール>a@x.example</メール></人><人><メール>b@x.example</メール></人></会員></l>"
        ),
    ],
    ids=["elements", "attributes", "comments", "Japanese"],
)
def test_what_a_group_says_is_said_of_its_people(text: str, sqlite_stage: Stage) -> None:
    import_list(sqlite_stage, (_HEAD + text).encode(), name="l.xml")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C, "c": _U, "d": _U}


@pytest.mark.parametrize(
    ("groups", "asked"),
    [
        (("unsubscribed",), ""),
        (("members", "optedOut"), ""),
        (("unsubscribedMembers", "active"), ""),
        (("unsubscribed", "subscribers"), ""),
        (("optedOut", "active-members"), ""),
        (("former-members",), "former members"),
        (("ausgetreten",), "ausgetreten"),
        (("leavers",), "leavers"),
        (("exMembers", "members"), "ex Members"),
        (("deceased/list", "members/list"), "deceased"),
    ],
)
def test_a_group_is_called_left_by_its_name_or_asked_about(
    groups: tuple[str, ...], asked: str, sqlite_stage: Stage
) -> None:
    def group(name: str, address: str) -> str:
        people = f"<m><name>Ann</name><email>{address}1@x.example</email></m>"
        people += f"<m><name>Bo</name><email>{address}2@x.example</email></m>"
        tags = name.split("/")
        ends = "".join(f"</{tag}>" for tag in reversed(tags))
        return f"{''.join(f'<{tag}>' for tag in tags)}{people}{ends}"

    text = "".join(map(group, groups, "ab"))
    octets = f"{_HEAD}<l>{text}</l>".encode()
    if not asked:
        import_list(sqlite_stage, octets, name="l.xml", is_answered=False)
        assert _U in states_of(sqlite_stage.engine).values()
        return
    with pytest.raises(UnclearColumnError) as error:
        import_list(sqlite_stage, octets, name="l.xml", is_answered=False)
    (question,) = error.value.questions
    assert question.column == SECTION
    assert (asked, 2) in question.values


def test_which_of_their_addresses_one_is_asks_nothing(sqlite_stage: Stage) -> None:
    people = "".join(
        f'<m><name>{name}</name><email type="{kind}">{name}@x.example</email></m>'
        for name, kind in (("a", "home"), ("b", "work"), ("c", "home"), ("d", "other"))
    )
    octets = f"{_HEAD}<l>{people}</l>".encode()
    import_list(sqlite_stage, octets, name="l.xml", is_answered=False)
    assert states_of(sqlite_stage.engine) == dict.fromkeys("abcd", _C)


def test_several_addresses_of_one_person_are_one_row() -> None:
    text = (
        "<l><u><name>A</name><mails><mail>a@x.example</mail></mails></u>"
        "<u><name>B</name><mails><mail>b@x.example</mail><mail>c@x.example</mail></mails></u>"
        "<u><name>D</name><mails><mail>d@x.example</mail></mails></u></l>"
    )
    assert [row["name"] for row in _rows(text)] == ["A", "B", "D"]


def test_xml_is_read_in_the_encoding_that_it_declares() -> None:
    head = '<?xml version="1.0" encoding="Shift_JIS"?>'
    text = f"{head}<l><u><氏名>青木</氏名><mail>a@x.example</mail></u></l>"
    with opened_list(io.BytesIO(text.encode("cp932")), name="l", source="l") as opened:
        values = [record.values for record in opened.records()]
    assert values[1] == {"氏名": "青木", "mail": "a@x.example"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<!DOCTYPE l [<!ENTITY a "aa">]><l><u>&a;@x.example</u></l>', "defines entities"),
        ("<l><u><email>a@x.example</email></u>", "not XML"),
        ("<l><u>a</u></l>", "no email addresses"),
        ("<l>" * 100 + "a@x.example" + "</l>" * 100, "elements"),
        ("<l>" + "".join(f"<e{at}/>" for at in range(5000)) + "</l>", "kinds of elements"),
        (
            "<l><u><email>a@x.example</email>" + "<n>1234567</n>" * 200_000 + "</u></l>",
            "larger than 1 MiB",
        ),
        ('<l><u email="' + "x" * 3_000_000 + '"/></l>', "larger than 1 MiB"),
    ],
    ids=["entities", "cut", "nobody", "deep", "kinds", "a row", "a tag"],
)
def test_xml_that_is_no_list_or_endless_is_refused(text: str, message: str) -> None:
    with pytest.raises(ListError, match=message):
        _rows(_HEAD + text)
