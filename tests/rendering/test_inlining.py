"""Rendering asks no other host for anything, whatever a template links to."""

from __future__ import annotations

import socket

import pytest

from newsletter.rendering.inlining import inline_styles

pytestmark = pytest.mark.servers


def test_a_linked_style_sheet_is_not_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.css"
        html = f'<html><head><link rel="stylesheet" href="{address}"></head><body>a</body></html>'
        assert "a" in inline_styles(html, ())
        with pytest.raises(TimeoutError):
            server.accept()
