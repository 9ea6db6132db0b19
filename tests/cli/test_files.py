"""Files that commands are given: read no further than their bound."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from newsletter.cli.files import read_octets
from newsletter.cli.main import app
from newsletter.errors import ContentError

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
    refused = CliRunner().invoke(app, [*words, os.fspath(Path("/dev/zero"))])

    assert isinstance(refused.exception, ContentError), refused.output
    assert "larger than" in str(refused.exception)
