"""The authorities whose certificates are trusted, of mail servers that we connect to."""

from __future__ import annotations

import ssl

from newsletter.errors import Place, SettingError, system_reason
from newsletter.i18n.messages import msg


def demand_authorities(ca_file: str, place: Place) -> None:
    """Refuse the file of an option ``ca`` before mail is held up by it.

    Args:
        ca_file: A PEM file; empty for the system's authorities.
        place: The setting that names it.

    Raises:
        SettingError: It cannot be read, or holds no certificate.
    """
    if not ca_file:
        return
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        if isinstance(error, ssl.SSLError):
            fault = msg("{path} holds no certificate.", path=ca_file)
        else:
            fault = msg(
                "{path} cannot be read: {reason}.", path=ca_file, reason=system_reason(error)
            )
        raise SettingError(
            fault,
            place=place,
            remedy=msg("The option ca names a PEM file of the authorities to trust."),
        ) from None
