"""The form of a look, and its conversion from and to a look."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, Field

from newsletter.i18n.messages import Message
from newsletter.newsletters.look.designs import find_design
from newsletter.newsletters.look.model import (
    Look,
    LookPicture,
    look_to_json,
    look_version,
    read_look,
)
from newsletter.rendering.palette import light_scheme

_Short = Annotated[str, Field(max_length=300)]
_Long = Annotated[str, Field(max_length=6000)]
#: Default names of links by host.
_SERVICES = {
    "x.com": "X",
    "twitter.com": "X",
    "facebook.com": "Facebook",
    "instagram.com": "Instagram",
    "youtube.com": "YouTube",
    "line.me": "LINE",
    "lin.ee": "LINE",
    "note.com": "note",
    "github.com": "GitHub",
    "bsky.app": "Bluesky",
    "mastodon.social": "Mastodon",
    "threads.net": "Threads",
    "tiktok.com": "TikTok",
    "linkedin.com": "LinkedIn",
}
_HOST = re.compile(r"https?://(?:www\.|m\.)?([^/?#:]+)", re.IGNORECASE)
_COLOURS = ("accent", "head", "page", "card", "text", "link")


class LookForm(BaseModel):
    """The form of a look, with the version of the look that it showed.

    ``text_own`` and ``link_own`` are true if the colour was chosen and not derived.
    """

    began: _Short = ""
    design: _Short = "standard"
    accent: _Short = ""
    head: _Short = ""
    page: _Short = ""
    card: _Short = ""
    text: _Short = ""
    text_own: bool = False
    link: _Short = ""
    link_own: bool = False
    font: _Short = ""
    heading_font: _Short = ""
    size: _Short = ""
    radius: _Short = ""
    width: _Short = ""
    masthead: _Short = ""
    items: _Short = ""
    headings: _Short = ""
    tagline: _Short = ""
    footer: _Long = ""
    social: _Long = ""
    logo_url: _Short = ""
    logo_alt: _Short = ""
    logo_width: _Short = ""
    logo_ink: _Short = ""
    header_url: _Short = ""
    header_alt: _Short = ""

    @classmethod
    def of(cls, look: Look) -> LookForm:
        """Return the form for a look, including the derived colours."""
        scheme = light_scheme(look.palette)
        kept = look_to_json(look)
        own = {name: bool(kept["palette"][name]) for name in ("text", "link")}
        derived = {"text": scheme.text, "link": scheme.link}
        values = {name: kept["palette"][name] or derived.get(name, "") for name in _COLOURS}
        for name in ("design", "font", "heading_font", "masthead", "items", "headings"):
            values[name] = kept[name]
        return cls(
            **values,
            began=look_version(look),
            text_own=own["text"],
            link_own=own["link"],
            size=str(look.size),
            radius=str(look.radius),
            width=str(look.width),
            tagline=look.tagline,
            footer=look.footer,
            social="\n".join(f"{link.label} {link.url}" for link in look.social),
            logo_url=look.logo.url if look.logo else "",
            logo_alt=look.logo.alt if look.logo else "",
            logo_width=str(look.logo.width) if look.logo else "",
            logo_ink=look.logo.ink if look.logo else "",
            header_url=look.header.url if look.header else "",
            header_alt=look.header.alt if look.header else "",
        )

    def beginning_with(self, look: Look) -> LookForm:
        """Return the form as a change of the saved look."""
        return self.model_copy(update={"began": look_version(look)})

    def in_design(self, name: str) -> LookForm:
        """Return the form with a design's colours, fonts and shapes, keeping texts and pictures.

        Raises:
            NotFoundError: There is no such design.
        """
        begun = LookForm.of(find_design(name).look)
        kept = {
            *("began", "tagline", "footer", "social", "header_url", "header_alt"),
            *("logo_url", "logo_alt", "logo_width", "logo_ink"),
        }
        return begun.model_copy(update=self.model_dump(include=kept))

    def with_picture(self, name: str, picture: LookPicture) -> LookForm:
        """Return the form with an uploaded picture as ``logo`` or ``header``."""
        values = {f"{name}_url": picture.url, f"{name}_alt": picture.alt}
        if name == "logo":
            values |= {"logo_width": str(picture.width), "logo_ink": picture.ink}
        elif not self.header_url:
            # Whoever uploads a picture wants to see it, even if the masthead had another form.
            values["masthead"] = "picture"
        return self.model_copy(update=values)

    def without_picture(self, name: str) -> LookForm:
        """Return the form without its logo or its header picture."""
        return self.model_copy(update={f"{name}_url": "", f"{name}_alt": ""})

    def read(self) -> tuple[Look, dict[str, Message]]:
        """Return the look and its errors by field; with errors, the default look."""
        palette: dict[str, Any] = {name: self._colour(name) for name in _COLOURS}
        value: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("design", "font", "heading_font", "masthead", "items", "headings")
        }
        value |= {name: _number(getattr(self, name)) for name in ("size", "radius", "width")}
        value |= {
            "palette": palette,
            "tagline": self.tagline.strip(),
            "footer": self.footer.replace("\r\n", "\n").strip(),
            "social": [_link(line) for line in self.social.splitlines() if line.strip()],
        }
        if self.logo_url:
            value["logo"] = {
                "url": self.logo_url,
                "alt": self.logo_alt.strip(),
                "width": _number(self.logo_width),
                "ink": self.logo_ink,
            }
        if self.header_url:
            value["header"] = {
                "url": self.header_url,
                "alt": self.header_alt.strip(),
                "width": value["width"],
            }
        return read_look(value)

    def _colour(self, name: str) -> str:
        if name in {"text", "link"} and not getattr(self, f"{name}_own"):
            return ""
        return str(getattr(self, name)).strip().lower()


def _number(typed: str) -> int | str:
    return int(typed) if re.fullmatch(r"[0-9]{1,4}", typed.strip()) else typed


def _link(line: str) -> dict[str, str]:
    """Parse ``名前 https://…``; without a name, the service's name or the host is used."""
    label, _, url = line.strip().rpartition(" ")
    if not label:
        label, _, url = line.strip().rpartition("\u3000")
    match = _HOST.match(url)
    host = match[1].lower() if match else ""
    return {"label": label.strip() or _SERVICES.get(host, host)[:40] or url[:40], "url": url}
