"""What is wrong with a relay that takes nothing, and what to do about it, in plain words."""

from __future__ import annotations

from newsletter.i18n.messages import Message, msg
from newsletter.mailings.ledger.relay_faults import RelayFault

_CHECK_CERTIFICATE = msg(
    "Renew its certificate, or set ca=FILE in MAIL_TRANSPORTS if it has an authority of its own."
)
_CAUSES = {
    RelayFault.NAME_UNKNOWN: (
        msg("The host name of the relay {relay} cannot be resolved"),
        msg("Check the name in MAIL_TRANSPORTS and the DNS server of this host."),
    ),
    RelayFault.NOT_REACHED: (
        msg("The relay {relay} cannot be reached"),
        msg("Check that it is running, its port in MAIL_TRANSPORTS, and the firewall."),
    ),
    RelayFault.NO_ANSWER: (
        msg("The relay {relay} does not respond in time"),
        msg("Check its load, the network and the firewall."),
    ),
    RelayFault.CERTIFICATE_EXPIRED: (
        msg("The TLS certificate of the relay {relay} has expired"),
        msg("Renew the certificate on the relay."),
    ),
    RelayFault.CERTIFICATE_EARLY: (
        msg("The TLS certificate of the relay {relay} is not valid yet"),
        msg("Check the clocks of this host and of the relay."),
    ),
    RelayFault.CERTIFICATE_NAME: (
        msg("The TLS certificate of the relay {relay} was issued for another name"),
        msg("Use the name in the certificate in MAIL_TRANSPORTS, or replace the certificate."),
    ),
    RelayFault.CERTIFICATE_UNTRUSTED: (
        msg("The TLS certificate of the relay {relay} is not trusted (self-signed, or unknown CA)"),
        _CHECK_CERTIFICATE,
    ),
    RelayFault.AUTHORITIES_UNREADABLE: (
        msg("The file of trusted authorities for the relay {relay} cannot be read"),
        msg("Correct ca=FILE in MAIL_TRANSPORTS."),
    ),
    RelayFault.TLS_FAILED: (
        msg("No TLS connection to the relay {relay} can be set up"),
        msg("Check its TLS settings, and tls= and the port in MAIL_TRANSPORTS."),
    ),
    RelayFault.TLS_MISSING: (
        msg("The relay {relay} does not offer STARTTLS"),
        msg("Enable TLS on the relay, or correct tls= in MAIL_TRANSPORTS."),
    ),
    RelayFault.PASSWORD: (
        msg("The relay {relay} rejects the user name or password"),
        msg("Correct them in MAIL_TRANSPORTS, then restart newsletter worker."),
    ),
    RelayFault.PASSWORD_UNSUPPORTED: (
        msg("The relay {relay} does not offer signing in with a password"),
        msg("Enable AUTH PLAIN or LOGIN on the relay; many offer it only over TLS (tls=starttls)."),
    ),
    RelayFault.ACCESS: (
        msg("The relay {relay} does not let this server send"),
        msg("Set the user name, password and tls= in MAIL_TRANSPORTS as the relay requires."),
    ),
    RelayFault.REFUSES_HOST: (
        msg("The relay {relay} refuses connections from this server"),
        msg("Permit this server's address on the relay, or have it removed from a block list."),
    ),
    RelayFault.BUSY: (
        msg("The relay {relay} is temporarily not accepting email"),
        msg("Check its load, queue and limits if this continues."),
    ),
    RelayFault.REFUSES_MAIL: (
        msg("The relay {relay} refuses one email after another"),
        msg(
            "Correct on the relay what its response names: access, a quota, a filter. What it"
            " refused is deferred, and nobody counts as bounced."
        ),
    ),
}


def worded_fault(relay: str, fault: RelayFault, words: str) -> tuple[Message, Message]:
    """Return what is wrong with a relay, and what to do; ``words`` are those that it used."""
    cause, remedy = _CAUSES[fault]
    return (
        cause.having(relay=relay),
        msg(
            "{remedy} Sending then continues automatically. (The response was: {words})",
            remedy=remedy,
            words=words.removeprefix(f"{relay}: "),
        ),
    )
