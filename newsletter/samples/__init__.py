"""What ships for a first try: a sample issue in each language, and sample subscribers."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from newsletter.i18n.catalogue import SOURCE_LANGUAGE
from newsletter.i18n.language import Language

_FAMILY_NAMES = ("佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤")
_GIVEN_NAMES = ("葵", "蓮", "陽菜", "湊", "結衣", "悠真", "凛", "樹", "美咲", "大翔", "千尋")
_ENGLISH_NAMES = ("Ada Byrne", "Tom Okafor", "Mia Larsen", "Noah Silva", "Ivy Chen")
#: One reader in so many reads English.
_ENGLISH_EVERY = 10


def sample_issue(language: Language) -> bytes:
    """Return the sample issue's source; the English one where a language has none."""
    sample = files(__name__).joinpath(f"issue-{language.value}.md")
    if not sample.is_file():
        sample = files(__name__).joinpath(f"issue-{SOURCE_LANGUAGE.value}.md")
    return sample.read_bytes()


def sample_subscribers(count: int) -> Iterator[str]:
    """Yield the lines of a CSV list of ``count`` people on domains reserved for examples."""
    yield "email,name,language\n"
    for number in range(1, count + 1):
        if number % _ENGLISH_EVERY == 0:
            name = _ENGLISH_NAMES[number // _ENGLISH_EVERY % len(_ENGLISH_NAMES)]
            yield f"reader{number:04d}@example.com,{name},en\n"
        else:
            family = _FAMILY_NAMES[number % len(_FAMILY_NAMES)]
            given = _GIVEN_NAMES[number % len(_GIVEN_NAMES)]
            yield f"reader{number:04d}@example.jp,{family} {given},ja\n"
