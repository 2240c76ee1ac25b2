"""The engines give the same, and one that does not is not used."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from structlog.testing import capture_logs

from config.settings import ModelSettings, load_settings
from inference.bundle import SHIPPED_BUNDLES
from inference.engine import Pass, PyTorchEngine
from inference.errors import BundleInvalid
from inference.gate import GATE_TAPS, is_stranger
from inference.model import Classifier, load_classifier
from inference.network import ARCHITECTURES, build_network
from inference.openvino_engine import OpenVinoEngine
from inference.pixels import read_raster
from inference.preprocessing import INPUT_SIZE, to_model_input
from inference.served import load_served
from tests.builders.bundles import a_manifest, write_bundle

SHIPPED = SHIPPED_BUNDLES / "default"
# PyTorch and OpenVINO add up in other orders.
ROUNDING = 1e-4
MOST_SHIFT = 0.01


def images(count: int) -> torch.Tensor:
    chance = torch.Generator().manual_seed(count)
    return torch.rand(count, 1, INPUT_SIZE, INPUT_SIZE, generator=chance)


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_every_architecture_gives_the_same_on_both(architecture: str) -> None:
    torch.manual_seed(3)
    network = build_network(architecture, outputs=3)
    _calibrate_norms(network)
    tap = GATE_TAPS[architecture]
    converted = OpenVinoEngine(network, tap, precision="float32")
    trained = PyTorchEngine(network, tap)
    assert converted.name == "openvino float32 on cpu"
    assert trained.name == "pytorch float32 on cpu"
    for count in (1, 3):
        batch = images(count)
        assert_same(converted(batch), trained(batch))


def test_an_answer_outlives_the_next() -> None:
    network = build_network("mobilenet_v2", outputs=3)
    engine = OpenVinoEngine(network, GATE_TAPS["mobilenet_v2"], precision="float32")
    first = engine(images(2))
    kept = Pass(
        features=first.features.copy(), scores=first.scores.clone(), tapped=tapped(first).clone()
    )
    engine(images(3))
    assert_same(first, kept)


def test_without_a_gate_nothing_is_tapped() -> None:
    network = build_network("mobilenet_v2", outputs=3)
    for engine in (OpenVinoEngine(network, None), PyTorchEngine(network, None)):
        assert engine(images(1)).tapped is None


def test_openvino_reports_to_nobody() -> None:
    """Its makers hear of its use where their package is found; it is not looked for."""
    watched = """
import sys
looked_for = []
class Finder:
    def find_spec(self, name, *_):
        if name.startswith("openvino_telemetry"): looked_for.append(name)
sys.meta_path.insert(0, Finder())
from inference.network import build_network
from inference.openvino_engine import OpenVinoEngine
OpenVinoEngine(build_network("mobilenet_v2"), None)
assert "openvino" in sys.modules
print(looked_for)
"""
    done = subprocess.run(
        [sys.executable, "-c", watched], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


def test_the_shipped_bundle_is_served_by_openvino_and_the_settings_may_choose() -> None:
    assert load_served(SHIPPED, settings(), threads=1).engine_name in {
        "openvino bfloat16 on cpu",
        "openvino float32 on cpu",
    }
    exact = load_served(SHIPPED, settings(precision="float32"), threads=1)
    assert exact.engine_name == "openvino float32 on cpu"
    assert (
        load_served(SHIPPED, settings(engine="pytorch"), threads=1).engine_name
        == "pytorch float32 on cpu"
    )


class Dimmed(OpenVinoEngine):
    """Gives other scores than it should, as broken vector instructions would."""

    def __call__(self, batch: torch.Tensor) -> Pass:
        right = super().__call__(batch)
        return Pass(features=right.features, scores=right.scores / 3, tapped=right.tapped)


def test_an_engine_that_answers_wrongly_here_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("inference.served.OpenVinoEngine", Dimmed)
    with capture_logs() as logs:
        classifier = load_served(SHIPPED, settings(precision="float32"), threads=1)
    assert classifier.engine_name == "pytorch float32 on cpu"
    assert [(one["log_level"], one["engine"]) for one in logs] == [
        ("warning", "openvino float32 on cpu")
    ]
    assert "a test vector is off by" in logs[0]["error"]


def test_a_bundle_whose_vectors_nothing_meets_is_not_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    monkeypatch.setattr("inference.model.largest_vector_difference", lambda *_: float("nan"))
    with pytest.raises(BundleInvalid, match="a test vector is off by nan"):
        load_served(bundle, settings(), threads=1)


def test_mirrored_images_are_averaged_on_any_engine() -> None:
    torch.manual_seed(3)
    network = build_network("resnet18", outputs=3)
    manifest = a_manifest().model_copy(update={"averages_flip": True, "architecture": "resnet18"})
    batch = images(2)
    answers = [
        Classifier(network, manifest, make_engine=make).probabilities(batch)
        for make in (
            lambda network, tap: OpenVinoEngine(network, tap, precision="float32"),
            PyTorchEngine,
        )
    ]
    assert np.abs(answers[0] - answers[1]).max() < ROUNDING
    plain = Classifier(network, a_manifest()).probabilities(batch)
    assert np.abs(answers[1] - plain).max() > 0


@pytest.mark.data
def test_no_real_image_is_decided_otherwise_than_pytorch_decides(test_data: Path) -> None:
    """The official test split, all 624 images: this compares engines, no label is read."""
    files = sorted((test_data / "chest_xray_224" / "test").rglob("*.jp*g"))
    assert len(files) == 624
    inputs = [to_model_input(read_raster(file.read_bytes())) for file in files]
    trained = answers(load_classifier(SHIPPED), inputs)
    served = answers(load_served(SHIPPED, settings(), threads=1), inputs)
    threshold = load_classifier(SHIPPED).manifest.decision_threshold
    assert np.abs(served[0] - trained[0]).max() <= MOST_SHIFT
    assert np.array_equal(served[0] >= threshold, trained[0] >= threshold)
    assert [is_stranger(one) for one in served[1]] == [is_stranger(one) for one in trained[1]]


def answers(
    classifier: Classifier, inputs: Sequence[torch.Tensor]
) -> tuple[np.ndarray, np.ndarray]:
    scores = [
        classifier.features_and_probabilities(torch.stack(list(inputs[start : start + 16])))
        for start in range(0, len(inputs), 16)
    ]
    strangeness = [one.strangeness for one in scores if one.strangeness is not None]
    assert len(strangeness) == len(scores)
    return np.concatenate([one.probabilities for one in scores]), np.concatenate(strangeness)


def settings(**changes: str) -> ModelSettings:
    return load_settings().model.model_copy(update=changes)


def assert_same(one: Pass, other: Pass) -> None:
    for left, right in (
        (one.features, other.features),
        (one.scores.numpy(), other.scores.numpy()),
        (tapped(one).numpy(), tapped(other).numpy()),
    ):
        assert left.shape == right.shape
        assert left.dtype == np.float32
        scale = max(1.0, float(np.abs(right).max()))
        assert float(np.abs(left - right).max()) <= ROUNDING * scale
        assert np.ptp(left) > 0


def tapped(seen: Pass) -> torch.Tensor:
    assert seen.tapped is not None
    return seen.tapped


def _calibrate_norms(network: torch.nn.Module) -> None:
    """Give batch statistics of real activations: untrained ones hardly let anything through."""
    network.train()
    with torch.inference_mode():
        network(images(4))
    network.eval()
