"""What the product writes is readable by its own user alone, and what was not becomes so."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter.disk import narrow_files


def _readable_by_others(folder: Path) -> list[str]:
    paths = [folder, *folder.rglob("*")]
    return [str(path) for path in paths if path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]


@pytest.mark.servers
def test_a_command_makes_its_files_for_its_user_alone(tmp_path: Path) -> None:
    options = ("--slug=a", "--name=A", "--from-address=a@example.jp", "--postal-address=Tokyo")
    subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "newsletter.cli", "init", *options],
        env={"DATA_DIR": str(tmp_path / "data"), "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "data" / "newsletter.sqlite3").exists()
    assert _readable_by_others(tmp_path / "data") == []


def test_files_of_earlier_versions_are_narrowed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "data", tmp_path / "elsewhere.sqlite3"
    folder.mkdir(mode=0o755)
    (folder / "lists").mkdir(mode=0o755)
    for path in (folder / "newsletter.sqlite3", folder / "newsletter.sqlite3-wal", elsewhere):
        path.touch(mode=0o644)
    narrow_files(folder, [elsewhere])
    assert _readable_by_others(folder) == []
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["a link", "a shared folder"])
def test_what_is_not_ours_alone_is_left(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "a link").symlink_to(outside)
    narrow_files(shared, [])
    kept = {"a link": outside, "a shared folder": shared}[name]
    assert stat.S_IMODE(kept.stat().st_mode) in {0o755, 0o1777}
