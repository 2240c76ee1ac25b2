"""Writes the sample pictures that ship with the project, and the text that says what they are."""

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image

from inference.model import Classifier
from training.dataset import PreparedSet
from training.disk import write_file
from training.synthesis import (
    COMPONENTS,
    NEAREST_ALLOWED,
    SAMPLE_COLUMNS,
    SAMPLE_ROWS,
    SPREAD,
    Sample,
    draw_limb,
    synthesise,
)

PER_CLASS = 3
LIMB_NAME = "limb-1"
README = """# Sample radiographs

None of these pictures is a radiograph of anyone. `hilum demo` and the tests use them; they say
nothing about how good the model is, since they were drawn until it was sure of them.

- `pneumonia-N.png`, `normal-N.png`: for each class, a principal component analysis was fitted to
  the prepared training split ({components} components of {count} images in all), and the
  coefficients were drawn from a Gaussian with {spread} of their spread (seed {seed}). Every
  picture mixes all training images of its class. A draw was kept if the model below takes it
  for what it is meant to be, and if its correlation with every single training image is at most
  {nearest}.
- `{limb}.png`: a lower leg drawn from two rods; it must never be scored.

All are {rows} rows by {columns} columns, 8-bit grey. Made by `hilum train samples` from data with
SHA-256 `{data}` and the model with weights `{weights}`.

| picture | P(pneumonia) | nearest training image (correlation) | SHA-256 of the file |
| --- | --- | --- | --- |
{table}
"""


def write_samples(
    prepared: PreparedSet, classifier: Classifier, folder: Path, *, seed: int
) -> dict[str, Sample]:
    """Draw and write all samples; the same set, model and seed give the same files.

    Raises
    ------
    TrainingError
        The model is not sure of enough draws.
    """
    train = prepared.part("train")
    samples: dict[str, Sample] = {}
    for kind, is_ill in (("pneumonia", True), ("normal", False)):
        drawn = synthesise(train, classifier, is_ill=is_ill, count=PER_CLASS, seed=seed)
        samples |= {f"{kind}-{number}": sample for number, sample in enumerate(drawn, start=1)}
    files = {name: as_png(sample.picture) for name, sample in samples.items()}
    files[LIMB_NAME] = as_png(draw_limb())
    for name, content in files.items():
        write_file(folder / f"{name}.png", content)
    text = README.format(
        components=COMPONENTS,
        count=len(train.names),
        spread=SPREAD,
        seed=seed,
        nearest=NEAREST_ALLOWED,
        limb=LIMB_NAME,
        rows=SAMPLE_ROWS,
        columns=SAMPLE_COLUMNS,
        data=prepared.data_sha256,
        weights=classifier.manifest.weights_sha256,
        table="\n".join(_line(name, files[name], samples.get(name)) for name in files),
    )
    write_file(folder / "README.md", text.encode())
    return samples


def as_png(picture: np.ndarray) -> bytes:
    """Encode a picture, uint8 (rows, columns), as a grey PNG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def _line(name: str, content: bytes, sample: Sample | None) -> str:
    digest = hashlib.sha256(content).hexdigest()
    if sample is None:
        return f"| {name} | never scored | | `{digest}` |"
    return f"| {name} | {sample.probability:.3f} | {sample.nearest_correlation:.3f} | `{digest}` |"
