"""Pages in Japanese and English from ``templates/web``."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletter.language import Language


class Pages:
    """Renders pages; each template holds both languages side by side."""

    DEFAULT_LANGUAGE = Language.JAPANESE

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
        return HTMLResponse(self.render(name, language=language, **values), status_code=status)

    def render(self, name: str, *, language: Language, **values: object) -> str:
        """Render a page's text."""
        return self._environment.get_template(name).render(
            lang=language.value, ja=language is Language.JAPANESE, **values
        )

    @staticmethod
    def language_of(request: Request, fallback: Language = Language.JAPANESE) -> Language:
        """Return what ``?lang=`` names, or else the first language that the browser asks for."""
        if (chosen := request.query_params.get("lang", "")) in set(Language):
            return Language(chosen)
        for part in request.headers.get("accept-language", "").lower().split(","):
            for language in Language:
                if part.strip().startswith(language.value):
                    return language
        return fallback
