"""A certificate authority of the test's own, and what it signs; made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate with its key, both PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Signs certificates for this machine."""

    folder: Path
    own: Certificate

    @property
    def certificate(self) -> Path:
        return self.own.certificate

    @classmethod
    def new(cls, folder: Path, name: str = "authority") -> "Authority":
        folder.mkdir(parents=True, exist_ok=True)
        own = Certificate(certificate=folder / f"{name}.pem", key=folder / f"{name}.key")
        _openssl(
            "req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN=Drawn {name}",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", own.key, "-out", own.certificate,
        )  # fmt: skip
        return cls(folder=folder, own=own)

    def sign(self, name: str, *addresses: str) -> Certificate:
        """Return a certificate for localhost and further addresses."""
        made = Certificate(certificate=self.folder / f"{name}.pem", key=self.folder / f"{name}.key")
        named = ",".join(
            ["DNS:localhost", *(f"IP:{address}" for address in ("127.0.0.1", *addresses))]
        )
        _openssl(
            "req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN={name}",
            "-CA", self.own.certificate, "-CAkey", self.own.key,
            "-addext", f"subjectAltName={named}",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", made.key, "-out", made.certificate,
        )  # fmt: skip
        return made


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)
