"""``make words``: updates the catalogues from the texts in source code and templates."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

from newsletter.cli.main import app
from newsletter.cli.usage import help_texts
from newsletter.i18n.catalogue import FOLDER, SOURCE_LANGUAGE
from newsletter.i18n.language import Language, language_name

ROOT = Path(__file__).resolve().parents[2]
_METHODS = [
    ("newsletter/**.py", "newsletter.cli.catalogues:words_of_module"),
    ("subscribers/**.py", "newsletter.cli.catalogues:words_of_module"),
    ("newsletter/rendering/client_features.toml", "newsletter.cli.catalogues:remedies_of"),
    ("workers/**.py", "newsletter.cli.catalogues:words_of_module"),
    ("templates/**.html", "jinja2"),
    ("templates/**.j2", "jinja2"),
]
_OPTIONS = {"templates/**": {"trim_blocks": "true", "silent": "false"}}
KEYWORDS = DEFAULT_KEYWORDS | {
    "msg": None,
    "pmsg": ((1, "c"), 2),
    "nmsg": (1, 2),
    "reader_gettext": None,
    "reader_pgettext": ((1, "c"), 2),
}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@cache
def words_in_source() -> Catalog:
    """Return all messages in source code and templates, with the files that contain them."""
    catalogue = Catalog()
    for folder in ("newsletter", "subscribers", "workers", "templates"):
        for name, _, words, _, context in extract_from_dir(
            ROOT / folder,
            [(pattern.removeprefix(f"{folder}/"), method) for pattern, method in _METHODS],
            {"**": _OPTIONS["templates/**"]},
            keywords=KEYWORDS,
            directory_filter=lambda path: not Path(path).name.startswith("."),
        ):
            catalogue.add(
                words, locations=[(f"{folder}/{Path(name).as_posix()}", 0)], context=context
            )
    for words in help_texts(app):
        catalogue.add(words, locations=[("newsletter/cli", 0)])
    return catalogue


def words_of_module(
    file: IO[bytes],
    keywords: Mapping[str, Any],
    _tags: object,
    options: object,  # noqa: ARG001 - passed by name
) -> Iterator[tuple[Any, ...]]:
    """Yield the messages of a module, also within f-strings; an extractor for Babel.

    Babel's own extractor reads tokens, which is several times slower. Before Python 3.12, an
    f-string is a single token, in which it does not see calls.
    """
    source = file.read()
    if not _calls(tuple(keywords)).search(source):
        return
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else None
        name = call.func.id if isinstance(call.func, ast.Name) else name
        if name in keywords:
            yield call.lineno, name, tuple(map(_text, call.args)), []


@cache
def _calls(keywords: tuple[str, ...]) -> re.Pattern[bytes]:
    return re.compile(rb"\b(?:%s)\(" % "|".join(map(re.escape, keywords)).encode())


def _text(argument: ast.expr) -> str | None:
    value = argument.value if isinstance(argument, ast.Constant) else None
    return value if isinstance(value, str) else None


def remedies_of(
    file: IO[bytes],
    _keywords: object,
    _tags: object,
    options: object,  # noqa: ARG001 - passed by name
) -> Iterator[tuple[int, str, str, list[str]]]:
    """Yield the messages of the table of mail clients' limitations; an extractor for Babel."""
    for text in tomllib.load(file)["remedies"].values():
        yield 0, "msg", text, []


def problems(path: Path) -> list[str]:
    """Return the problems of a catalogue: missing, unused or fuzzy messages, wrong placeholders."""
    catalogue, source = _read(path), words_in_source()
    known, used = {_key(message) for message in catalogue}, {_key(message) for message in source}
    return [
        *(f"missing, run make words: {key}" for key in used - known),
        *(f"unused, run make words: {key}" for key in known - used),
        *(f"{fault}: {_key(message)}" for message in catalogue for fault in _faults(message)),
    ]


def update(path: Path) -> None:
    """Add missing messages to a catalogue, without translation, and remove unused ones.

    If the catalogue does not exist or is empty, it is created.
    """
    catalogue = _read(path)
    catalogue.update(words_in_source(), no_fuzzy_matching=True, update_creation_date=False)
    with path.open("wb") as target:
        write_po(
            target,
            catalogue,
            width=100,
            sort_output=True,
            include_lineno=False,
            ignore_obsolete=True,
        )


def _read(path: Path) -> Catalog:
    if not path.exists() or not path.stat().st_size:
        name = language_name(path.stem, SOURCE_LANGUAGE)
        return Catalog(
            locale=path.stem,
            project="newsletter",
            version="1",
            header_comment=f"# {name} words of pages, mail and messages. "
            "Written by make words; translated by hand.",
            msgid_bugs_address="",
            last_translator="",
            language_team=path.stem,
            fuzzy=False,
        )
    with path.open("rb") as source:
        return read_po(source, locale=path.stem)


def _key(message: Message) -> tuple[str, str]:
    return message.context or "", message.id[0] if message.pluralizable else str(message.id)


def _faults(message: Message) -> Iterator[str]:
    if not message.id:
        return
    forms = [message.string] if isinstance(message.string, str) else list(message.string or [""])
    if not all(forms):
        yield "not translated"
    if message.fuzzy:
        yield "marked as unsure (fuzzy)"
    given = set(_PLACEHOLDER.findall(message.id[-1] if message.pluralizable else str(message.id)))
    if any(set(_PLACEHOLDER.findall(form)) != given for form in forms if form):
        yield "other placeholders than in English"


if __name__ == "__main__":
    for each in set(Language) - {SOURCE_LANGUAGE}:
        update(FOLDER / f"{each.value}.po")
