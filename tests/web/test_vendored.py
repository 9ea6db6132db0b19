"""What others wrote and we serve is what its checksums say, and comes with its licences."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "newsletter" / "web" / "static" / "vendor"
EDITOR = VENDOR / "editor"


@pytest.mark.parametrize("folder", ["editor", "altcha"])
def test_what_is_served_is_what_its_checksums_say(folder: str) -> None:
    lines = (VENDOR / folder / "SHA256SUMS").read_text().splitlines()
    sums = {name: total for total, _, name in (line.partition("  ") for line in lines)}
    files = {path.name: path for path in (VENDOR / folder).iterdir() if path.name != "SHA256SUMS"}

    assert {name: sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == sums


def test_every_package_that_the_editor_is_built_on_has_its_licence_there() -> None:
    named = json.loads((ROOT / "frontend" / "package.json").read_text())["dependencies"]
    locked = json.loads((ROOT / "frontend" / "package-lock.json").read_text())["packages"]
    licences = (EDITOR / "LICENSES.txt").read_text()
    used = [name for name in named if f"{name} " in licences]

    assert {name for name in named if name.startswith("prosemirror-")} <= set(used)
    for name in used:
        assert f"{name} {locked[f'node_modules/{name}']['version']} (MIT)" in licences


def test_the_lock_says_what_each_package_is_and_names_no_registry() -> None:
    packages = json.loads((ROOT / "frontend" / "package-lock.json").read_text())["packages"]
    packages.pop("")

    assert all("integrity" in package for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
