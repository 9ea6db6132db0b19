"""``newsletter subscriber index``: what people are searched by, indexed anew."""

from __future__ import annotations

import time

import typer

from newsletter.accounts.permissions import Permission
from newsletter.cli.language import gettext as _
from newsletter.cli.state import As, Json, NewsletterName, open_newsletter

#: Seconds; another process may be indexing.
_PAUSE = 1.0


def index(
    context: typer.Context,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Rebuild the index that people are searched by; searches stay complete meanwhile."""
    from newsletter.cli.console import console, print_json
    from subscribers.search_index import index_people, reindex_people, tidy_index

    opened = open_newsletter(context, newsletter, as_, Permission.SEE_SUBSCRIBERS)
    reindex_people(opened.engine, opened.newsletter.id)
    while not index_people(opened.engine, seconds=60):
        time.sleep(_PAUSE)
    tidy_index(opened.engine)
    if json:
        print_json({"indexed": True})
    else:
        console.print(_("The search index was rebuilt."))
