"""An OpenID provider of its own for a test: the well-known library's, on a free loopback port."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import flask
import httpx
from authlib.deprecate import AuthlibDeprecationWarning
from werkzeug.serving import make_server

with warnings.catch_warnings():
    # It uses a part of Authlib that Authlib will take away.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    import oidc_provider_mock

ROLES = {"radiologist": ["chest-readers"], "admin": ["pacs-team"], "ml": ["data-science"]}


@dataclass(kw_only=True)
class Provider:
    """A running provider, and what it was asked."""

    issuer: str
    secret_file: Path
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def settings(self, **changes: object) -> dict[str, object]:
        """The section `oidc` of a site that uses it."""
        return {
            "issuer": self.issuer,
            "client_id": "hilum",
            "client_secret_file": self.secret_file,
            "roles": ROLES,
        } | changes

    def add(self, subject: str, **claims: object) -> None:
        """Let it know a person, or know them anew."""
        httpx.put(f"{self.issuer}/users/{quote(subject)}", json=claims).raise_for_status()

    def last(self, path: str) -> dict[str, str]:
        """What it was asked last at an address."""
        return next(values for asked, values in reversed(self.asked) if asked == path)


@contextmanager
def openid_provider(folder: Path) -> Iterator[Provider]:
    """The provider, in a thread of the test; `folder` gets the client's secret."""
    secret_file = folder / "client-secret"
    secret_file.write_text("hush\n")
    app = oidc_provider_mock.app()
    server = make_server("localhost", 0, app, threaded=True)
    provider = Provider(issuer=f"http://localhost:{server.server_port}", secret_file=secret_file)

    def remember() -> None:
        provider.asked.append((flask.request.path, dict(flask.request.values)))

    app.before_request(remember)

    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
