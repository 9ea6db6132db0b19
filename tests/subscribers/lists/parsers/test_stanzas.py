"""Lists whose people have a name and a value on each line: each says what it does of one person."""

from __future__ import annotations

import io
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.database.vocabulary import SubscriptionState
from subscribers.lists.columns.questions import UnclearColumnError
from subscribers.lists.parsers.files import list_records
from subscribers.lists.records import Record
from tests.subscribers.lists.columns.test_states import import_list, states_of
from tests.support.stage import Stage

_SYMPA = """date 1615398548
email aoki@x.example
gecos 青木 葵
reception mail
subscribed 1
visibility noconceal

date 1470183477
email baba@x.example
reception nomail
subscribed 1
visibility noconceal

email chiba@x.example
gecos 千葉 蓮
reception digest
visibility conceal
"""
_LDIF = f"""version: 1

# 二人
dn: uid=aoki,dc=x,dc=example
objectClass: person
objectClass: inetOrgPerson
cn:: {b64encode("青木 葵".encode()).decode()}
mail: aoki@x.example
description: 広報課の人で、長い行は
  次の行へ続く

dn: uid=baba,dc=x,dc=example
objectClass: person
cn: Baba Ren
mail: baba@x.example
description: unsubscribed
"""
_CARDS = """BEGIN:VCARD
VERSION:3.0
N:Höß;Ulrike;;;
FN:Ulrike Höß
item1.EMAIL;TYPE=HOME:ulrike@x.example
NOTE:Alt\\, erste Reihe
END:VCARD
BEGIN:VCARD
VERSION:2.1
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=BCrgen
EMAIL:juergen@x.example
NOTE:gekündigt
END:VCARD
"""


def _rows(text: str, name: str = "l.txt") -> list[dict[str, str]]:
    records: list[Record] = [*list_records(io.BytesIO(text.encode()), file_name=name, source=name)]
    assert records[0].header
    return [record.values for record in records[1:]]


def test_a_dump_of_sympa_says_of_each_person_what_stands_in_their_own_stanza(
    sqlite_stage: Stage,
) -> None:
    _, problems = import_list(sqlite_stage, _SYMPA.encode(), name="subscribers.db.dump")
    assert not problems
    assert states_of(sqlite_stage.engine) == {
        "aoki": SubscriptionState.CONFIRMED,
        "baba": SubscriptionState.UNSUBSCRIBED,
        "chiba": SubscriptionState.CONFIRMED,
    }


def test_entries_of_a_directory_are_read_with_encoded_values_and_folded_lines() -> None:
    first, second = _rows(_LDIF, "people.ldif")
    assert first["cn"] == "青木 葵"
    assert first["mail"] == "aoki@x.example"
    assert first["objectClass (2)"] == "inetOrgPerson"
    assert first["description"] == "広報課の人で、長い行は 次の行へ続く"
    assert second["cn"] == "Baba Ren"
    assert second["description"] == "unsubscribed"


def test_a_disabled_account_of_active_directory_has_left(sqlite_stage: Stage) -> None:
    flags = {
        "aoki": "512",
        "baba": "514",
        "chiba": "66048",
        "doi": "66050",
        "endo": "0x200",
        "fujii": "0x202",
        "goto": "0x10200",
        "hara": "&H10202",
    }
    entries = (
        f"dn: CN={name},DC=x\nmail: {name}@x.example\nuserAccountControl: {bits}\n"
        for name, bits in flags.items()
    )
    import_list(sqlite_stage, "\n".join(entries).encode(), name="staff.ldif")
    left = {
        name
        for name, state in states_of(sqlite_stage.engine).items()
        if state is not SubscriptionState.CONFIRMED
    }
    assert left == {"baba", "doi", "fujii", "hara"}


def test_a_card_whose_parameters_go_on_in_the_next_line_is_read_with_its_value() -> None:
    card = (
        "BEGIN:VCARD\nEMAIL:a@x.example\nNOTE;CHARSET=UTF-8;\n"
        " ENCODING=QUOTED-PRINTABLE:gek=C3=BCn=\ndigt\nEND:VCARD\n"
    )
    [row] = _rows(card, "chor.vcf")
    assert row["NOTE"] == "gekündigt"


def test_cards_of_an_address_book_are_read_with_their_escapes() -> None:
    first, second = _rows(_CARDS, "chor.vcf")
    assert first["FN"] == "Ulrike Höß"
    assert first["EMAIL"] == "ulrike@x.example"
    assert first["NOTE"] == "Alt, erste Reihe"
    assert second["FN"] == "Jürgen"


@pytest.mark.parametrize(
    "lines",
    [
        "EMAIL;TYPE=HOME:b@x.example\nEMAIL;TYPE=WORK,PREF:a@x.example",
        "EMAIL;PREF=2:b@x.example\nEMAIL;PREF=1:a@x.example",
        "item1.EMAIL;type=INTERNET:b@x.example\nitem2.EMAIL;type=INTERNET;type=pref:a@x.example",
        "EMAIL;INTERNET:b@x.example\nEMAIL;INTERNET;PREF:a@x.example",
        "EMAIL:a@x.example\nEMAIL:b@x.example\nEMAIL:c@x.example",
    ],
)
def test_of_several_addresses_of_a_card_the_preferred_one_is_imported(
    sqlite_stage: Stage, lines: str
) -> None:
    card = f"BEGIN:VCARD\nVERSION:4.0\nFN:Ann Ash\n{lines}\nEND:VCARD\n"
    other = "BEGIN:VCARD\nVERSION:4.0\nFN:Dan\nEMAIL:d@x.example\nEND:VCARD\n"
    import_list(sqlite_stage, (card + other).encode(), name="l.vcf", is_answered=False)
    assert states_of(sqlite_stage.engine).keys() == {"a", "d"}


def test_a_note_of_a_card_that_says_who_left_is_asked_about(sqlite_stage: Stage) -> None:
    with pytest.raises(UnclearColumnError, match=r"NOTE.*gekündigt"):
        import_list(sqlite_stage, _CARDS.encode(), name="chor.vcf", is_answered=False)


@pytest.mark.parametrize(
    "text",
    [
        "Ann Ash: ann@x.example\nBob Birch: bob@x.example\n\nCat Cole: cat@x.example\n",
        "email\nann@x.example\n\nbob@x.example\n",
        "email: name\nann@x.example: Ann\n",
        "ann@x.example\n",
        "停止した方\n\nann@x.example\nbob@x.example\n",
    ],
)
def test_other_lists_are_no_stanzas(text: str) -> None:
    rows = _rows(text)
    assert len(rows) == text.count("@x.example")


def test_somebody_without_an_address_is_told_of(sqlite_stage: Stage) -> None:
    text = (
        _CARDS.replace("NOTE:gekündigt\n", "") + "BEGIN:VCARD\nFN:Ohne Mail\nTEL:0611\nEND:VCARD\n"
    )
    _, problems = import_list(sqlite_stage, text.encode(), name="chor.vcf")
    assert [problem.line for problem in problems] == [14]
    assert set(states_of(sqlite_stage.engine)) == {"ulrike", "juergen"}


def test_a_line_without_a_name_is_said_of_its_person() -> None:
    rows = _rows("email: aoki@x.example\nname: 葵\n\nemail: baba@x.example\n退会希望\nname: 蓮\n")
    assert [row["#"] for row in rows] == ["", "退会希望"]


def test_parameters_without_an_end_cost_their_length() -> None:
    rows = _rows("email: ann@x.example\nname: Ann\n\n" + "x;" * 300_000 + "\n")
    assert [row["email"] for row in rows] == ["ann@x.example"]


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["名", "note", "City", "state"]).filter(str.isascii),
            st.text(st.characters(categories=("L", "N")), min_size=1, max_size=20),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_one_person_says_is_never_said_of_another(people: list[dict[str, str]]) -> None:
    text = "\n\n".join(
        "\n".join([f"email: p{at}@x.example", f"id: {at}", *(f"{n}: {v}" for n, v in said.items())])
        for at, said in enumerate(people)
    )
    for at, (row, said) in enumerate(zip(_rows(text), people, strict=True)):
        assert row["email"] == f"p{at}@x.example"
        assert {name: value for name, value in row.items() if name in said} == said
        assert not any(value for name, value in row.items() if name not in {"email", "id", *said})
