"""Images per second of the shipped network on each engine, against plain PyTorch in 32 bits.

Run by hand on a quiet machine: ``python -m benchmarks.engines``. Medians of alternating rounds, two
threads. What an engine costs in certainty is in tests/unit/inference_model/test_engines.py.
"""

import statistics
import time
from collections.abc import Callable

import torch

from inference.bundle import SHIPPED_BUNDLES
from inference.engine import Engine, PyTorchEngine
from inference.model import load_classifier
from inference.network import build_network
from inference.openvino_engine import OpenVinoEngine, Precision
from inference.preprocessing import INPUT_SIZE

ROUNDS = 9
IMAGES_A_ROUND = 32
BATCHES = (1, 8, 32)
THREADS = 2
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
PLAIN = "pytorch as it comes"


def main() -> None:
    """Print one line per batch size and engine."""
    torch.set_num_threads(THREADS)
    classifier = load_classifier(SHIPPED_BUNDLES / "default")
    engines: list[Engine] = [
        PyTorchEngine(classifier.network, None),
        *(
            OpenVinoEngine(classifier.network, None, precision=precision, threads=THREADS)
            for precision in PRECISIONS
        ),
    ]
    plain = build_network(classifier.manifest.architecture, outputs=len(classifier.manifest.labels))
    ways: dict[str, Callable[[torch.Tensor], object]] = {
        PLAIN: torch.inference_mode()(plain.eval()),
        **{engine.name: engine for engine in engines},
    }
    for size in BATCHES:
        batch = torch.rand(size, 1, INPUT_SIZE, INPUT_SIZE)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(1 + ROUNDS):
            for name, look in ways.items():
                started = time.perf_counter()
                for _ in range(IMAGES_A_ROUND // size):
                    look(batch)
                taken[name].append(time.perf_counter() - started)
        speeds = {
            name: IMAGES_A_ROUND / statistics.median(all_taken[1:])
            for name, all_taken in taken.items()
        }
        for name, speed in speeds.items():
            print(f"batch {size:2}, {name}: {speed:.0f} images/s, {speed / speeds[PLAIN]:.2f} x")


if __name__ == "__main__":
    main()
