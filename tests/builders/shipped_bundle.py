"""The bundle that ships, as results name it."""

from archive.records import ModelIdentity
from inference.bundle import SHIPPED_BUNDLES, read_manifest

SHIPPED = read_manifest(SHIPPED_BUNDLES / "default")
SHIPPED_MODEL = ModelIdentity(
    name=SHIPPED.name,
    version=SHIPPED.version,
    weights_sha256=SHIPPED.weights_sha256,
    preprocessing_version=SHIPPED.preprocessing_version,
)
