"""Webhooks of sending providers: authenticate each call and convert it to the common types.

Each provider has one module, and ``meanings.toml`` maps the provider's terms to a `Meaning`. A term
without an entry is stored raw and displayed. To add a provider, write its module and its tables,
and add it to `adapters`, its setting to `Settings` and its cases to
``tests/bounces/webhook_cases.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from newsletter.bounces.webhooks import postal, resend, sendgrid
from newsletter.bounces.webhooks.brevo import Brevo
from newsletter.bounces.webhooks.mailersend import MailerSend
from newsletter.bounces.webhooks.mailgun import Mailgun
from newsletter.bounces.webhooks.mailjet import Mailjet
from newsletter.bounces.webhooks.mailtrap import Mailtrap
from newsletter.bounces.webhooks.mandrill import Mandrill
from newsletter.bounces.webhooks.model import (
    LARGEST_CALL,
    Adapter,
    Call,
    Confirming,
    ProviderEvent,
    RefusedCallError,
)
from newsletter.bounces.webhooks.postal import Postal
from newsletter.bounces.webhooks.postmark import Postmark
from newsletter.bounces.webhooks.resend import Resend
from newsletter.bounces.webhooks.scaleway import Scaleway
from newsletter.bounces.webhooks.sendgrid import SendGrid
from newsletter.bounces.webhooks.ses import Ses
from newsletter.bounces.webhooks.sparkpost import SparkPost
from newsletter.bounces.webhooks.unisender_go import UnisenderGo
from newsletter.errors import Place, SettingError
from newsletter.i18n.messages import Message, msg

__all__ = [
    "LARGEST_CALL",
    "Adapter",
    "Call",
    "Confirming",
    "ProviderEvent",
    "RefusedCallError",
    "adapters",
    "require_secrets",
]

#: For each provider whose secret has a format: the function that reads it, and advice on finding
#: it.
_FORMS: Mapping[str, tuple[Callable[[str], object], Message]] = {
    "sendgrid": (
        sendgrid.read_key,
        msg("Copy the whole verification key of SendGrid's signed event webhook."),
    ),
    "postal": (
        postal.read_key,
        msg("Copy what follows p= in the DKIM record of the Postal installation, whole."),
    ),
    "resend": (
        resend.read_key,
        msg("Copy the whole signing secret of Resend's webhook; it begins with whsec_."),
    ),
}


def require_secrets(secrets: Mapping[str, Sequence[str]]) -> None:
    """Refuse secrets that no call can match: every call would be refused and its bounce lost.

    Args:
        secrets: The secrets by the provider's name.

    Raises:
        SettingError: A secret does not have its provider's format. The message leaves the secret
            out.
    """
    for name, (read, advice) in _FORMS.items():
        for secret in secrets.get(name, ()):
            try:
                read(secret)
            except ValueError:
                raise SettingError(
                    msg("The value is not a key of this provider."),
                    place=Place(source=msg("settings"), field=f"WEBHOOK_{name.upper()}"),
                    remedy=advice,
                ) from None


def adapters(certificate: Callable[[str], bytes]) -> Mapping[str, Adapter]:
    """Return the adapters by the provider's name in the webhook's URL."""
    return {
        "ses": Ses(certificate),
        "sendgrid": SendGrid(),
        "postmark": Postmark(),
        "mailgun": Mailgun(),
        "sparkpost": SparkPost(),
        "mailjet": Mailjet(),
        "brevo": Brevo(),
        "resend": Resend(),
        "mandrill": Mandrill(),
        "mailersend": MailerSend(),
        "mailtrap": Mailtrap(),
        "postal": Postal(),
        "unisender_go": UnisenderGo(),
        "scaleway": Scaleway(),
    }
