"""A list as a Japanese city hall has it, that goes in and has to come out as it was.

Addresses of carriers with dots in odd places, quoted or not, letters in both cases, domains beyond
ASCII; names in kanji, kana and Latin letters. The people are the same each time.
"""

from __future__ import annotations

import csv
import io
import random
import time
from collections.abc import Iterator
from itertools import chain, zip_longest

from sqlalchemy import Engine

from newsletter.addresses import parse_address
from newsletter.database.tables import NewsletterRow
from subscribers.lists.exports.csv_export import csv_pages
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.parsers.column_guesses import is_header
from subscribers.lists.parsers.tables import csv_records

_FAMILY = (
    *("佐藤", "鈴木", "髙橋", "田中", "渡邉", "伊東", "𠮷田", "長谷川", "五十嵐", "﨑山"),
    *("勅使河原", "小鳥遊", "Nguyễn", "O’Neil", "李", "ｼﾊﾞﾀ", "さいとう"),
)
_GIVEN = (
    "葵",
    "陽菜",
    "蓮",
    "さくら",
    "健太郎",
    "みなと",
    "ﾊﾅｺ",
    "An",
    "美 咲",
    "一二三",
    "ノエル",
)
_WORDS = ("sora", "hana-chan", "t.tanaka", "Yuki_S", "info", "KEN", "a.b-c", "mai+news", "0312")
#: How many of a hundred have an address of this kind.
_PROVIDERS = (
    *(("gmail.com", 22), ("yahoo.co.jp", 16), ("icloud.com", 9), ("outlook.jp", 5)),
    *(("docomo.ne.jp", 12), ("ezweb.ne.jp", 8), ("softbank.ne.jp", 6), ("i.softbank.jp", 2)),
    *(("city.chiba.lg.jp", 4), ("pref.example.lg.jp", 3), ("Example.CO.JP", 5), ("nifty.com", 5)),
    *(("日本語.jp", 1), ("xn--wgv71a119e.jp", 1), ("市役所.example.jp", 1)),
)
_DOMAINS, _SHARES = zip(*_PROVIDERS, strict=True)
#: Those that gave out addresses with dots at the end or one after the other, until 2009.
_CARRIERS = frozenset({"docomo.ne.jp", "ezweb.ne.jp"})
_OPTIONS = ImportOptions(source="list.csv", basis="窓口の申込書")


def people(count: int) -> Iterator[tuple[str, str]]:
    """Yield addresses and names as such a list has them; no address comes twice."""
    pick = random.Random(17)  # noqa: S311 - the same people each time
    for number in range(count):
        domain = pick.choices(_DOMAINS, _SHARES)[0]
        local = f"{pick.choice(_WORDS)}{number}"
        if domain in _CARRIERS and number % 4 == 0:
            odd = pick.choice((f"{local}.", f"{local[:2]}..{local[2:]}", f".{local}"))
            local = f'"{odd}"' if number % 8 == 0 else odd
        yield f"{local}@{domain}", f"{pick.choice(_FAMILY)} {pick.choice(_GIVEN)}"


def round_trip(engine: Engine, newsletter: NewsletterRow, count: int) -> float:
    """Import so many people and export them again; return rows a second, there and back.

    Raises:
        RuntimeError: Somebody did not come out as they went in.
    """
    began = time.perf_counter()
    records = csv_records(_lines(count), source="list.csv", is_header=is_header)
    report = import_records(engine, newsletter.id, records, _OPTIONS)
    if report.added != count:
        raise RuntimeError(f"{report.added} of {count} added: {report.refused[:3]}")
    pages = csv_pages(engine, newsletter)
    text = chain.from_iterable(io.StringIO(page.text, newline="") for page in pages)
    for row, (address, name) in zip_longest(csv.DictReader(text), people(count)):
        if (row["email"], row["name"]) != (parse_address(address).address, name):
            raise RuntimeError(f"{address}, {name} came out as {row['email']}, {row['name']}")
    return count / (time.perf_counter() - began)


def _lines(count: int) -> Iterator[str]:
    yield "メールアドレス,氏名\r\n"
    for person in people(count):
        line = io.StringIO()
        csv.writer(line).writerow(person)
        yield line.getvalue()
