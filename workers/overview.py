"""The overview of an installation, with the relays and servers in its settings.

Pages, commands, metrics and alarms all use this function, and so show the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine

from newsletter.operations.overview import Overview, look
from newsletter.settings import Settings
from workers.transports import relay_names


def overview_source(settings: Settings, engine: Engine) -> Callable[[], Overview]:
    """Return a function that returns the present overview.

    Raises:
        SettingError: A URL in MAIL_TRANSPORTS is not valid.
    """
    return partial(
        look,
        engine,
        redis_url=settings.redis_url,
        relays=relay_names(settings),
        account_mail_is_refused=settings.account_mail_is_refused,
        public_url_is_plain=settings.public_url_is_plain,
    )
