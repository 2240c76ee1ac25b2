"""dcmsend, as every benchmark sends."""

import subprocess
from pathlib import Path

# Without it a sender waits for the receiver's delayed acknowledgements, 40 ms at a time.
NO_DELAY = {"TCP_NODELAY": "1"}


def dcmsend(path: Path, *, host: str, port: int, ae_title: str) -> int:
    """Send a file, or all in a folder, on one association; return dcmsend's exit status."""
    return subprocess.run(
        ["dcmsend", "-aet", "STORESCU", "-aec", ae_title, "+sd", "--no-uid-checks",
         host, str(port), str(path)],
        check=False, capture_output=True,
    ).returncode  # fmt: skip


def made(folder: Path) -> Path:
    """Return a folder, which is there now."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder
