"""The model bundles that this host has: what their manifests and cards say; loads no model."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from api.errors import UnknownThing
from api.figures import BundleBody
from archive.records import ModelIdentity
from config.settings import Settings
from inference.bundle import (
    CARD_FILE,
    BundleManifest,
    bundle_folder,
    folders_of_bundles,
    read_manifest,
)
from inference.errors import BundleInvalid


def calibrated_on(settings: Settings, model: ModelIdentity) -> date | None:
    """Return when a model was calibrated; None where its bundle is not on this host."""
    for _, manifest in _bundles(settings):
        if (manifest.version, manifest.weights_sha256) == (model.version, model.weights_sha256):
            return manifest.calibrated_on
    return None


def bundle_in_use(settings: Settings) -> BundleManifest | None:
    """Return the manifest of the bundle that the settings name; None where it is not here."""
    try:
        return read_manifest(_in_use(settings))
    except BundleInvalid:
        return None


def bundle_body(manifest: BundleManifest | None) -> BundleBody | None:
    """Return the JSON of a bundle; None for none."""
    if manifest is None:
        return None
    return BundleBody(
        name=manifest.name,
        version=manifest.version,
        weights_sha256=manifest.weights_sha256,
        created=manifest.created,
        calibrated_on=manifest.calibrated_on,
        threshold=manifest.decision_threshold,
        architecture=manifest.architecture,
    )


def card_of(settings: Settings, version: str) -> str:
    """Return the card of the bundle of a version, in Markdown.

    Raises
    ------
    UnknownThing
        No bundle on this host has this version, or it has no card.
    """
    for folder, manifest in _bundles(settings):
        if manifest.version == version:
            try:
                return (folder / CARD_FILE).read_text(encoding="utf-8")
            except OSError:
                break
    raise UnknownThing("no bundle on this host has this version")


def _bundles(settings: Settings) -> Iterator[tuple[Path, BundleManifest]]:
    """Yield the bundle in use, then all that have a name here."""
    for folder in (_in_use(settings), *folders_of_bundles(settings.installed_bundles)):
        try:
            yield folder, read_manifest(folder)
        except BundleInvalid:
            continue


def _in_use(settings: Settings) -> Path:
    return bundle_folder(settings.model.bundle, settings.installed_bundles)
