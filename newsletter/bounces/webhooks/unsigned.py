"""What adapters of providers that sign nothing share: a secret that the operator chose."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.bounces.webhooks.model import Call
from newsletter.bounces.webhooks.proof import require_secret


class Unsigned:
    """Proves a call by the secret it carries."""

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`."""
        require_secret(call, secrets)

    def once(self, call: Call) -> None:
        """See `Adapter.once`."""
        del call
