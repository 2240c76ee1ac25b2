"""The texts of a bundle: model card, MONAI metadata and MONAI inference configuration."""

import json
from importlib.metadata import version
from typing import Any

from inference.bundle import WEIGHTS_FILE, BundleFigures, BundleManifest
from inference.preprocessing import INPUT_SIZE
from training.run import FinishedRun, Origin

METADATA_SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20240725.json"
)
AUTHORS = "The Hilum authors"

CARD = """# {m.name} {m.version}

A {m.architecture} that gives one frontal chest radiograph a calibrated probability of pneumonia.
Published {m.created}. **Research software, not a medical device.**

## For whom
Children of {m.population.min_age_years} to {m.population.max_age_years} years,
{m.population.view} view, one hospital: {m.population.site}.
Nothing here says anything about adults or other sites.

## Data
{m.training_data}.
SHA-256 over the training split: `{m.training_data_sha256}`.
Train and validation are divided by patient, byte-identical images kept together. In the official
split 170 `personN` keys stand in both train and test; whether these are the same children is not
known, so the test figures may be somewhat too good. The share of pneumonia differs between the
splits (74 % in train, 62.5 % in test).

## Input and output
{size} x {size} grey, squashed, histogram equalised (`{m.preprocessing_version}`).
Outputs {labels}; P(pneumonia) = 1 - P(normal), temperature {m.calibration_temperature:.3f}.
Pneumonia is called from {m.decision_threshold:.4f} on. The probability refers to a mix in which the
classes are equally frequent. Mirrored image averaged in: {mirrored}.

## Training
From {beginning}: {stages}{finish}; {recipe.optimizer}, learning rate
{recipe.learning_rate:g}, {recipe.schedule} schedule, batch {recipe.batch_size}, seed {recipe.seed},
weights averaged with decay {recipe.ema_decay:g}{averaged}.
Validation images are also scored changed in brightness, cropping, sharpness and aspect ("shifted");
{calibrated}

## Figures at the threshold above
| split | images | AUC (95 % bounds) | accuracy | sensitivity | specificity | precision | F1 | ECE |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

The official test split was scored once for this version, after everything else was fixed.

{gate}## Limits
Trained on one hospital's pictures, reduced to 224 x 224 JPEG, labelled by folder. It knows no other
disease, no lateral view, no line or tube; other findings may be called pneumonia or normal. A site
should measure it on its own cases before it lets anyone see a result.
"""

_LIMITS = "## Limits\n"
_GATE_TITLE = "## What it refuses to look at\n"
GATE = f"""{_GATE_TITLE}Before any score counts, every image passes a gate that refuses what is no
upright frontal chest radiograph. It compares features of the same forward pass, and a small copy of
the image, with those of {{gate.images}} training images, plain and varied in position, cropping,
aspect, tone, sharpness and noise. Its two thresholds let at most {{target}} of the plain and varied
validation images be refused. How many chest radiographs it refuses, each of them wrongly:

| split | images | refused | share |
| --- | --- | --- | --- |
{{rows}}

The test split was counted once for this version. The gate is no proof: a lateral chest radiograph
was never measured, adults hardly, and what resembles a chest closely enough passes.

"""

Json = dict[str, Any]  # a JSON object as a library outside this house defines it


def as_json(content: Json) -> bytes:
    """Indented JSON with a final line feed."""
    return f"{json.dumps(content, indent=2)}\n".encode()


def metadata(manifest: BundleManifest) -> Json:
    """`configs/metadata.json` by MONAI's bundle schema."""
    return {
        "schema": METADATA_SCHEMA,
        "version": manifest.version,
        "changelog": {manifest.version: f"published {manifest.created.isoformat()}"},
        "monai_version": version("monai"),
        "pytorch_version": version("torch"),
        "numpy_version": version("numpy"),
        "required_packages_version": {p: version(p) for p in ("torchvision", "safetensors")},
        "name": manifest.name,
        "task": "Classification of paediatric chest radiographs: pneumonia or not",
        "description": f"{manifest.architecture} on equalised grey images, calibrated",
        "authors": AUTHORS,
        "copyright": AUTHORS,
        "intended_use": "Research and technical integration; not a medical device",
        "data_source": manifest.training_data,
        "data_type": "jpeg",
        "image_classes": "one-channel radiograph, prepared by inference.preprocessing",
        "label_classes": ", ".join(manifest.labels),
        "network_data_format": {
            "inputs": {"image": _image_format()},
            "outputs": {"pred": _prediction_format(manifest)},
        },
    }


def _image_format() -> Json:
    return {
        "type": "image",
        "format": "magnitude",
        "modality": "CR",
        "num_channels": 1,
        "spatial_shape": [INPUT_SIZE, INPUT_SIZE],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": {"0": "grey"},
    }


def _prediction_format(manifest: BundleManifest) -> Json:
    return {
        "type": "probabilities",
        "format": "classes",
        "num_channels": len(manifest.labels),
        "spatial_shape": [1, 1],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": {str(i): label for i, label in enumerate(manifest.labels)},
    }


def inference_config(manifest: BundleManifest) -> Json:
    """`configs/inference.json`: what MONAI's ConfigParser needs to score with this bundle."""
    return {
        "imports": ["$from pathlib import Path", "$import inference.preprocessing"],
        "bundle_root": ".",
        "weights": WEIGHTS_FILE,
        "network_def": {
            "_target_": "inference.network.build_network",
            "architecture": manifest.architecture,
            "outputs": len(manifest.labels),
        },
        "preprocessing": "$inference.preprocessing.to_model_input",
        "classifier": {
            "_target_": "inference.model.load_classifier",
            "folder": "$Path(@bundle_root)",
        },
    }


def model_card(
    manifest: BundleManifest, finished: FinishedRun, calibrated_by: Origin | None = None
) -> str:
    """`docs/README.md`: what the model is, for whom, how good, and where it ends.

    Parameters
    ----------
    calibrated_by
        The run that temperature and threshold were chosen by, if not the network itself.
    """
    recipe = finished.recipe
    return CARD.format(
        beginning=_beginning(finished),
        averaged=(
            f",\nthen {finished.averaged_share:.0%} of {_named(finished.averaged_with)} mixed in"
            if finished.averaged_with
            else ""
        ),
        m=manifest,
        recipe=recipe,
        size=INPUT_SIZE,
        stages=", then ".join(f"{s.epochs} epochs at {s.size} px" for s in recipe.stages),
        finish=(
            f", then {recipe.finish.epochs} on nearly unchanged images without mixup"
            if recipe.finish
            else ""
        ),
        labels=", ".join(manifest.labels),
        mirrored="yes" if manifest.averages_flip else "no",
        calibrated=_calibrated(calibrated_by),
        rows="\n".join(_row(figures) for figures in manifest.figures),
        gate=gate_section(manifest),
    )


def gate_section(manifest: BundleManifest) -> str:
    """Return what the card says of the gate; nothing where there is none."""
    if manifest.gate is None:
        return ""
    rows = "\n".join(
        f"| {one.split} | {one.images} | {one.refused} | {one.refused / one.images:.2%} |"
        for one in manifest.gate.figures
    )
    target = f"{manifest.gate.target_false_refusals:.1%}"
    return GATE.format(gate=manifest.gate, target=target, rows=rows)


def card_with_gate(card: str, old: BundleManifest, new: BundleManifest) -> str:
    """Return a card for the same weights under a new version, with what its gate refuses."""
    before, limits, after = card.partition(_LIMITS)
    before = before.partition(_GATE_TITLE)[0]
    renamed = before.replace(f"# {old.name} {old.version}\n", f"# {new.name} {new.version}\n", 1)
    dated = renamed.replace(f"Published {old.created}.", f"Published {new.created}.", 1)
    return f"{dated}{gate_section(new)}{limits}{after}"


def _calibrated(by: Origin | None) -> str:
    if by is None:
        return "temperature and threshold come from both."
    return (
        f"temperature and threshold come from {_named(by)}, a network of the same kind\n"
        "that was trained without the lowest film numbers: the temperature from its answers to\n"
        "those, plain and changed, the threshold from the plain ones, which are of another time\n"
        '("film block"; these lines are that network\'s figures).'
    )


def _beginning(finished: FinishedRun) -> str:
    text = "random weights"
    if finished.began_with:
        text = f"the weights of {_named(finished.began_with)}"
    if finished.taught_by:
        text += f", taught by {' and '.join(_named(origin) for origin in finished.taught_by)}"
    return text


def _named(origin: Origin) -> str:
    return f"{origin.name} (SHA-256 `{origin.sha256}`)" if origin.sha256 else origin.name


def _row(f: BundleFigures) -> str:
    auc = f"{f.auc.value:.4f} ({f.auc.low:.4f}-{f.auc.high:.4f})"
    rest = (f.accuracy, f.sensitivity, f.specificity, f.precision, f.f1)
    cells = " | ".join(f"{value:.4f}" for value in rest)
    return f"| {f.split} | {f.images} | {auc} | {cells} | {f.expected_calibration_error:.4f} |"
