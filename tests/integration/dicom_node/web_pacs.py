"""A web server that answers a STOW-RS request as the test says, plain or over TLS."""

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.builders.certificates import Authority, Certificate
from tests.web_server import listening


@dataclass(kw_only=True)
class WebPacs:
    """What it answers next, and what it was asked."""

    port: int = 0
    status: int = 200
    body: Any = None
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def web_pacs(
    server_certificate: Certificate | None = None, clients: Authority | None = None
) -> Iterator[WebPacs]:
    """Listen on loopback until the block ends; `clients` must have signed whoever calls."""
    pacs = WebPacs()
    pacs.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            pacs.requests.append((self.path, dict(self.headers), content))
            pacs.may_answer.wait(20)
            body = b"" if pacs.body is None else json.dumps(pacs.body).encode()
            self.send_response(pacs.status)
            self.send_header("Content-Type", "application/dicom+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if server_certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(server_certificate.certificate, server_certificate.key)
        if clients is not None:
            context.load_verify_locations(clients.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with listening(server) as pacs.port:
        try:
            yield pacs
        finally:
            pacs.may_answer.set()
