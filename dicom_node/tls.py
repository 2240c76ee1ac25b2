"""TLS after BCP 195 (RFC 8996, RFC 9325), as PS3.15 B.12 asks: 1.2 and 1.3, sound ciphers only."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from config.destinations import ClientTlsSettings
from config.settings import ServerTlsSettings
from config.watched_files import WatchedFiles
from dicom_node.errors import TlsUnusable

_log = structlog.get_logger()

# RFC 9325 4.2: forward secrecy and authenticated encryption. TLS 1.3 has nothing else, so this
# list speaks for 1.2.
CIPHERS_OF_TLS_1_2 = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
_CLIENTS = {
    "ignored": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


def client_context(settings: ClientTlsSettings) -> ssl.SSLContext:
    """Return how we call a server, whose certificate is always verified.

    Raises
    ------
    TlsUnusable
        A file is missing or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _restrict(context)
    context.check_hostname = settings.verify_host_name
    with _NamingTheFile() as naming:
        if settings.ca_certificates is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(naming.of(settings.ca_certificates))
        if settings.certificate is not None:
            context.load_cert_chain(naming.of(settings.certificate), settings.key)
    return context


def server_context(settings: ServerTlsSettings) -> ssl.SSLContext:
    """Return how peers that call us are answered.

    Raises
    ------
    TlsUnusable
        A file is missing or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _restrict(context)
    context.verify_mode = _CLIENTS[settings.client_certificate]
    with _NamingTheFile() as naming:
        context.load_cert_chain(naming.of(settings.certificate), settings.key)
        if settings.client_ca_certificates is not None:
            context.load_verify_locations(naming.of(settings.client_ca_certificates))
    return context


class ServerTls:
    """The TLS of a listening port; takes renewed files while it runs.

    Raises
    ------
    TlsUnusable
        The files cannot be used to begin with.
    """

    def __init__(self, settings: ServerTlsSettings) -> None:
        self._settings = settings
        files = (settings.certificate, settings.key, settings.client_ca_certificates)
        self._files = WatchedFiles([file for file in files if file is not None])
        self._context = server_context(settings)

    def wrap(self, connection: Any) -> ssl.SSLSocket:  # socketserver's type says less
        """Shake hands with a peer that has connected; waits as long as the socket does.

        Raises
        ------
        OSError
            There was no agreement.
        """
        return self._context.wrap_socket(connection, server_side=True)

    def refresh(self) -> None:
        """Take the files anew if they changed; ones that cannot be used leave all as it is."""
        if self._files.have_changed():
            self._take()

    def reload(self) -> None:
        """Take the files anew, changed or not; ones that cannot be used leave all as it is."""
        self._files.have_changed()
        self._take()

    def _take(self) -> None:
        try:
            self._context = server_context(self._settings)
        except TlsUnusable as error:
            _log.error("renewed TLS files cannot be used, the old ones stay", error=str(error))
        else:
            _log.info("TLS files renewed")


class Caller:
    """A client's TLS for one association; keeps the reason why there was no agreement.

    pynetdicom uses of a context only `wrap_socket`, and drops the error.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.problem = ""

    def wrap_socket(self, connection: Any, **keywords: Any) -> ssl.SSLSocket:
        """Return the socket that will shake hands once it is connected."""
        wrapped = self._context.wrap_socket(connection, **keywords)
        wrapped.do_handshake = self._noting(wrapped.do_handshake)  # type: ignore[method-assign]
        return wrapped

    def _noting(self, do_handshake: Callable[..., None]) -> Callable[..., None]:
        def noting(*arguments: bool) -> None:
            try:
                do_handshake(*arguments)
            except OSError as error:
                self.problem = reason_of(error)
                raise

        return noting


def reason_of(error: OSError) -> str:
    """Return why a handshake failed, in OpenSSL's words where there are some."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return error.strerror or type(error).__name__


class _NamingTheFile:
    """Turns the errors of a block into `TlsUnusable` with the file that was named last."""

    def __init__(self) -> None:
        self._file: Path | None = None

    def of(self, file: Path) -> Path:
        self._file = file
        return file

    def __enter__(self) -> "_NamingTheFile":
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):  # ssl.SSLError is one
            raise TlsUnusable(f"{self._file}: {reason_of(error)}") from None


def _restrict(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(CIPHERS_OF_TLS_1_2))
    # RFC 9325 3.3, 3.5: neither compression nor renegotiation.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
