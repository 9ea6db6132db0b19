"""The overview of an installation, as its settings name its parts.

Page, terminal, metrics and the end of acknowledged alarms look the same way, and so see the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine

from newsletter.operations.overview import Overview, look
from newsletter.settings import Settings
from workers.transports import relay_names


def overview_source(settings: Settings, engine: Engine) -> Callable[[], Overview]:
    """Return what looks at everything anew each time.

    Raises:
        SettingError: A relay of MAIL_TRANSPORTS cannot be read.
    """
    return partial(
        look,
        engine,
        redis_url=settings.redis_url,
        relays=relay_names(settings),
        account_mail_is_refused=settings.account_mail_is_refused,
        public_url_is_plain=settings.public_url_is_plain,
    )
