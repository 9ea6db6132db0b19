"""What documents say of the code's layout, and the places that they lead to, are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)")
_ROOTS = "newsletter|workers|subscribers|templates|tests"
_PATH = re.compile(rf"`((?!workers/test_)(?:{_ROOTS})/[\w./-]*)`")
#: A file that is named by its own name, or by the end of its path.
_NAME = re.compile(r"`([\w-]+(?:/[\w.-]+)*\.(?:py|html|toml|j2|js|css))`")
_OUTSIDE = sorted(_ROOT.glob("*.md"))
_DOCUMENTS = [*_OUTSIDE, *sorted((_ROOT / "docs").rglob("*.md"))]
#: Without what also tells how it was.
_OF_TODAY = [path for path in _DOCUMENTS if path.name != "CHANGELOG.md"]


@pytest.fixture(scope="module")
def files() -> frozenset[str]:
    """The names of all files of the repository, whatever their folders."""
    folders = [_ROOT / name for name in ("bench", "docs", "frontend/src", *_ROOTS.split("|"))]
    below = (path for folder in folders for path in folder.rglob("*.*"))
    return frozenset(path.name for path in (*below, *_ROOT.iterdir()))


def _layers() -> list[str]:
    """Return the rooms from above to below, as the import contract has them."""
    settings = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    return [room.strip() for layer in layers for room in layer.split("|")]


def _map() -> list[str]:
    """Return the rooms from above to below, as the architecture's table has them."""
    text = (_ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([\w.]+)` \|", text, flags=re.MULTILINE)


def test_the_map_of_rooms_is_the_order_that_imports_are_held_to() -> None:
    assert _map() == _layers()


def test_every_room_is_on_the_map() -> None:
    rooms = {
        f"{root}.{each.stem}"
        for root in ("newsletter",)
        for each in (_ROOT / root).iterdir()
        if (each / "__init__.py").is_file() or each.suffix == ".py"
    } - {"newsletter.__init__"}
    assert rooms <= set(_map())


@pytest.mark.parametrize("document", _OUTSIDE, ids=lambda path: path.name)
def test_links_beside_the_site_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    missing = [link for link in _LINK.findall(text) if not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.name)
def test_files_that_documents_name_are_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert [path for path in _PATH.findall(text) if not (_ROOT / path).exists()] == []


@pytest.mark.parametrize("document", _OF_TODAY, ids=lambda path: path.name)
def test_files_that_documents_name_without_their_folder_are_there(
    document: Path, files: frozenset[str]
) -> None:
    names = _NAME.findall(document.read_text(encoding="utf-8"))
    assert [name for name in names if name.rpartition("/")[2] not in files] == []
