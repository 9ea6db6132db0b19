"""The reader's tables are data: entries without an effect are refused on loading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from newsletter.bounces import phrase_tables, tables
from newsletter.bounces.model import PERMANENT, SENDER_FAULTS, Reason
from newsletter.bounces.tables import Layout
from newsletter.bounces.webhooks import adapters, model
from newsletter.settings import Settings
from tests.bounces.webhook_cases import PROVIDERS

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Tables of the test in place of the product's."""
    (tmp_path / "phrases").mkdir()
    for module in (phrase_tables, model):
        monkeypatch.setattr(module, "files", lambda _package: tmp_path)
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    for cached in (
        phrase_tables.tables,
        phrase_tables.patterns,
        phrase_tables.grammar,
        phrase_tables._languages,
        model._tables,
    ):
        cached.cache_clear()


@pytest.mark.parametrize(
    "wrong",
    ['full = ["Over quota"]', 'full = ["over", "over"]', 'full = [" "]', 'full = "over"'],
    ids=["capitals", "given twice", "empty", "no list"],
)
def test_a_phrase_that_would_never_be_found_is_refused_by_its_name(
    folder: Path, wrong: str
) -> None:
    (folder / "phrases" / "mine.toml").write_text(wrong)
    with pytest.raises(ValueError, match=r"mine\.toml, full"):
        phrase_tables.tables("mine")


@pytest.mark.parametrize("wrong", ["person = ['(user']", "person = ['user', 'user']"])
def test_a_pattern_that_is_none_is_refused_by_its_name(folder: Path, wrong: str) -> None:
    (folder / "phrases" / "mine.toml").write_text(wrong)
    with pytest.raises(ValueError, match=r"mine\.toml, person"):
        phrase_tables.patterns("mine")


def test_a_language_that_lacks_a_table_is_refused_by_its_name(folder: Path) -> None:
    (folder / "phrases" / "grammar.toml").write_text("person = ['user']")
    (folder / "phrases" / "languages.toml").write_text("[de]\nperson = ['nutzer']")
    with pytest.raises(ValueError, match=r"languages\.toml, de: .*sender"):
        phrase_tables.grammar()


@pytest.mark.parametrize(
    "entry",
    ['"Hard" = "gone"', '"hard" = "dead"', '"hard" = { bounce = "dead" }', '"hard" = {}'],
    ids=["capitals", "no meaning", "no reason", "nothing"],
)
def test_a_provider_s_word_without_a_meaning_is_refused_by_its_name(
    folder: Path, entry: str
) -> None:
    (folder / "meanings.toml").write_text(f"[acme.events]\n{entry}\n")
    with pytest.raises(ValueError, match=r"meanings\.toml, acme\.events, '[Hh]ard'"):
        model.meanings("acme", "events")


def test_a_provider_s_words_come_as_meanings(folder: Path) -> None:
    (folder / "meanings.toml").write_text(
        "[acme.events]\n"
        '"dead" = "gone"\n"seen" = "nothing"\n'
        '"nobody" = { bounce = "user-unknown" }\n"full" = { general = "mailbox-full" }\n'
    )
    read = model.meanings("acme", "events")
    assert read["dead"] is model.GONE
    assert read["seen"] is None
    nobody, full = read["nobody"], read["full"]
    assert nobody is not None
    assert nobody.hard
    assert full is not None
    assert (full.hard, full.general, full.reason) == (False, True, Reason.MAILBOX_FULL)


def test_every_provider_has_words_and_every_word_a_provider() -> None:
    assert set(adapters(certificate=lambda _url: b"")) == set(model._tables())


@pytest.mark.parametrize(
    "wrong",
    [
        {"signs": ()},
        {"signs": ("Undeliverable",)},
        {"signs": ("x",), "meanings": {"Full": "mailbox-full"}},
        {"signs": ("x",), "meanings": {"full": "brimming"}},
        {"signs": ("x",), "recipient": "to: nobody"},
        {"signs": ("x",), "colour": "red"},
    ],
    ids=["no sign", "capitals", "a meaning's capitals", "no reason", "no address", "no field"],
)
def test_a_layout_that_could_not_work_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Layout.model_validate({"name": "mine", **wrong})


def test_a_layout_finds_its_recipient_in_either_case() -> None:
    layout = Layout(name="mine", signs=("x",), recipient="^sent to: {address}")
    assert layout.recipient_pattern is not None
    found = layout.recipient_pattern.search("Hello\nSENT TO: <a@example.jp>")
    assert found is not None
    assert found[1] == "a@example.jp"


def test_every_code_of_the_registry_has_a_reason_of_ours() -> None:
    statuses = tables._statuses()
    assert all(re.fullmatch(r"\d\.\d{1,2}", code) for code in statuses.detail)
    assert {code for code, reason in statuses.detail.items() if reason in PERMANENT} == {
        *("1.0", "1.1", "1.2", "1.3", "1.6", "1.10", "4.4", "7.17", "7.18"),
    }


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_given_by_a_rule_or_a_table(reason: Reason) -> None:
    folder = _ROOT / "newsletter/bounces"
    rules = [path for path in folder.rglob("*.py") if path.name != "model.py"]
    said = any(f"Reason.{reason.name}" in path.read_text(encoding="utf-8") for path in rules)
    tables = [path.read_text(encoding="utf-8") for path in folder.rglob("*.toml")]
    assert said or any(f'"{reason.value}"' in text for text in tables)


@pytest.mark.parametrize("reason", Reason)
def test_the_documentation_says_of_each_reason_what_follows_from_it(reason: Reason) -> None:
    text = (_ROOT / "docs/bounces.md").read_text(encoding="utf-8")
    rows = text[text.index("## Reasons") :].partition("\n## ")[0].splitlines()
    (row,) = [row for row in rows if f"`{reason.value}`" in row]
    assert ("| yes |" in row) == (reason in PERMANENT)
    assert ("never counted" in row) == (reason in SENDER_FAULTS)


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_its_word_on_pages(reason: Reason) -> None:
    words = (_ROOT / "templates/web/feedback/words.html").read_text(encoding="utf-8")
    macro = words[words.index("macro reason(") :].partition("endmacro")[0]
    assert f'"{reason.value}": ' in macro


def test_every_provider_has_a_setting_cases_and_its_place_in_the_documents() -> None:
    names = set(adapters(certificate=lambda _url: b""))
    settings = {
        name.removeprefix("webhook_")
        for name in Settings.model_fields
        if name.startswith("webhook_")
    }
    document = (Path(__file__).parents[2] / "docs" / "feedback.md").read_text(encoding="utf-8")
    rows = "\n".join(line for line in document.splitlines() if line.startswith("| `"))
    assert names == settings
    assert names == {provider.name for provider in PROVIDERS}
    assert {name for name in names if f"`{name}`" not in rows} == set()
