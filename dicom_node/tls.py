"""TLS after BCP 195 (RFC 9325), as PS3.15 annex B.9 asks: versions 1.2 and 1.3, sound ciphers."""

import ssl

from config.destinations import ClientTlsSettings
from dicom_node.errors import TlsUnusable

# RFC 9325 4.2: forward secrecy and authenticated encryption. TLS 1.3 has nothing else, so this
# list speaks for 1.2.
CIPHERS_OF_TLS_1_2 = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
)


def client_context(settings: ClientTlsSettings) -> ssl.SSLContext:
    """Return how we call a server: its certificate and name are always verified.

    Raises
    ------
    TlsUnusable
        A file is missing or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _restrict(context)
    try:
        if settings.ca_certificates is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(settings.ca_certificates)
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate, settings.key)
    except OSError as error:  # ssl.SSLError is one
        files = (settings.ca_certificates, settings.certificate, settings.key)
        named = ", ".join(str(file) for file in files if file is not None)
        raise TlsUnusable(f"{named}: {error.strerror or error}") from None
    return context


def _restrict(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(CIPHERS_OF_TLS_1_2))
    # RFC 9325 3.3, 3.4: neither compression nor renegotiation.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
