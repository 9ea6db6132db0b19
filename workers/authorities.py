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
    try:
        ssl.create_default_context(cafile=ca_file or None)
    except ssl.SSLError:
        raise SettingError(
            msg("{path} holds no certificate.", path=ca_file),
            place=place,
            remedy=msg("The option ca names a PEM file of the authorities to trust."),
        ) from None
    except OSError as error:
        raise SettingError(
            msg("{path} cannot be read: {reason}.", path=ca_file, reason=system_reason(error)),
            place=place,
            remedy=msg("The option ca names a PEM file of the authorities to trust."),
        ) from None
