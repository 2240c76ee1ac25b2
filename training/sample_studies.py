"""The sample pictures that ship with the project, as studies to send.

Nobody's radiographs: see samples/README.md.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset

from training.dicomize import Subject, dicomize

SAMPLES = Path(__file__).with_name("samples")
AGE_YEARS = 3  # inside the training population
LIMB = "limb"


def sample_studies() -> Iterator[tuple[str, Dataset]]:
    """Yield a name and a CR object for each sample: pneumonia-like, normal-like, and a limb."""
    for file in sorted(SAMPLES.glob("*.png")):
        kind, _, number = file.stem.partition("-")
        subject = Subject(
            patient_name=f"Synthetic^{kind.title()} {number}",
            patient_id=f"SYNTHETIC-{file.stem.upper()}",
            patient_age_years=AGE_YEARS,
            study_description="Synthetic, nobody's radiograph",
            body_part="EXTREMITY" if kind == LIMB else "CHEST",
            laterality="L" if kind == LIMB else "",
        )
        with Image.open(file) as picture:
            yield file.stem, dicomize(np.asarray(picture.convert("L")), subject=subject)
