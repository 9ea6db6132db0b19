"""Files that commands are given: read no further than their bound."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.accounts.audit import AuditFilter, list_events
from newsletter.cli.files import read_octets, read_text, write_files, write_octets, writing
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.errors import ConflictError, ContentError, NewsletterError
from newsletter.i18n.language import Language
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from newsletter.samples import sample_issue
from tests.support.commands import run_command

pytestmark = pytest.mark.servers


def test_a_file_at_its_bound_is_read_and_one_beyond_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "issue.md"
    file.write_bytes(b"x" * 20)

    assert read_octets(file, limit=20) == b"x" * 20
    with pytest.raises(ContentError, match="larger than") as raised:
        read_octets(file, limit=19)
    assert raised.value.place is not None
    assert raised.value.place.source == str(file)


@pytest.mark.parametrize(
    "words",
    [
        ("issue", "check"),
        ("issue", "picture", "--alt", "図"),
        ("issue", "file"),
        ("look", "import"),
        ("snippet", "save", "名"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_file_without_end_is_refused_by_every_command(words: tuple[str, ...]) -> None:
    refused = run_command([*words, os.fspath(Path("/dev/zero"))])

    assert isinstance(refused.exception, ContentError), refused.output
    assert "larger than" in str(refused.exception)


def _obstacles(folder: Path) -> dict[str, Path]:
    """Return paths that no file can be written to, by what is in the way."""
    (folder / "folder").mkdir()
    (folder / "file").write_text("kept", encoding="utf-8")
    return {
        "it is a folder": folder / "folder",
        "there is no such file or folder": folder / "missing" / "out",
        "part of the path is not a folder": folder / "file" / "out",
        "the name is too long": folder / ("n" * 300),
    }


def test_what_cannot_be_written_is_named_with_the_reason_and_a_remedy(tmp_path: Path) -> None:
    for reason, path in _obstacles(tmp_path).items():
        with pytest.raises(ContentError) as raised:
            write_octets(path, b"new")
        assert reason in raised.value.what
        assert raised.value.place is not None
        assert raised.value.place.source == str(path)
        assert raised.value.remedy
        assert raised.value.in_language(Language.JAPANESE).replace(str(path), "").isascii() is False
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


def test_an_output_that_ends_midway_leaves_the_earlier_file(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_bytes(b"earlier")
    file.chmod(0o640)

    def pages() -> Iterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), writing(file) as stream:
        stream.writelines(pages())

    assert file.read_bytes() == b"earlier"
    write_octets(file, b"whole")
    assert file.read_bytes() == b"whole"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv"]


def test_a_link_and_a_device_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"")
    link = tmp_path / "link"
    link.symlink_to("real")

    write_octets(link, b"new")
    write_octets(Path("/dev/null"), b"new")

    assert link.is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_of_several_files_none_is_written_where_one_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(ContentError):
        write_files(tmp_path, {"a": b"1", "b": b"2"})
    assert [each.name for each in tmp_path.iterdir()] == ["b"]


def test_what_must_be_new_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    write_octets(file, b"first", new=True)
    with pytest.raises(ConflictError):
        write_octets(file, b"second", new=True)
    assert file.read_bytes() == b"first"


def test_text_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "snippet.md"
    file.write_bytes("一行目\n二行目".encode() + "漢字".encode("euc-jp"))
    with pytest.raises(ContentError) as raised:
        read_text(file, limit=1000)
    assert raised.value.place is not None
    assert raised.value.place.line == 2


@pytest.fixture
def own_newsletter(own_database: Path) -> None:
    with transaction(open_engine(f"sqlite:///{own_database}")) as session:
        create_newsletter(
            session,
            NewsletterDraft(
                slug="letter",
                name="便り",
                from_address="letter@example.jp",
                postal_address="東京都千代田区例町1-2-3",
            ),
        )


@pytest.mark.usefixtures("own_newsletter")
@pytest.mark.parametrize(
    "words",
    [
        ("issue", "render", "issue.md", "--output"),
        ("look", "export"),
        ("subscriber", "export"),
        ("template", "export", "letter"),
        ("subscriber", "import", "people.csv", "--basis", "paper", "--report"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_every_output_in_the_way_of_something_else_is_told(words: tuple[str, ...]) -> None:
    Path("issue.md").write_bytes(sample_issue(Language.ENGLISH))
    Path("people.csv").write_text("email\na@example.jp\n", encoding="utf-8")
    Path("file").write_text("kept", encoding="utf-8")
    for name in ("issue.html", "body.mjml.j2"):
        (Path("folder") / name).mkdir(parents=True)

    for target in ("file/out", "folder"):
        refused = run_command([*words, target])
        assert isinstance(refused.exception, ContentError), (target, refused.output)
        assert refused.exception.place is not None
        assert str(refused.exception.place.source).startswith(target)
    assert Path("file").read_text(encoding="utf-8") == "kept"


@pytest.mark.usefixtures("own_newsletter")
def test_a_list_that_is_not_there_leaves_no_record_of_an_import() -> None:
    words = ("subscriber", "import", "missing.csv", "--basis", "paper")
    refused = run_command(words)
    assert isinstance(refused.exception, ContentError), refused.output
    with reading(open_engine("sqlite:///var/newsletter.sqlite3")) as session:
        assert not list_events(session, AuditFilter())


def test_a_newsletter_that_is_refused_leaves_no_settings(own_folder: Path) -> None:
    words = ("--slug", "a", "--name", "A", "--from-address", "none", "--postal-address", "1-2-3")
    refused = run_command(["init", *words])
    assert isinstance(refused.exception, NewsletterError)
    assert not (own_folder / ".env").exists()


def test_a_dkim_key_is_made_for_a_domain_and_a_selector_alone(own_folder: Path) -> None:
    for words in (("../../example.jp", "nl"), ("example.jp", "../nl"), ("example.jp", "a b")):
        refused = run_command(["dkim", *words])
        assert isinstance(refused.exception, NewsletterError), refused.output
    assert not [*own_folder.rglob("*.pem")]


@pytest.mark.usefixtures("own_newsletter")
def test_an_issue_of_the_same_date_is_replaced_with_a_word() -> None:
    file = Path("issue.md")
    outputs = []
    for title in ("初稿", "初稿", "改稿"):
        file.write_text(f"---\ntitle: {title}\ndate: 2026-12-01\n---\n\n本文。\n", encoding="utf-8")
        outputs.append(run_command(["issue", "import", "issue.md"]).output)

    assert ["replaced: 初稿" in output for output in outputs] == [False, False, True]
