"""Every route that answers GET: a page of the sweep with the paths to look at, or why it is none.

A new page needs one line here; the names in braces are places of `tests.web.showroom`.
"""

from __future__ import annotations

_ISSUE = "/newsletters/digest/issues/{issue}"
_DRAFT = "/newsletters/digest/drafts/{draft}"
_CORRECTION = "/newsletters/digest/drafts/{correction}"

#: Looked at by a reader, who is not signed in.
OPEN_PAGES = {
    "/": ["/"],
    "/archive/{slug}": ["/archive/digest", "/archive/weekly"],
    "/archive/{slug}/{issue_slug}": ["/archive/digest/{issue_slug}"],
    "/v/{token}": ["{view}"],
    "/v/{token}/sent": ["{view}/sent"],
    "/v/{token}/original": ["{view}/original"],
    "/subscribe/{slug}": ["/subscribe/digest"],
    "/subscribe/{slug}/form": ["/subscribe/digest/form"],
    "/subscribe/{slug}/{name}": ["/subscribe/digest/fair", "/subscribe/digest/fair?frame=1"],
    "/c/{token}": ["/c/{open}", "/c/{confirmed}", "/c/{expired}"],
    "/c/{token}/welcome": ["/c/{confirmed}/welcome"],
    "/u/{token}": ["{unsubscribe}"],
    "/p/{token}": ["{preferences}"],
    "/p/{token}/data": ["{preferences}/data"],
    "/p/{token}/erase": ["{preferences}/erase"],
    "/p/{token}/address": ["{preferences}/address"],
    "/address/{token}": ["/address/{change}"],
    "/address/undo/{token}": ["/address/undo/{changed}"],
    "/inbox": ["/inbox", "/inbox?q=nothing"],
    "/inbox/{number}": [
        "/inbox/{message}",
        "/inbox/{message}?view=text",
        "/inbox/{message}?view=source",
        "/inbox/{message}?view=headers",
    ],
    "/sign-in": ["/sign-in"],
    "/sign-in/code": ["/sign-in/code"],
    "/forgotten": ["/forgotten"],
    "/welcome/{token}": ["/welcome/{invitation}"],
}

#: Looked at by an administrator.
SIGNED_IN_PAGES = {
    "/home": ["/home"],
    "/guide": ["/guide"],
    "/account": ["/account"],
    "/account/second-factor": ["/account/second-factor"],
    "/accounts": ["/accounts"],
    "/audit": ["/audit", "/audit?actor=nobody"],
    "/mailings": ["/mailings"],
    "/newsletters": ["/newsletters"],
    "/newsletters/new": ["/newsletters/new"],
    "/newsletters/{newsletter}/settings": ["/newsletters/digest/settings"],
    "/newsletters/{newsletter}/library": [
        "/newsletters/digest/library",
        "/newsletters/weekly/library",
    ],
    "/newsletters/{newsletter}/templates": [
        "/newsletters/digest/templates",
        "/newsletters/weekly/templates",
    ],
    "/newsletters/{newsletter}/templates/-/new": ["/newsletters/digest/templates/-/new"],
    "/newsletters/{newsletter}/templates/{name}": ["/newsletters/digest/templates/season"],
    "/newsletters/{newsletter}/templates/{name}/versions": [
        "/newsletters/digest/templates/season/versions",
    ],
    "/newsletters/{newsletter}/series": [
        "/newsletters/digest/series",
        "/newsletters/weekly/series",
    ],
    "/newsletters/{newsletter}/series/{number}": ["/newsletters/digest/series/{series}"],
    "/newsletters/{newsletter}/series/{number}/activate": [
        "/newsletters/digest/series/{written}/activate?since=2026-01-01"
    ],
    "/newsletters/{newsletter}/series/{number}/enrol": [
        "/newsletters/digest/series/{series}/enrol?since=2026-01-01"
    ],
    "/newsletters/{newsletter}/subscribers/invitations": [
        "/newsletters/digest/subscribers/invitations"
    ],
    "/newsletters/{newsletter}/digests": ["/newsletters/digest/digests"],
    "/newsletters/{newsletter}/snippets": ["/newsletters/digest/snippets"],
    "/newsletters/{newsletter}/snippets/new": ["/newsletters/digest/snippets/new"],
    "/newsletters/{newsletter}/snippets/{number}": ["/newsletters/digest/snippets/{snippet}"],
    "/newsletters/{newsletter}/dictionary": ["/newsletters/digest/dictionary"],
    "/newsletters/{newsletter}/fields": [
        "/newsletters/digest/fields",
        "/newsletters/weekly/fields",
    ],
    "/newsletters/{newsletter}/fields/new": [
        "/newsletters/digest/fields/new",
        "/newsletters/weekly/fields/new?topics=1",
    ],
    "/newsletters/{newsletter}/fields/{key}": [
        "/newsletters/digest/fields/city",
        "/newsletters/digest/fields/topic",
    ],
    "/newsletters/{newsletter}/fields/{key}/delete": ["/newsletters/digest/fields/city/delete"],
    "/newsletters/{newsletter}/look": ["/newsletters/digest/look"],
    "/newsletters/{newsletter}/issues": [
        "/newsletters/digest/issues",
        "/newsletters/weekly/issues",
    ],
    "/newsletters/{newsletter}/patterns": ["/newsletters/digest/patterns"],
    "/newsletters/{newsletter}/search": ["/newsletters/digest/search?q=%E7%AA%93%E5%8F%A3"],
    "/newsletters/{newsletter}/issues/new": ["/newsletters/digest/issues/new"],
    "/newsletters/{newsletter}/issues/{number}": [_ISSUE],
    "/newsletters/{newsletter}/drafts/{number}": [
        _DRAFT,
        "/newsletters/digest/drafts/{correction}",
    ],
    "/newsletters/{newsletter}/drafts/{number}/blocks": [f"{_DRAFT}/blocks"],
    "/newsletters/{newsletter}/drafts/{number}/history": [f"{_DRAFT}/history"],
    "/newsletters/{newsletter}/drafts/{number}/translations": [f"{_DRAFT}/translations"],
    "/newsletters/{newsletter}/drafts/{number}/translations/{tag}": [f"{_DRAFT}/translations/en"],
    "/newsletters/{newsletter}/drafts/{number}/translations/{tag}/history": [
        f"{_DRAFT}/translations/en/history?at=1"
    ],
    "/newsletters/{newsletter}/issues/{issue_id}/send": [f"{_ISSUE}/send"],
    "/newsletters/{newsletter}/issues/{issue_id}/send/review": [f"{_ISSUE}/send/review"],
    "/newsletters/{newsletter}/issues/{issue_id}/send/confirm": [f"{_ISSUE}/send/confirm"],
    "/newsletters/{newsletter}/issues/{issue_id}/correction": [f"{_ISSUE}/correction"],
    "/newsletters/{newsletter}/issues/{issue_id}/corrections/{correction}/mail": [
        "/newsletters/digest/issues/{corrected}/corrections/1/mail"
    ],
    "/newsletters/{newsletter}/mailings": [
        "/newsletters/digest/mailings",
        "/newsletters/weekly/mailings",
    ],
    "/newsletters/{newsletter}/mailings/{number}": ["/newsletters/digest/mailings/{mailing}"],
    "/subscribers": ["/subscribers"],
    "/newsletters/{newsletter}/subscribers": [
        "/newsletters/digest/subscribers",
        "/newsletters/weekly/subscribers",
    ],
    "/newsletters/{newsletter}/subscribers/forms": ["/newsletters/digest/subscribers/forms"],
    "/newsletters/{newsletter}/subscribers/forms/sheet": [
        "/newsletters/digest/subscribers/forms/sheet"
    ],
    "/newsletters/{newsletter}/subscribers/forms/{name}": [
        "/newsletters/digest/subscribers/forms/fair"
    ],
    "/newsletters/{newsletter}/subscribers/import": ["/newsletters/digest/subscribers/import"],
    "/newsletters/{newsletter}/subscribers/import/undo/{number}": [
        "/newsletters/digest/subscribers/import/undo/{import}",
    ],
    "/newsletters/{newsletter}/subscribers/import/{token}": [
        "/newsletters/digest/subscribers/import/{list}",
        "/newsletters/digest/subscribers/import/{imported}",
    ],
    "/newsletters/{newsletter}/subscribers/growth": [
        "/newsletters/digest/subscribers/growth",
        "/newsletters/weekly/subscribers/growth?by=month",
    ],
    "/newsletters/{newsletter}/subscribers/tags": [
        "/newsletters/digest/subscribers/tags?new_tag=press&state=confirmed",
    ],
    "/newsletters/{newsletter}/subscribers/new": ["/newsletters/digest/subscribers/new"],
    "/newsletters/{newsletter}/subscribers/{number}/erase": [
        "/newsletters/digest/subscribers/{person}/erase",
    ],
    "/newsletters/{newsletter}/subscribers/{number}/merge": [
        "/newsletters/digest/subscribers/{person}/merge?text=example",
        "/newsletters/digest/subscribers/{person}/merge?other={another}",
    ],
    "/newsletters/{newsletter}/subscribers/{number}/edit": [
        "/newsletters/digest/subscribers/{person}/edit",
    ],
    "/newsletters/{newsletter}/subscribers/{number}": [
        "/newsletters/digest/subscribers/{person}",
    ],
    "/newsletters/{newsletter}/segments": [
        "/newsletters/digest/segments",
        "/newsletters/weekly/segments",
    ],
    "/newsletters/{newsletter}/segments/new": ["/newsletters/digest/segments/new"],
    "/newsletters/{newsletter}/segments/{name}": ["/newsletters/digest/segments/families"],
    "/bounces": ["/bounces", "/bounces?address=nobody@example.jp"],
    "/bounces/rates": ["/bounces/rates"],
    "/bounces/{number}": ["/bounces/{bounce}"],
    "/operate": ["/operate"],
    "/operate/orders/{name}": ["/operate/orders/relay-hold?on=smtp:mail.example.jp:587"],
    "/operate/suppressions": ["/operate/suppressions"],
}

#: What answers with a status that says no.
FAILURES = {"/nothing-here": 404, "/u/forged": 404, "/welcome/used": 404, "/inbox/word": 404}

NOT_PAGES = {
    "/newsletters/{newsletter}/drafts/{number}/calendars/{name}": "a file",
    "/newsletters/{newsletter}/snippets/{number}/mail": "the snippet in a frame",
    "/newsletters/{newsletter}/snippets/mail.css": "a style sheet",
    "/newsletters/{newsletter}/digests/{frequency}/mail": "the next digest in a frame",
    "/audit.csv": "a file",
    "/newsletters/{newsletter}/audience": "a part of the sending page",
    "/newsletters/{newsletter}/hour": "a part of the sending page",
    "/newsletters/{newsletter}/issues/{issue_id}/send/subjects": "a part of the sending page",
    "/newsletters/{newsletter}/drafts/{number}/subjects": "a part of the writing page",
    "/newsletters/{newsletter}/drafts/{number}/links": "a part of the draft's page",
    "/newsletters/{newsletter}/mailings/{number}/events": "a stream",
    "/newsletters/{newsletter}/subscribers.csv": "a file",
    "/newsletters/{newsletter}/subscribers/import/{token}/problems.csv": "a file",
    "/operate/events": "a stream",
    "/r/{token}": "leads to a link's target",
    "/newsletters/{newsletter}/mailings/{number}/report.csv": "a file",
    "/newsletters/{newsletter}/mailings/{number}/missed.csv": "a file",
    "/newsletters/{newsletter}/issues/{number}/mail": "the mail in a frame",
    "/newsletters/{newsletter}/issues/{issue_id}/send/mail": "the mail in a frame",
    "/newsletters/{newsletter}/issues/{issue_id}/corrections/{correction}/mail/frame": "a mail",
    "/newsletters/{newsletter}/drafts/{number}/mail": "the mail in the desk's frame",
    "/newsletters/{newsletter}/drafts/{number}/mail.css": "a style sheet",
    "/newsletters/{newsletter}/series/{number}/steps/{step}/mail": "mail for a frame",
    "/newsletters/{newsletter}/drafts/{number}/translations/{tag}/mail": "the mail",
    "/newsletters/{newsletter}/drafts/{number}/translations/{tag}/markdown": "a file",
    "/p/{token}/data.json": "a file",
    "/subscribe/{slug}/challenge": "for the form's script",
    "/subscribe/{slug}/{name}/embed": "for the form's script",
    "/archive/{slug}/feed.atom": "a feed",
    "/sitemap.xml": "for machines",
    "/robots.txt": "for machines",
    "/files/{name}": "a file",
    "/images/{name}": "a picture",
    "/designs/{name}": "the sample mail in the gallery's frame",
    "/looks/{slug}/social.png": "a picture",
    "/looks/{slug}/{language}.css": "a style sheet",
    "/newsletters/{newsletter}/look/export": "a file",
    "/newsletters/{newsletter}/look/mail": "the mail in a frame",
    "/inbox/{number}/html": "the mail in the inbox's frame",
    "/webhooks/{provider}": "for providers that look first",
    "/healthz": "for machines",
    "/readyz": "for machines",
    "/metrics": "for machines",
}
