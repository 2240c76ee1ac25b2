"""TLS of the web server itself: which versions, whose certificate, and taking a renewed one."""

import ssl
from pathlib import Path

import structlog

from config.watched_files import WatchedFiles

_log = structlog.get_logger()


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


class WebTls:
    """The TLS of the web server; takes renewed files while it runs.

    Parameters
    ----------
    certificate, key
        See `tls_context`.
    reload_number
        Of the last request to read files again, by whoever asked (SIGHUP).

    Raises
    ------
    OSError
        The files cannot be used to begin with.
    """

    def __init__(self, certificate: Path, key: Path, *, reload_number: int) -> None:
        self._certificate = certificate
        self._key = key
        self._reload_number = reload_number
        self._files = WatchedFiles([certificate, key])
        self._current = tls_context(certificate, key)
        # The server keeps the first for good; each handshake is led to the newest.
        self.first = self._current
        self.first.sni_callback = self._use_newest

    def renew(self, reload_number: int) -> None:
        """Take the files anew if they changed, or somebody asked since; safe to repeat.

        Ones that cannot be used leave the old ones in force.
        """
        was_asked = reload_number != self._reload_number
        self._reload_number = reload_number
        if self._files.have_changed() or was_asked:
            self._take()

    def _take(self) -> None:
        try:
            self._current = tls_context(self._certificate, self._key)
        except OSError as error:
            _log.error("renewed TLS files cannot be used, the old ones stay", error=str(error))
        else:
            _log.info("TLS files renewed")

    def _use_newest(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _first: ssl.SSLContext
    ) -> None:
        # Called for every ClientHello, also for one that names no server.
        connection.context = self._current
