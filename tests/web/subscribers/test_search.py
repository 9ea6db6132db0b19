"""Any part of an address, a name or a field is found, however it is written."""

from __future__ import annotations

import random
import unicodedata
from typing import Any

from sqlalchemy import select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import NewsletterRow, SubscriptionRow
from subscribers.fields.values import write_values
from subscribers.search import PeopleFilter, search_people
from tests.support import fields
from tests.support.databases import each_database
from tests.support.stage import Stage

#: Of all these, names and words are made: two widths, two cases, signs of JSON and of SQL.
_LETTERS = '石川花子葵ｱｵｲアオイあガｶﾞパＡＢａb cC1１%_"\\/＂＼・-'


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(_LETTERS, k=chance.randint(1, 6))).strip() or "葵"


@each_database
def test_any_part_is_found_as_a_look_at_everything_finds_it(stage: Stage) -> None:
    chance = random.Random(17)  # noqa: S311 - for a test
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY, fields.BIRTHDAY, fields.AGE)
    names = {f"{chance.choice('abc')}{n}.{n * 7}@example.jp": _word(chance) for n in range(25)}
    stage.subscribe(*names)
    texts: dict[str, list[str]] = {}
    with transaction(stage.engine) as session:
        for number, (address, name) in enumerate(names.items()):
            known: dict[str, Any] = {"city": _word(chance), "age": number * 3}
            known |= {"birthday": f"19{60 + number % 40}-0{1 + number % 9}-11"}
            person = stage.subscriber_id(address)
            write_values(session, stage.newsletter_id, person, known)
            session.execute(
                update(SubscriptionRow)
                .where(SubscriptionRow.subscriber_id == person)
                .values(name=name)
            )
            texts[address] = [_fold(text) for text in (address, name, *map(str, known.values()))]
    asked = [_word(chance)[: chance.randint(1, 3)].strip() for _ in range(50)]
    asked += ["19", "-11", "63", "EXAMPLE", "ガ", "ｶﾞ", "Ａ", "%", "_", '"', "\\", "＂"]
    with reading(stage.engine) as session:
        row = session.scalars(select(NewsletterRow)).one()
        for text in filter(None, asked):
            found = search_people(session, row, PeopleFilter(text=text, within=True)).people
            expected = {one for one, known in texts.items() if any(_fold(text) in t for t in known)}
            assert {one.address for one in found} == expected, text
