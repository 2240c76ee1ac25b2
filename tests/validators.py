"""Runs the validators of other projects over our objects; each gives back what it complains of."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

_JARS = Path("/usr/share/java")
_PIXELMED_JARS = (
    "pixelmed",
    "commons-codec",
    "commons-net",
    "vecmath",
    "slf4j-api",
    "slf4j-nop",
    "javax.json",
    "Saxon-HE",
)
_PIXELMED_PROGRAM = Path(__file__).parent / "pixelmed" / "ValidateReports.java"
_JAVA_OPTIONS = ("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_LIMIT_SECONDS = 60
_PIXELMED_SECONDS_PER_FILE = 20  # on a machine that does much else
# dcmtk checks the characters of single-byte sets only, and knows no rules of TID 2010.
_LIMITS_OF_DCMTK = (
    "does not support this Specific Character Set: ISO_IR 192",
    "Check for template constraints not yet supported",
)


def dciodvfy(path: Path) -> list[str]:
    """Errors and warnings of dicom3tools about one object; none when it is right."""
    return [
        line
        for line in _lines(["dciodvfy", str(path)])
        if line.startswith(("Error", "Warning")) or "Unrecognized" in line
    ]


def dsrdump(path: Path) -> list[str]:
    """Errors and warnings of dcmtk about one structured report."""
    return [
        line
        for line in _lines(["dsrdump", str(path)])
        if line.startswith(("E:", "W:", "F:"))
        and not any(limit in line for limit in _LIMITS_OF_DCMTK)
    ]


def dsr_text(path: Path) -> str:
    """One structured report as dcmtk prints it."""
    return "\n".join(_lines(["dsrdump", str(path)]))


def dsr_html(path: Path) -> str:
    """One structured report as dcmtk renders it for a browser, in UTF-8."""
    return "\n".join(_lines(["dsr2html", "+U8", str(path)]))


def pixelmed(paths: Sequence[Path]) -> dict[Path, list[str]]:
    """Errors and warnings of PixelMed's template-aware validator about structured reports.

    One Java machine for all files: its start and its rules cost several seconds.
    """
    classpath = ":".join(str(_JARS / f"{name}.jar") for name in _PIXELMED_JARS)
    command = ["java", *_JAVA_OPTIONS, "-cp", classpath, str(_PIXELMED_PROGRAM)]
    complaints: dict[Path, list[str]] = {}
    validated = 0
    current: list[str] = []
    limit_seconds = _LIMIT_SECONDS + _PIXELMED_SECONDS_PER_FILE * len(paths)
    for line in _lines([*command, *map(str, paths)], limit_seconds=limit_seconds):
        if line.startswith("FILE "):
            current = complaints.setdefault(Path(line.removeprefix("FILE ")), [])
        elif line.startswith(("Error", "Warning")):
            current.append(line)
        elif "validation complete" in line:
            validated += 1
    if validated != len(paths):
        raise RuntimeError("PixelMed did not come to the end of every file")
    return complaints


def _lines(command: Sequence[str], *, limit_seconds: float = _LIMIT_SECONDS) -> list[str]:
    finished = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=limit_seconds,
        check=False,
    )
    return finished.stdout.decode("utf-8", errors="replace").splitlines()
