"""What is measured with: a digest of 24 Japanese items, and a list of any length."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from sqlalchemy import Engine, text

from newsletter.database.engine import reading, transaction
from newsletter.database.types import now
from newsletter.database.vocabulary import Visibility
from newsletter.i18n.language import Language
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import find_issue, save_issue
from newsletter.mailings.approvals.plans import SendingPlan
from newsletter.mailings.mailings import create_mailing
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter, find_newsletter
from newsletter.rendering.model import RenderedIssue
from newsletter.settings import Settings
from subscribers.lists.imports.imports import import_csv
from tests.support.rendering import render_stored

_ITEM = """
### 第{number}号の動き 窓口の手続きを電子化する計画を公表

市は窓口で受け付ける手続きのうち、{number}件を来年度から電子化する計画をまとめた。申請から交付までを
一つの画面で済ませられるようにし、来庁が難しい住民も自宅から申し込めるようにする。費用と日程は議会に
諮ったうえで決める。

[計画の概要](https://www.example.jp/plan/{number}/outline.html)
"""

#: An issue of a few lines, where the length of a message does not matter.
SHORT = "short"
_SHORT_SOURCE = b"---\ntitle: Short\ndate: 2026-11-24\nlanguage: ja\n---\n\n# News\n\nFew words.\n"
#: The issue of 24 items.
DIGEST = "bench"


def _source() -> bytes:
    head = "---\ntitle: まちのデジタル便り\ndate: 2026-11-24\nlanguage: ja\n---\n\n# 今週の動き\n"
    sections = [
        f"\n## {name}\n" + "".join(_ITEM.format(number=number) for number in numbers)
        for name, numbers in (
            ("政府", range(1, 11)),
            ("自治体", range(11, 24)),
            ("海外", range(24, 25)),
        )
    ]
    return (head + "".join(sections)).encode()


def prepare(engine: Engine) -> None:
    """Create a newsletter with the measured issue."""
    draft = NewsletterDraft(
        slug="bench",
        name="まちのデジタル便り",
        from_address="digest@example.jp",
        postal_address="東京都千代田区例町1-2-3",
        language=Language.JAPANESE,
        time_zone="Asia/Tokyo",
        template="digest",
        visibility=Visibility.PUBLIC,
    )
    with transaction(engine) as session:
        newsletter = create_newsletter(session, draft)
        for slug, source in ((SHORT, _SHORT_SOURCE), (DIGEST, _source())):
            save_issue(session, newsletter.id, read_issue(source, source="bench.md"), slug=slug)


def subscribe(engine: Engine, count: int) -> None:
    """Make the list ``count`` long, with one statement a table."""
    series = (
        f"SELECT value AS n FROM generate_series(1, {count}) AS value"  # noqa: S608 - a number
        if engine.dialect.name == "postgresql"
        else "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 "  # noqa: S608
        f"FROM series WHERE n < {count}) SELECT n FROM series"
    )
    with transaction(engine) as session:
        newsletter = find_newsletter(session, "bench")
        session.execute(
            text(
                "INSERT INTO subscriber (id, address, address_key, domain, created_at) "  # noqa: S608
                "SELECT n, 'reader' || n || '@example.jp', 'reader' || n || '@example.jp', "
                f"'example.jp', :now FROM ({series}) AS numbers"
            ),
            {"now": now()},
        )
        session.execute(
            text(
                "INSERT INTO subscription (newsletter_id, subscriber_id, state, consent_basis, "
                "consent_source, consent_wording, consented_at, confirmed_at, name, language) "
                "SELECT :newsletter, id, 'confirmed', 'bench', '', '', :now, :now, '読者', 'ja' "
                "FROM subscriber"
            ),
            {"newsletter": newsletter.id, "now": now()},
        )
        if engine.dialect.name == "postgresql":
            # The numbers were given by hand; whoever joins next must get another.
            session.execute(
                text("SELECT setval(pg_get_serial_sequence('subscriber', 'id'), :count)"),
                {"count": count},
            )


def subscribe_at(engine: Engine, sizes: Mapping[str, int]) -> None:
    """Add so many readers at each domain to the list."""
    with reading(engine) as session:
        number = find_newsletter(session, "bench").id
    lines = [f"reader{one}@{domain}\n" for domain, size in sizes.items() for one in range(size)]
    import_csv(engine, number, ["email\n", *lines], source="bench", basis="bench")


@lru_cache(maxsize=4)
def _rendered(engine: Engine, slug: str) -> RenderedIssue:
    with reading(engine) as session:
        newsletter = find_newsletter(session, "bench")
        issue = find_issue(session, newsletter.id, slug)
    return render_stored(issue, newsletter, templates_dir=Settings(_env_file=None).templates_dir)


def mail(engine: Engine, *, slug: str = "", batch_size: int = 1000, segment: str = "") -> int:
    """Make a mailing of the measured issue, or of the one named."""
    with transaction(engine) as session:
        newsletter = find_newsletter(session, "bench")
        issue = find_issue(session, newsletter.id, slug or DIGEST)
        return create_mailing(
            session,
            newsletter,
            issue,
            _rendered(engine, issue.slug),
            batch_size=batch_size,
            plan=SendingPlan(segment=segment),
        )
