"""Contents that many take at once are loaded, and kept, once."""

from __future__ import annotations

from newsletter.web.issues.files import FileContent, SharedContents


def test_what_many_take_at_once_is_loaded_once_and_forgotten_after_the_last() -> None:
    loaded: list[str] = []

    def load(name: str) -> FileContent:
        loaded.append(name)
        return FileContent(octets=b"x", media_type="image/png")

    contents = SharedContents(load)
    first, second = contents.get("a"), contents.get("a")
    assert first is second
    assert contents.get("b") is not first
    del first
    contents.get("a")
    assert loaded == ["a", "b"]
    del second
    contents.get("a")
    assert loaded == ["a", "b", "a"]
