"""A newsletter, an operator signed in, and the pages served."""

from tests.sending_pages.conftest import sign_in, site, stage

__all__ = ["sign_in", "site", "stage"]
