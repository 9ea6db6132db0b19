"""Pages in Japanese and English from ``templates/web``."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletter.language import Language


class Pages:
    """Renders pages; each template holds both languages side by side."""

    def __init__(self, templates_dir: Path) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(templates_dir / "web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def show(
        self, name: str, *, language: Language, status: int = 200, **values: object
    ) -> HTMLResponse:
        """Render a page."""
        page = self._environment.get_template(name).render(
            lang=language.value, ja=language is Language.JAPANESE, **values
        )
        return HTMLResponse(page, status_code=status)

    @staticmethod
    def language_of(request: Request) -> Language:
        """Return the first language of ours that the browser asks for."""
        for part in request.headers.get("accept-language", "").lower().split(","):
            for language in Language:
                if part.strip().startswith(language.value):
                    return language
        return Language.JAPANESE
