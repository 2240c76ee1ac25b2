"""The training commands from folder to bundle, as a user types them."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pydicom import dcmread
from safetensors.torch import load_file

from config.training import load_training_settings
from inference.bundle import CARD_FILE, verify_bundle
from inference.model import load_classifier
from inference.pixels import read_pixels
from inference.preprocessing import to_model_input
from tests.builders.kaggle import kaggle_folder
from tests.builders.training_commands import hilum_train, only_line, small_settings
from training.beginning import begin_with
from training.dataset import load
from training.fit import fit, new_network
from training.ranks import Ranks
from training.run import HISTORY_FILE, RUN_FILE, WEIGHTS_FILE, EpochFigures
from training.trainer import Batch


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kaggle_folder(tmp_path_factory.mktemp("kaggle"), train=32, test=8)


@pytest.fixture(scope="module")
def prepared(kaggle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    result = hilum_train("prepare", "--data", kaggle, "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return small_settings(tmp_path)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks lose more to waiting for each other's threads than they gain."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_prepare_writes_objects_that_serving_turns_into_the_cached_inputs(prepared: Path) -> None:
    loaded = load(prepared)
    objects = sorted((prepared / "objects").rglob("*.dcm"))

    assert len(objects) == len(loaded.examples) == 80
    for row in (0, 40, 70):
        example = loaded.examples[row]
        split = "test" if example.split == "test" else "train"
        [path] = (prepared / "objects" / split).rglob(f"{example.name}.dcm")
        served = to_model_input(read_pixels(dcmread(path)))[0].numpy()
        assert np.abs(served * 255 - loaded.images[row]).max() <= 0.5 + 1e-3


def test_prepared_and_raw_folders_give_the_same_set(kaggle: Path, prepared: Path) -> None:
    from training.dataset import open_data

    raw = open_data(kaggle, seed=load_training_settings().split_seed)
    loaded = load(prepared)

    assert raw.examples == loaded.examples
    assert raw.data_sha256 == loaded.data_sha256
    assert np.array_equal(raw.images, loaded.images)


def test_from_folder_to_published_bundle(prepared: Path, settings: Path, tmp_path: Path) -> None:
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    common = ("--data", prepared, "--settings", settings)

    fitted = hilum_train("fit", *common, "--run", run)
    published = hilum_train("publish", *common, "--run", run, "--out", bundle, "--version", "1.0.0")
    measured = hilum_train("evaluate", *common, "--bundle", bundle)
    again = hilum_train("publish", *common, "--run", run, "--out", bundle, "--version", "1.0.0")

    assert fitted.exit_code == published.exit_code == measured.exit_code == 0, published.output
    manifest = verify_bundle(bundle)
    assert manifest.training_data_sha256 == load(prepared).data_sha256
    figures = json.loads(measured.stdout)
    assert figures["images"] == 16
    recorded = next(figures for figures in manifest.figures if figures.split == "test")
    assert figures["auc"]["value"] == recorded.auc.value
    assert figures["specificity"] == recorded.specificity
    assert load_classifier(bundle).manifest == manifest
    assert "measured on the test split" in only_line(again)


def test_evaluate_takes_the_raw_folder(
    kaggle: Path, prepared: Path, settings: Path, tmp_path: Path
) -> None:
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    common = ("--settings", settings, "--data")
    hilum_train("fit", *common, prepared, "--run", run, "--epochs", 1)
    hilum_train(
        "publish", *common, prepared, "--run", run, "--out", bundle, "--version", "1", "--skip-test"
    )

    answers = [
        hilum_train("evaluate", *common, data, "--bundle", bundle, "--split", split).stdout
        for split in ("test", "validation")
        for data in (kaggle, prepared)
    ]

    assert answers[0] == answers[1]
    assert answers[2] == answers[3]
    assert answers[0] != answers[2]


def test_seed_recipe_learns_on_a_limited_set(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    data = kaggle_folder(tmp_path_factory.mktemp("many"), train=230, test=1)

    result = hilum_train(
        "fit", "--recipe", "seed", "--data", data, "--run", tmp_path, "--limit", 400, "--epochs", 1
    )

    assert result.exit_code == 0, result.output
    [figures] = json.loads((tmp_path / HISTORY_FILE).read_text())
    assert figures["size"] == 224
    assert figures["train_auc"] > 0.5
    assert figures["validation_auc"] > 0.8  # drawn pictures are easy


class Killed(BaseException):
    """Stands for a signal in the middle of an epoch."""


def test_interrupted_run_ends_with_the_same_figures(
    prepared: Path, settings: Path, tmp_path: Path
) -> None:
    data, recipe = load(prepared), load_training_settings(settings).recipes["hilum"]
    alone = Ranks(device=torch.device("cpu"))

    def interrupt(batches: Iterable[Batch], epoch: int, _count: int) -> Iterator[Batch]:
        for place, batch in enumerate(batches):
            if (epoch, place) == (1, 2):
                raise Killed
            yield batch

    whole = fit(data, recipe, tmp_path / "whole", ranks=alone)
    with pytest.raises(Killed):
        fit(data, recipe, tmp_path / "cut", ranks=alone, step_bar=interrupt)
    resumed = fit(data, recipe, tmp_path / "cut", ranks=alone, resume=True)

    def results(history: list[EpochFigures]) -> list[dict[str, float]]:
        timeless = {"seconds", "loading_fraction", "fetching_fraction"}
        return [{k: v for k, v in vars(f).items() if k not in timeless} for f in history]

    assert len(resumed) == recipe.epochs
    assert results(resumed) == results(whole)
    same = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "cut")]
    assert same[0] == same[1]


def test_a_run_begins_with_the_weights_of_a_bundle_and_the_card_says_so(
    prepared: Path, settings: Path, tmp_path: Path
) -> None:
    first, bundle, second = (tmp_path / name for name in ("first", "bundle", "second"))
    common = ("--data", prepared, "--settings", settings)
    hilum_train("fit", *common, "--run", first, "--epochs", 1)
    hilum_train(
        "publish", *common, "--run", first, "--out", bundle, "--version", "1.0.0", "--skip-test"
    )

    fitted = hilum_train("fit", *common, "--run", second, "--epochs", 1, "--begin-with", bundle)
    hilum_train(
        *("publish", *common, "--run", second, "--skip-test"),
        *("--out", tmp_path / "next", "--version", "1.1.0"),
    )

    assert fitted.exit_code == 0, fitted.output
    digest = verify_bundle(bundle).weights_sha256
    record = json.loads((second / RUN_FILE).read_text())
    assert record["began_with"] == {"name": "default 1.0.0", "sha256": digest}
    card = (tmp_path / "next" / CARD_FILE).read_text()
    assert f"From the weights of default 1.0.0 (SHA-256 `{digest}`)" in card
    assert "From random weights" in (bundle / CARD_FILE).read_text()
    begun = new_network(
        load_training_settings(settings).recipes["hilum"], begin_with(str(bundle), bundle.parent)
    )
    published = load_classifier(bundle).network.state_dict()
    assert all(torch.equal(begun.state_dict()[name], published[name]) for name in published)
    line = only_line(hilum_train("fit", *common, "--run", second, "--epochs", 1, "--resume"))
    assert "weights" in line


def test_the_mean_of_two_networks_is_a_run_and_its_card_says_so(
    prepared: Path, settings: Path, tmp_path: Path
) -> None:
    common = ("--data", prepared, "--settings", settings)
    first, second, mean = (tmp_path / name for name in ("first", "second", "mean"))
    hilum_train("fit", *common, "--run", first, "--epochs", 1)
    hilum_train("fit", *common, "--run", second, "--epochs", 1, "--begin-with", first)

    averaged = ("average", "--run", second, "--with", first, "--out", mean, "--share", 0.25)
    result = hilum_train(*averaged)
    again = hilum_train(*averaged)
    hilum_train(
        *("publish", *common, "--run", mean, "--skip-test"),
        *("--out", tmp_path / "bundle", "--version", "1.0.0"),
    )

    assert result.exit_code == 0, result.output
    one, two, between = (load_file(run / WEIGHTS_FILE) for run in (first, second, mean))
    for name, value in between.items():
        if value.is_floating_point():
            expected = 0.75 * two[name] + 0.25 * one[name]
            assert torch.allclose(value, expected, atol=1e-5), name
    card = (tmp_path / "bundle" / CARD_FILE).read_text()
    assert "then 25% of run first (SHA-256" in card
    assert "holds a run already" in only_line(again)


def test_weights_of_another_architecture_are_refused(
    prepared: Path, settings: Path, tmp_path: Path
) -> None:
    common = ("fit", "--data", prepared, "--settings", settings)
    hilum_train(*common, "--run", tmp_path / "first", "--epochs", 1)

    other = (*common, "--run", tmp_path / "other", "--recipe", "seed", "--begin-with")
    assert "run first" in only_line(hilum_train(*other, tmp_path / "first"))
    assert "no-such" in only_line(hilum_train(*other, "no-such"))
    assert not (tmp_path / "other").exists()


def test_resume_refuses_another_recipe_and_a_second_run_its_folder(
    prepared: Path, settings: Path, tmp_path: Path
) -> None:
    base = ("fit", "--data", prepared, "--settings", settings, "--run", tmp_path / "run")
    assert hilum_train(*base, "--epochs", 1).exit_code == 0

    assert "--resume" in only_line(hilum_train(*base, "--epochs", 1))
    line = only_line(hilum_train(*base, "--epochs", 2, "--resume"))
    assert RUN_FILE in line


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (("fit", "--recipe", "none"), "none"),
        (("evaluate", "--split", "train"), "train"),
        (("evaluate", "--bundle", "no-such"), "no-such"),
    ],
    ids=str,
)
def test_a_wrong_name_is_one_line(
    prepared: Path, tmp_path: Path, command: tuple[str, ...], named: str
) -> None:
    extra = ("--run", tmp_path) if command[0] == "fit" else ()

    assert named in only_line(hilum_train(*command, "--data", prepared, *extra))


def test_an_unknown_key_in_the_settings_is_named(settings: Path, prepared: Path) -> None:
    settings.write_text(settings.read_text() + "surprise: 1\n")

    result = hilum_train("fit", "--data", prepared, "--settings", settings, "--run", "unused")

    assert "surprise" in only_line(result)


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    root = kaggle_folder(tmp_path / "kaggle", train=4, test=1)
    broken = root / "train" / "NORMAL" / "IM-0002-0001.jpeg"
    broken.write_bytes(broken.read_bytes()[:300])

    for command in (
        ("prepare", "--out", tmp_path / "out"),
        ("fit", "--run", tmp_path / "run"),
    ):
        line = only_line(hilum_train(*command, "--data", root))
        assert broken.name in line


def test_an_unknown_layout_and_an_empty_class_are_named(tmp_path: Path) -> None:
    line = only_line(hilum_train("prepare", "--data", tmp_path, "--out", tmp_path / "out"))
    assert str(tmp_path) in line

    root = kaggle_folder(tmp_path / "kaggle", train=2, test=1)
    for path in (root / "train" / "PNEUMONIA").iterdir():
        path.unlink()
    line = only_line(hilum_train("prepare", "--data", root, "--out", tmp_path / "out"))
    assert "train/PNEUMONIA" in line


def test_a_full_disk_is_one_line_and_leaves_no_half_file(kaggle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    # No file of that process may grow past 20 kB, which fails as a full disk does.
    limited: list[str | Path] = ["prlimit", "--fsize=20000", sys.executable, "-m", "training"]

    result = subprocess.run(
        [*limited, "prepare", "--data", kaggle, "--out", out],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert result.stderr.count("error:") == 1
    assert "no space left" in result.stderr
    assert "Traceback" not in result.stderr
    assert list(out.glob("*.npy*")) == []


def test_augmenting_takes_a_small_part_of_a_step(prepared: Path, tmp_path: Path) -> None:
    recipe = load_training_settings().recipes["seed"].with_epochs(1)

    [figures] = fit(
        load(prepared), recipe, tmp_path, ranks=Ranks(device=torch.device("cpu")), limit=32
    )

    assert figures.loading_fraction < 0.25  # measured 0.03 to 0.1 on whole epochs
    assert figures.fetching_fraction is not None
    assert figures.fetching_fraction < figures.loading_fraction
