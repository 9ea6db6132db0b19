"""What is personal in one delivery: its links, signed and without personal data, and its slots."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.rendering.model import Slot
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner

_PURPOSES = (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES, Purpose.VIEW)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryLinks:
    """Where a recipient leaves, chooses and reads on the web."""

    unsubscribe_token: str
    unsubscribe_url: str
    preferences_url: str
    view_url: str

    @classmethod
    def of(cls, public_url: str, signer: TokenSigner, ref: DeliveryRef) -> DeliveryLinks:
        """Sign the links of one delivery."""
        leave, choose, view = signer.sign_deliveries(_PURPOSES, ref)
        return cls(
            unsubscribe_token=leave,
            unsubscribe_url=f"{public_url}/u/{leave}",
            preferences_url=f"{public_url}/p/{choose}",
            view_url=f"{public_url}/v/{view}",
        )

    @classmethod
    def leading_nowhere(cls) -> DeliveryLinks:
        """Return the links of a preview: nobody leaves by trying them, and anchors lead within."""
        return cls(unsubscribe_token="", unsubscribe_url="#", preferences_url="#", view_url="")

    def slots(self, *, name: str, address: str, action: str = "") -> dict[str, str]:
        """Return what differs from one recipient to the next, in mail and preview alike."""
        return {
            Slot.UNSUBSCRIBE_URL: self.unsubscribe_url,
            Slot.PREFERENCES_URL: self.preferences_url,
            Slot.VIEW_URL: self.view_url,
            Slot.SUBSCRIBER_NAME: name,
            Slot.SUBSCRIBER_ADDRESS: address,
            Slot.ACTION_URL: action,
        }
