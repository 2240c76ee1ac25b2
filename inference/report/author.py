"""Who speaks in a report: the installed device with its model, and in which language."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from archive.records import ModelIdentity
from inference.bundle import BundleManifest, Population
from inference.report.codes import ProcedureCode
from inference.report.uids import Kind, derive
from inference.report.words import Language

MANUFACTURER = "Hilum"
SERIAL_NUMBER_LENGTH = 16


@dataclass(frozen=True, kw_only=True)
class Author:
    """The device that observed, as it is named in every report."""

    model: ModelIdentity
    algorithm_parameters: tuple[str, ...]
    """Rows of TID 4019 Algorithm Parameters."""
    population: Population
    software_version: str
    device_serial_number: str
    language: Language = Language.ENGLISH
    institution_name: str = ""
    procedure: ProcedureCode | None = None
    """None: the generic one, which every validator knows."""

    @property
    def form(self) -> tuple[str, ...]:
        """What a site's options change in our objects; stands in UIDs, so that none has two."""
        named = self.procedure
        procedure = () if named is None else (named.value, named.scheme, named.meaning)
        return (self.language, self.institution_name, *procedure)

    @property
    def device_uid(self) -> str:
        """Device Observer UID; changes with the model (IHE AIR)."""
        return derive(
            Kind.DEVICE,
            self.model.name,
            self.model.version,
            self.model.weights_sha256,
            self.model.preprocessing_version,
            self.device_serial_number,
        )


def model_identity(manifest: BundleManifest) -> ModelIdentity:
    """Identify the model in a bundle."""
    return ModelIdentity(
        name=manifest.name,
        version=manifest.version,
        weights_sha256=manifest.weights_sha256,
        preprocessing_version=manifest.preprocessing_version,
    )


def author_of(
    manifest: BundleManifest,
    *,
    language: Language = Language.ENGLISH,
    device_serial_number: str = "",
    institution_name: str = "",
    procedure: ProcedureCode | None = None,
) -> Author:
    """Name the author of the reports that a bundle's model makes.

    Parameters
    ----------
    device_serial_number
        Where none is given, the first digits of the weights' hash: Device Serial Number is type 1
        in the Enhanced General Equipment module (PS3.3 C.7.5.2).
    """
    return Author(
        model=model_identity(manifest),
        algorithm_parameters=_parameters(manifest),
        population=manifest.population,
        software_version=software_version(),
        device_serial_number=device_serial_number or manifest.weights_sha256[:SERIAL_NUMBER_LENGTH],
        language=language,
        institution_name=institution_name,
        procedure=procedure,
    )


def software_version() -> str:
    """Return the version of this program; "unreleased" when it is not installed."""
    try:
        return version("hilum")
    except PackageNotFoundError:
        return "unreleased"


def _parameters(manifest: BundleManifest) -> tuple[str, ...]:
    return (
        f"decision threshold={manifest.decision_threshold:g}",
        f"calibration=temperature scaling, temperature {manifest.calibration_temperature:g}",
        f"weights SHA-256={manifest.weights_sha256}",
        f"training data SHA-256={manifest.training_data_sha256}",
        f"architecture={manifest.architecture}",
        f"preprocessing={manifest.preprocessing_version}",
    )
