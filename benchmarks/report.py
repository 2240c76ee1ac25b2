"""What a report costs against highdicom's own call, and a heat map against a forward pass.

Run by hand: ``python -m benchmarks.report``. Processor time, medians of alternating rounds in one
process, so that what else the machine does touches both sides alike.
"""

import io
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from pydicom.dataset import Dataset

from archive.records import Presence
from benchmarks.straightforward_report import straightforward_report
from inference.explanation import activation_map, draw
from inference.labels import THREE_CLASS_NAMES
from inference.model import Classifier
from inference.network import build_network
from inference.report.document import encode
from tests.builders.bundles import a_manifest
from tests.builders.radiographs import drawn_chest, radiograph
from tests.builders.reports import a_finding, an_ai_result, an_author

ROUNDS = 5
REPEATS = 20
BATCH = 8


def main() -> None:
    """Print the figures."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    _compare_reports()
    _compare_heat_maps()


def _compare_reports() -> None:
    source, author = radiograph(), an_author()
    finding = a_finding(source, Presence.PRESENT)
    ours, theirs = _alternate(
        lambda: encode(an_ai_result(source, author=author)),
        lambda: encode_plainly(straightforward_report(source, finding, author)),
        repeats=REPEATS,
    )
    print(f"AI SR, build and write: {ours:.1f} ms; highdicom's own way {theirs:.1f} ms")
    print(f"ratio {theirs / ours:.1f} x (at least 2, aim 4)")


def encode_plainly(ds: Dataset) -> bytes:
    """Write a data set with pydicom's defaults."""
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _compare_heat_maps() -> None:
    torch.manual_seed(1)
    network = build_network("resnet18", outputs=len(THREE_CLASS_NAMES))
    classifier = Classifier(network, a_manifest())
    batch = torch.rand(BATCH, 1, 224, 224)
    large = np.kron(drawn_chest() >> 4, np.ones((8, 8))).astype(np.uint8)

    def explained() -> None:
        scores = classifier.features_and_probabilities(batch)
        for features in scores.features:
            activation_map(features, classifier.pneumonia_weights)

    explain, plain = _alternate(explained, lambda: classifier.probabilities(batch), repeats=2)
    print(
        f"forward pass with maps {explain / BATCH:.1f} ms per image; without {plain / BATCH:.1f} ms"
    )
    print(f"ratio {explain / plain:.2f} x (at most 1.3)")
    activation = np.eye(7, dtype=np.float32)
    drawn, _ = _alternate(lambda: draw(large, activation, ("AI",)), lambda: None, repeats=5)
    print(f"drawing over {large.shape[0]} x {large.shape[1]}: {drawn:.1f} ms")


def _alternate(
    first: Callable[[], object], second: Callable[[], object], *, repeats: int
) -> tuple[float, float]:
    """Milliseconds of processor time of each, medians over alternating rounds."""
    first(), second()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for action, taken in zip((first, second), times, strict=True):
            for _ in range(repeats):
                start = time.process_time()
                action()
                taken.append((time.process_time() - start) * 1000)
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    main()
