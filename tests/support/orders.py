"""Orders about a mailing, each in a transaction of its own, as an operator gives them."""

from __future__ import annotations

from sqlalchemy import Engine

from newsletter.database.engine import transaction
from newsletter.i18n.messages import written
from newsletter.mailings.mailings import cancel_mailing, pause_mailing, resume_mailing


def pause(engine: Engine, mailing: int, *, reason: str = "wait") -> None:
    with transaction(engine) as session:
        pause_mailing(session, mailing, reason=written(reason))


def resume(engine: Engine, mailing: int, *, even_twice: bool = False) -> None:
    with transaction(engine) as session:
        resume_mailing(session, mailing, even_twice=even_twice)


def cancel(engine: Engine, mailing: int) -> None:
    with transaction(engine) as session:
        cancel_mailing(session, mailing)
