"""A real syslog server: Debian's rsyslog, on loopback, writing down what it got as it came."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.builders.certificates import Authority
from tests.processes import running, wait_until

# The transport of a message says nothing of its end in a file; this stands for it.
_END = "\n"


@dataclass(frozen=True, kw_only=True)
class Rsyslog:
    """A running server."""

    port: int
    file: Path

    def got(self) -> list[str]:
        """Return the messages that it got, whole, in the order in which they came."""
        if not self.file.exists():
            return []
        return self.file.read_text(encoding="utf-8").split(_END)[:-1]

    def wait_for(self, count: int) -> list[str]:
        wait_until(lambda: len(self.got()) >= count, within_seconds=30, what=f"{count} messages")
        return self.got()


@contextlib.contextmanager
def running_rsyslog(
    folder: Path, port: int, *, transport: str = "tcp", authority: Authority | None = None
) -> Iterator[Rsyslog]:
    """Run rsyslog for the time of a block; over TLS it wants a certificate of the authority."""
    folder.mkdir(exist_ok=True)
    got = folder / "got"
    configuration = folder / "rsyslog.conf"
    configuration.write_text(_configuration(folder, port, got, transport, authority))
    command = ["rsyslogd", "-n", "-f", str(configuration), "-i", str(folder / "pid")]
    with running(command, log=folder / "log"):
        wait_until(lambda: _is_open(port, transport), within_seconds=20, what="rsyslog")
        yield Rsyslog(port=port, file=got)


def _configuration(
    folder: Path, port: int, got: Path, transport: str, authority: Authority | None
) -> str:
    lines = []
    module = "imudp" if transport == "udp" else "imtcp"
    driver = ""
    if authority is not None:
        own = authority.sign("rsyslog")
        lines.append(
            f'global(defaultNetstreamDriverCAFile="{authority.certificate}" '
            f'defaultNetstreamDriverCertFile="{own.certificate}" '
            f'defaultNetstreamDriverKeyFile="{own.key}")'
        )
        driver = (
            ' streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid"'
        )
    lines += [
        f'global(workDirectory="{folder}")',
        f'module(load="{module}"{driver})',
        'template(name="raw" type="string" string="%rawmsg%\\n")',
        'ruleset(name="audit") {',
        f'  action(type="omfile" file="{got}" template="raw")',
        "}",
        f'input(type="{module}" port="{port}" address="127.0.0.1" ruleset="audit")',
    ]
    return "\n".join(lines) + "\n"


def _is_open(port: int, transport: str) -> bool:
    """Look at the kernel's own list: a connection of ours would be a message to rsyslog."""
    sockets = Path("/proc/net/udp" if transport == "udp" else "/proc/net/tcp").read_text()
    listening = "07" if transport == "udp" else "0A"
    return any(
        fields[1].endswith(f":{port:04X}") and fields[3] == listening
        for fields in (line.split() for line in sockets.splitlines()[1:])
    )
