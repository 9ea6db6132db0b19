"""The stage and the sign-in are those of the sending pages."""

from __future__ import annotations

from tests.sending_pages.conftest import sign_in, site, stage

__all__ = ["sign_in", "site", "stage"]
