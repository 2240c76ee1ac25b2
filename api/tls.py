"""TLS of the web server itself: which versions, and whose certificate."""

import ssl
from pathlib import Path


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server offers: TLS 1.2 and 1.3, nothing older (RFC 8996).

    Parameters
    ----------
    certificate
        PEM; the server's own first, then those that lead to the authority.
    key
        PEM, without a passphrase.

    Raises
    ------
    OSError
        Naming the setting whose file cannot be used.
    """
    for setting, file in (("tls_certificate", certificate), ("tls_key", key)):
        if not file.is_file():
            raise FileNotFoundError(f"api.{setting}: there is no such file")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise OSError(
            f"api.tls_certificate and api.tls_key do not make a pair of PEM files ({error.reason})"
        ) from None
    return context
