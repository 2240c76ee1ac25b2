"""A bundle is loaded only if every byte is what was published."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle.config_parser import ConfigParser
from safetensors.torch import load_file

from inference.bundle import (
    CARD_FILE,
    HASHED_FILES,
    MANIFEST_FILE,
    METADATA_FILE,
    WEIGHTS_FILE,
    read_manifest,
    verify_bundle,
)
from inference.errors import BundleInvalid
from inference.model import largest_vector_difference, load_classifier, verify_vectors
from tests.builders.kaggle import kaggle_folder
from tests.builders.published_bundles import a_bundle
from training.dataset import PreparedSet, prepare
from training.errors import RunUnusable
from training.publish import add_gate


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedSet:
    return prepare(kaggle_folder(tmp_path_factory.mktemp("kaggle")), seed=1)


@pytest.fixture(scope="module")
def published(prepared: PreparedSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    a_bundle(folder, prepared)
    return folder


@pytest.fixture
def bundle(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "bundle"))


def change_manifest(bundle: Path, **changes: Any) -> None:
    path = bundle / MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_manifest_tells_who_the_model_is_for(bundle: Path) -> None:
    manifest = verify_bundle(bundle)

    assert (manifest.population.min_age_years, manifest.population.max_age_years) == (1, 5)
    assert manifest.population.view == "AP"
    assert manifest.labels[0] == "normal"
    assert [code.value for code in manifest.codes] == ["233604007"]
    assert [figures.split for figures in manifest.figures] == [
        "validation",
        "shifted validation",
        "test",
    ]


@pytest.mark.parametrize("name", HASHED_FILES)
def test_one_changed_byte_anywhere_is_refused(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[-1] ^= 1
    (bundle / name).write_bytes(content)

    with pytest.raises(BundleInvalid, match=name):
        verify_bundle(bundle)


@pytest.mark.parametrize("name", [*HASHED_FILES, MANIFEST_FILE])
def test_a_missing_file_is_refused(bundle: Path, name: str) -> None:
    (bundle / name).unlink()

    with pytest.raises(BundleInvalid, match=name):
        load_classifier(bundle)


def test_a_manifest_without_the_weights_hash_is_refused(bundle: Path) -> None:
    hashes = dict(read_manifest(bundle).sha256)
    del hashes[WEIGHTS_FILE]
    change_manifest(bundle, sha256=hashes)

    with pytest.raises(BundleInvalid, match="no hash"):
        verify_bundle(bundle)


def test_a_manifest_that_points_outside_is_refused(bundle: Path) -> None:
    hashes = dict(read_manifest(bundle).sha256) | {"../secret": "0" * 64}
    change_manifest(bundle, sha256=hashes)

    with pytest.raises(BundleInvalid, match="outside"):
        verify_bundle(bundle)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"decision_threshold": "high"}, "decision_threshold"),
        ({"surprise": 1}, "surprise"),
        ({"population": {"min_age_years": 1}}, "population"),
    ],
)
def test_an_ill_formed_manifest_names_the_key(
    bundle: Path, changes: dict[str, Any], named: str
) -> None:
    change_manifest(bundle, **changes)

    with pytest.raises(BundleInvalid, match=named):
        read_manifest(bundle)


def test_a_bundle_for_another_preprocessing_is_refused(bundle: Path) -> None:
    change_manifest(bundle, preprocessing_version="older/1")

    with pytest.raises(BundleInvalid, match="older/1"):
        load_classifier(bundle)


def test_probabilities_are_calibrated_and_the_batch_does_not_matter(bundle: Path) -> None:
    classifier = load_classifier(bundle)
    batch = torch.rand(3, 1, 224, 224, generator=torch.Generator().manual_seed(1))

    together = classifier.probabilities(batch)
    alone = np.concatenate([classifier.probabilities(image[None]) for image in batch])

    assert together.shape == (3,)
    assert together == pytest.approx(alone, abs=1e-5)
    with torch.no_grad():
        scores = classifier.network(batch).double()
    odds = scores[:, 1:].exp().sum(dim=1) / scores[:, 0].exp()
    expected = 1 / (1 + odds ** (-1 / classifier.manifest.calibration_temperature))
    assert together == pytest.approx(expected.numpy(), abs=1e-5)


def test_averaging_the_flip_makes_mirrored_images_equal(bundle: Path) -> None:
    change_manifest(bundle, averages_flip=True)
    classifier = load_classifier(bundle)
    batch = torch.rand(2, 1, 224, 224, generator=torch.Generator().manual_seed(1))

    assert classifier.probabilities(batch) == pytest.approx(
        classifier.probabilities(batch.flip(3)), abs=1e-6
    )


def test_features_and_weights_explain_the_score(bundle: Path) -> None:
    classifier = load_classifier(bundle)
    features = classifier.features_and_probabilities(torch.rand(1, 1, 224, 224)).features

    assert features.shape[2:] == (7, 7)
    assert classifier.pneumonia_weights.shape == (features.shape[1],)


def test_test_vectors_are_met_and_a_wrong_one_is_refused(bundle: Path) -> None:
    classifier = load_classifier(bundle)

    assert largest_vector_difference(classifier, bundle) < 1e-4
    with torch.no_grad():
        classifier.network.head.bias[0] += 5
    with pytest.raises(BundleInvalid, match="vector"):
        verify_vectors(classifier, bundle)


def test_weights_are_half_precision_and_no_pickle(bundle: Path) -> None:
    weights = load_file(bundle / WEIGHTS_FILE)

    assert {value.dtype for value in weights.values() if value.ndim > 1} == {torch.float16}


def test_monai_reads_the_configuration(bundle: Path) -> None:
    parser = ConfigParser()
    parser.read_config(bundle / "configs" / "inference.json")
    parser["bundle_root"] = str(bundle)

    assert parser.get_parsed_content("classifier").manifest.name == "untrained"
    metadata = json.loads((bundle / METADATA_FILE).read_text())
    assert metadata["network_data_format"]["inputs"]["image"]["spatial_shape"] == [224, 224]


def test_a_version_is_measured_on_the_test_split_only_once(
    bundle: Path, prepared: PreparedSet
) -> None:
    with pytest.raises(RunUnusable, match="new version"):
        a_bundle(bundle, prepared)

    assert a_bundle(bundle, prepared, version="1.0.1").version == "1.0.1"


def test_a_bundle_of_before_there_was_a_date_was_calibrated_when_it_was_made(
    bundle: Path, tmp_path: Path
) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest.pop("calibrated") == manifest["created"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert read_manifest(tmp_path).calibrated_on == read_manifest(bundle).created


def test_a_gate_is_added_to_a_bundle_without_touching_its_weights(
    bundle: Path, prepared: PreparedSet, tmp_path: Path
) -> None:
    old, out = read_manifest(bundle), tmp_path / "gated"
    with pytest.raises(RunUnusable, match="new version"):
        add_gate(bundle, prepared, out, version=old.version, created=date(2026, 1, 3))

    new = add_gate(bundle, prepared, out, version="1.0.7", created=date(2026, 1, 3))

    assert (new.version, new.weights_sha256) == ("1.0.7", old.weights_sha256)
    assert new.figures == old.figures
    assert (new.created, new.calibrated_on) == (date(2026, 1, 3), old.calibrated_on)
    assert new.gate is not None
    assert [one.split for one in new.gate.figures] == ["validation", "varied validation", "test"]
    verify_vectors(load_classifier(out), out)
    card = (out / CARD_FILE).read_text()
    assert card.startswith("# untrained 1.0.7\n")
    assert card.count("## What it refuses to look at") == 1
