"""Makes a bundle of a run: calibrates on validation, measures, writes and hashes."""

from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import torch
from safetensors.torch import save as to_safetensors

from config.training import FilmBlockSettings, PublishSettings
from inference.bundle import (
    CARD_FILE,
    GATE_FILE,
    INFERENCE_FILE,
    MANIFEST_FILE,
    METADATA_FILE,
    VECTORS_FILE,
    WEIGHTS_FILE,
    BundleCode,
    BundleFigures,
    BundleManifest,
    FigureWithInterval,
    Population,
    file_sha256,
    files_of,
    read_manifest,
    write_manifest,
)
from inference.gate import Gate, gate_tensors
from inference.labels import BINARY_NAMES, PNEUMONIA, THREE_CLASS_NAMES
from inference.model import Classifier, load_classifier
from inference.network import RadiographNet
from inference.preprocessing import PREPROCESSING_VERSION
from training.beginning import origin_of_run
from training.bundle_texts import (
    as_json,
    card_with_gate,
    inference_config,
    metadata,
    model_card,
)
from training.calibrate import Calibration, score_validation
from training.dataset import LOWEST_FILMS, PreparedSet
from training.disk import write_file
from training.errors import RunUnusable
from training.evaluate import evaluate
from training.film_block import lowest_films_held_out
from training.gate import fit_gate
from training.metrics import Figures
from training.run import FinishedRun, Origin, load_run

# Half-precision rounding on another processor moves a probability by less than this.
VECTOR_TOLERANCE = 0.01
POPULATION = Population(
    min_age_years=1,
    max_age_years=5,
    view="AP",
    site="Guangzhou Women and Children's Medical Center, Guangzhou, China",
)
TRAINING_DATA = (
    "Chest X-Ray Images (Pneumonia), Kermany, Zhang, Goldbaum, Mendeley Data v2, "
    "doi 10.17632/rscbjbr9sj.2, CC BY 4.0; official training split, 224 x 224 copy"
)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What the new bundle is called."""

    name: str
    version: str
    created: date


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A run by which to calibrate: trained without the lowest film numbers, which it answers here.

    A network knows the films it was trained on, and the films taken between them. One that never
    saw a block of them answers as the network to be published will answer at another time.
    """

    finished: FinishedRun
    origin: Origin
    prepared: PreparedSet  # with that block as its validation split


def judge_of(run: Path, prepared: PreparedSet, block: FilmBlockSettings) -> Judge:
    """Read a run that was trained without the lowest film numbers.

    Raises
    ------
    RunUnusable
        The folder holds no whole epoch of a run, or one of another preprocessing.
    """
    return Judge(
        finished=load_run(run),
        origin=origin_of_run(run),
        prepared=lowest_films_held_out(prepared, share=block.share),
    )


def publish(
    finished: FinishedRun,
    prepared: PreparedSet,
    folder: Path,
    *,
    identity: Identity,
    settings: PublishSettings,
    vectors: torch.Tensor,
    judge: Judge | None = None,
    with_test: bool = True,
) -> BundleManifest:
    """Write a bundle and return its manifest.

    The test split is scored only after everything else is fixed and written, once per version.

    Parameters
    ----------
    vectors
        uint8, (N, 1, 224, 224): pictures of nobody, whose probabilities are written down.
    judge
        Temperature and threshold come from its answers; from the network's own on validation where
        there is none.

    Raises
    ------
    RunUnusable
        The run or the judge was trained on other data, the judge is another kind of network or has
        seen the lowest film numbers, or this version has been measured already.
    """
    _refuse_second_measurement(folder, identity)
    if finished.data_sha256 != prepared.data_sha256:
        raise RunUnusable(f"{folder}: the run was trained on other data than the given folder")
    if judge:
        _refuse_unfit_judge(judge, finished)
    (folder / MANIFEST_FILE).unlink(missing_ok=True)  # from here until the end it is no bundle
    weights = half_precision(finished.network)
    write_file(folder / WEIGHTS_FILE, to_safetensors(weights))
    finished.network.load_state_dict(weights)  # what is measured is what ships
    validation = score_validation(finished.network, prepared.part("validation"), settings)
    judged = (
        score_validation(judge.finished.network, judge.prepared.part("validation"), settings)
        if judge
        else None
    )
    calibration = (judged or validation).calibrate(
        settings.target_sensitivity, of_another_time=judged is not None
    )
    manifest = _manifest(finished, identity, calibration, settings)
    classifier = Classifier(finished.network, manifest)
    measured = [
        _record("validation", validation.figures(calibration, shifted=False)),
        _record("shifted validation", validation.figures(calibration, shifted=True)),
    ]
    if judged:
        measured += [
            _record("film block", judged.figures(calibration, shifted=False)),
            _record("shifted film block", judged.figures(calibration, shifted=True)),
        ]
    if with_test:
        measured.append(_record("test", evaluate(classifier, prepared.part("test"))))
    fitted = fit_gate(
        finished.network,
        finished.recipe.architecture,
        train=prepared.part("train"),
        validation=prepared.part("validation"),
        test=prepared.part("test") if with_test else None,
    )
    _write_gate(fitted.gate, folder)
    manifest = manifest.model_copy(update={"figures": tuple(measured), "gate": fitted.record})
    _write_vectors(classifier, vectors, folder)
    card = model_card(manifest, finished, judge.origin if judge else None)
    write_file(folder / CARD_FILE, card.encode())
    write_file(folder / METADATA_FILE, as_json(metadata(manifest)))
    write_file(folder / INFERENCE_FILE, as_json(inference_config(manifest)))
    return _seal(manifest, folder)


def _refuse_unfit_judge(judge: Judge, finished: FinishedRun) -> None:
    known = judge.finished
    if known.held_out != LOWEST_FILMS or judge.prepared.held_out != LOWEST_FILMS:
        raise RunUnusable(f"{judge.origin}: was not trained with --film-block")
    if known.data_sha256 != finished.data_sha256:
        raise RunUnusable(f"{judge.origin}: was trained on other data")
    kinds = [(run.recipe.architecture, run.recipe.classes) for run in (known, finished)]
    if kinds[0] != kinds[1]:
        raise RunUnusable(
            f"{judge.origin}: is of another architecture or tells other classes apart"
        )


def add_gate(
    folder: Path, prepared: PreparedSet, out: Path, *, version: str, created: date
) -> BundleManifest:
    """Give a bundle a gate, or a new one; weights, calibration and test vectors stay as they are.

    The test split is only asked how many of its images the gate refuses, once per version.

    Raises
    ------
    RunUnusable
        The bundle was trained on other data, or has this version already.
    """
    classifier = load_classifier(folder)
    old = classifier.manifest
    if old.version == version:
        raise RunUnusable(f"{folder}: is version {version} already; a gate needs a new version")
    if old.training_data_sha256 != prepared.data_sha256:
        raise RunUnusable(f"{folder}: was trained on other data than the given folder")
    fitted = fit_gate(
        classifier.network,
        old.architecture,
        train=prepared.part("train"),
        validation=prepared.part("validation"),
        test=prepared.part("test"),
    )
    manifest = old.model_copy(
        update={
            "version": version,
            "created": created,
            "calibrated": old.calibrated_on,
            "gate": fitted.record,
        }
    )
    card = card_with_gate((folder / CARD_FILE).read_text(encoding="utf-8"), old, manifest)
    kept = {name: (folder / name).read_bytes() for name in (WEIGHTS_FILE, VECTORS_FILE)}
    (out / MANIFEST_FILE).unlink(missing_ok=True)  # from here until the end it is no bundle
    for name, content in kept.items():
        write_file(out / name, content)
    _write_gate(fitted.gate, out)
    write_file(out / CARD_FILE, card.encode())
    write_file(out / METADATA_FILE, as_json(metadata(manifest)))
    write_file(out / INFERENCE_FILE, as_json(inference_config(manifest)))
    return _seal(manifest, out)


def _seal(manifest: BundleManifest, folder: Path) -> BundleManifest:
    hashes = {name: file_sha256(folder / name) for name in files_of(manifest)}
    write_manifest(manifest.model_copy(update={"sha256": hashes}), folder)
    return load_classifier(folder).manifest


def _write_gate(gate: Gate, folder: Path) -> None:
    write_file(folder / GATE_FILE, to_safetensors(gate_tensors(gate)))


def half_precision(network: RadiographNet) -> dict[str, torch.Tensor]:
    """Weights in 16 bits; batch statistics and biases, which are few, stay in 32."""
    return {
        name: (value.half() if value.ndim > 1 else value).cpu().contiguous()
        for name, value in network.state_dict().items()
    }


def _write_vectors(classifier: Classifier, vectors: torch.Tensor, folder: Path) -> None:
    probabilities = classifier.probabilities(vectors.float() / 255.0)
    content = {"images": vectors, "probabilities": torch.from_numpy(probabilities)}
    write_file(folder / VECTORS_FILE, to_safetensors(content))


def _refuse_second_measurement(folder: Path, identity: Identity) -> None:
    if not (folder / MANIFEST_FILE).exists():
        return
    old = read_manifest(folder)
    if old.version == identity.version and any(f.split == "test" for f in old.figures):
        raise RunUnusable(
            f"{folder}: version {old.version} has been measured on the test split; "
            "publish under a new version"
        )


def _record(split: str, measured: Figures) -> BundleFigures:
    values = {
        name: value
        for name, value in asdict(measured).items()
        if name in BundleFigures.model_fields
    }
    auc = FigureWithInterval(**asdict(measured.auc))
    return BundleFigures.model_validate(values | {"split": split, "auc": auc})


def _manifest(
    finished: FinishedRun, identity: Identity, calibration: Calibration, settings: PublishSettings
) -> BundleManifest:
    return BundleManifest(
        name=identity.name,
        version=identity.version,
        created=identity.created,
        calibrated=identity.created,
        architecture=finished.recipe.architecture,
        labels=THREE_CLASS_NAMES
        if finished.recipe.classes == len(THREE_CLASS_NAMES)
        else BINARY_NAMES,
        codes=(
            BundleCode(value=PNEUMONIA.value, scheme=PNEUMONIA.scheme, meaning=PNEUMONIA.meaning),
        ),
        decision_threshold=calibration.threshold,
        calibration_temperature=calibration.temperature,
        averages_flip=settings.averages_flip,
        preprocessing_version=PREPROCESSING_VERSION,
        population=POPULATION,
        training_data=TRAINING_DATA,
        training_data_sha256=finished.data_sha256,
        figures=(),
        vector_tolerance=VECTOR_TOLERANCE,
        sha256={},
    )
