"""Settings that nobody reads until mail comes or goes are read before anything starts."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from newsletter.errors import SettingError
from newsletter.settings import Settings
from tests.bounces.webhook_cases import PROVIDERS
from tests.bounces.webhook_model import Provider
from workers.composition import require_settings

#: A key as SendGrid has them, which Postal has not.
_OF_ANOTHER_KIND = base64.b64encode(
    ec.derive_private_key(35, ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOUNCE_LISTEN", "zz"),
        ("BOUNCE_MAILBOX", "zz"),
        ("MAIL_TRANSPORTS", "zz"),
        ("WEBHOOK_SENDGRID", "zz"),
        ("WEBHOOK_SENDGRID", "-----BEGIN PUBLIC KEY-----"),
        ("WEBHOOK_SENDGRID", _OF_ANOTHER_KIND[:60]),
        ("WEBHOOK_POSTAL", "zz"),
        ("WEBHOOK_POSTAL", _OF_ANOTHER_KIND),
        ("WEBHOOK_RESEND", "zz"),
        ("WEBHOOK_RESEND", "whsec_zz!"),
    ],
)
def test_what_no_mail_could_come_or_go_by_is_named_with_what_to_do(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name) as refused:
        require_settings(Settings.model_validate({name.lower(): value}))
    assert refused.value.remedy
    assert value not in str(refused.value)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_a_secret_of_each_provider_is_taken(provider: Provider) -> None:
    setting, secret = f"webhook_{provider.name}", provider.secret
    require_settings(Settings.model_validate({setting: f"{secret},{secret}"}))
