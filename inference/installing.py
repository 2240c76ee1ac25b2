"""Takes a model bundle in beside those that ship: looked at first, then copied whole or not at all.

An installed name stands for the same bytes for good: another version lies beside it under a name of
its own. Knows no torch; whether a bundle's answers are right is asked before (`model.py`).
"""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from archive.copying import copied_with_digest
from archive.flushing import Flushing, flush_file, flush_folder
from inference.bundle import (
    MANIFEST_FILE,
    SHIPPED_BUNDLES,
    BundleManifest,
    files_of,
    read_manifest,
    verify_bundle,
)
from inference.errors import BundleInvalid, BundleNotInstalled

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_UNFINISHED = ".part"


def install_bundle(
    source: Path, manifest: BundleManifest, installed: Path, *, name: str | None = None
) -> Path:
    """Copy a verified bundle to the installed ones and return its folder; safe to repeat.

    Durable on return. A run that is killed leaves nothing that has a name; the next one clears it.

    Parameters
    ----------
    manifest
        Of `source`, as it was verified: what is copied must have the hashes that it gives.
    installed
        The folder of the installed bundles; made where it is missing.
    name
        By which it is found; its own name and version where None is given.

    Raises
    ------
    BundleInvalid
        The bundle has a file that is not its own, or changed since it was verified.
    BundleNotInstalled
        The name is no name or stands for another bundle, or the folder cannot be written.
    """
    name = name or f"{manifest.name}-{manifest.version}"
    if not _NAME.fullmatch(name):
        raise BundleNotInstalled(
            f"{name!r} is no name for a bundle: letters, digits, and . _ + - after the first"
        )
    if (SHIPPED_BUNDLES / name).exists():
        raise BundleNotInstalled(f"{name} is the name of a bundle that ships; choose another")
    _refuse_foreign_files(source, manifest)
    target = installed / name
    with _translated(), _turn_in(installed) as parent:
        if target.exists():
            _refuse_another(target, manifest)
            return target
        unfinished = parent / f".{name}{_UNFINISHED}"
        try:
            _copy(source, unfinished, manifest)
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        flush_folder(parent)
    return target


def _refuse_foreign_files(source: Path, manifest: BundleManifest) -> None:
    """Refuse what this program did not write into a bundle, and links to what is not in it."""
    wanted = set(files_of(manifest))
    if foreign := sorted(set(manifest.sha256) - wanted):
        raise BundleInvalid(f"{source / MANIFEST_FILE}: {foreign[0]} is no file of a bundle")
    for name in (*sorted(wanted), MANIFEST_FILE):
        path = Path(name)
        for part in (path, *path.parents[:-1]):
            if (source / part).is_symlink():
                raise BundleInvalid(f"{source / part}: is a link; a bundle holds its own files")


def _refuse_another(target: Path, manifest: BundleManifest) -> None:
    standing = verify_bundle(target)
    if standing != manifest:
        raise BundleNotInstalled(
            f"{target.name} stands for {standing.name} {standing.version} already, and "
            f"{manifest.name} {manifest.version} is another; install it under another --name"
        )


@contextlib.contextmanager
def _turn_in(installed: Path) -> Iterator[Path]:
    """Make the folder where it is missing, wait for our turn, clear what a killed run left."""
    with Flushing().folder(installed) as folders:
        for folder in folders:
            flush_folder(folder)
    descriptor = os.open(installed, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in installed.glob(f".*{_UNFINISHED}"):
            shutil.rmtree(left)
        yield installed
    finally:
        os.close(descriptor)


def _copy(source: Path, target: Path, manifest: BundleManifest) -> None:
    for name in files_of(manifest):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if copied_with_digest(source / name, copy) != manifest.sha256[name]:
            raise BundleInvalid(f"{source / name}: changed since it was verified")
        flush_file(copy)
    copied_with_digest(source / MANIFEST_FILE, target / MANIFEST_FILE)
    if read_manifest(target) != manifest:
        raise BundleInvalid(f"{source / MANIFEST_FILE}: changed since it was verified")
    flush_file(target / MANIFEST_FILE)
    for folder in {target, *(copy.parent for copy in (target / n for n in files_of(manifest)))}:
        flush_folder(folder)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BundleNotInstalled(f"{error.filename}: {error.strerror}") from error
