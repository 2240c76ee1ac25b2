"""The commands that train several networks and put everything into a report."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from config.training import DEFAULT_TRAINING_FILE
from tests.builders.kaggle import kaggle_folder
from tests.builders.published_bundles import a_bundle
from tests.builders.training_commands import hilum_train as train
from training.dataset import load
from training.experiments import OUTCOME_FILE
from training.run import HISTORY_FILE, RUN_FILE

TINY = {"architecture": "mobilenet_v2", "stages": [{"epochs": 1, "size": 32}], "batch_size": 8}


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kaggle_folder(tmp_path_factory.mktemp("kaggle"), train=24, test=6)


@pytest.fixture(scope="module")
def prepared(kaggle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    result = train("prepare", "--data", kaggle, "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped settings with networks and pictures small enough for a test."""
    content = yaml.safe_load(DEFAULT_TRAINING_FILE.read_text())
    for name in ("seed", "hilum"):
        content["recipes"][name] |= TINY
        content["recipes"][name].pop("finish", None)
    content["compare"]["architectures"] = ["mobilenet_v2", "resnet18"]
    content["folds"]["count"] = 2
    content["tune"]["experiments"] = {"as it is": {}, "smaller batch": {"batch_size": 4}}
    content["tune"]["search"] |= {"trials": 2, "batch_size": [4, 8]}
    path = tmp_path_factory.mktemp("settings") / "training.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every command leaves its run folder, read by the report at the end."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def page(folder: Path, name: str) -> dict[str, dict[str, list[str]]]:
    """The tables of a page: title, then the first cell of a row, then the row."""
    record = json.loads((folder / f"{name}.page.json").read_text())
    return {table["title"]: {row[0]: row for row in table["rows"]} for table in record["tables"]}


def test_the_grid_names_every_experiment_and_repeats_none(
    prepared: Path, settings: Path, runs: Path
) -> None:
    command = ("tune", "--data", prepared, "--settings", settings, "--out", runs / "tune")

    first = train(*command)
    trained = (runs / "tune" / "as-it-is" / HISTORY_FILE).stat().st_mtime_ns
    (runs / "tune" / "smaller-batch" / OUTCOME_FILE).unlink()
    second = train(*command)

    assert first.exit_code == second.exit_code == 0, first.output + second.output
    assert (runs / "tune" / "as-it-is" / HISTORY_FILE).stat().st_mtime_ns == trained
    assert "epoch" in first.stdout
    assert "epoch" not in second.stdout
    tables = page(runs / "tune", "tune")
    assert tables["Settings"]["smaller batch"][4] == "4"
    assert set(tables["Figures"]) == {"as it is", "smaller batch"}


def test_a_search_that_was_interrupted_tries_the_same_again(
    prepared: Path, settings: Path, tmp_path: Path
) -> None:
    common = ("tune", "--search", "--data", prepared, "--settings", settings, "--out")

    whole = train(*common, tmp_path / "whole")
    train(*common, tmp_path / "cut", "--trials", 1)
    resumed = train(*common, tmp_path / "cut")

    assert whole.exit_code == resumed.exit_code == 0, resumed.output
    tried = [
        [
            json.loads((tmp_path / name / f"trial-{number}" / RUN_FILE).read_text())["recipe"]
            for number in (0, 1)
        ]
        for name in ("whole", "cut")
    ]
    assert tried[0] == tried[1]
    assert tried[0][0]["learning_rate"] != tried[0][1]["learning_rate"]
    assert resumed.stdout.count("trial 0, epoch") == 0


def test_architectures_stand_side_by_side_with_their_test_figures(
    prepared: Path, settings: Path, runs: Path
) -> None:
    result = train(
        *("compare", "--data", prepared, "--settings", settings),
        *("--out", runs / "compare", "--with-test", "--limit", 30),
    )

    assert result.exit_code == 0, result.output
    figures = page(runs / "compare", "compare")["Figures"]
    parameters = {name: float(row[1]) for name, row in figures.items()}
    assert parameters == {"mobilenet_v2": 2.2, "resnet18": 11.2}
    assert all(float(row[3]) > 0 for row in figures.values())
    outcome = json.loads((runs / "compare" / "resnet18" / OUTCOME_FILE).read_text())
    assert outcome["test"]["images"] == 12
    assert "trial on part" in (runs / "compare" / "compare.page.json").read_text()


def test_folds_hold_out_every_patient_once(prepared: Path, settings: Path, runs: Path) -> None:
    result = train("folds", "--data", prepared, "--settings", settings, "--out", runs / "folds")

    assert result.exit_code == 0, result.output
    outcomes = [
        json.loads((runs / "folds" / f"fold-{n}-of-2" / OUTCOME_FILE).read_text()) for n in (1, 2)
    ]
    assert sum(outcome["validation"]["images"] for outcome in outcomes) == 48
    mean = float(page(runs / "folds", "folds")["Over the folds"]["AUC"][1])
    assert mean == pytest.approx(sum(o["validation"]["auc"] for o in outcomes) / 2, abs=1e-4)


def test_members_vote_average_and_teach_one_network(
    prepared: Path, settings: Path, runs: Path, tmp_path: Path
) -> None:
    common = ("--data", prepared, "--settings", settings)
    members = [runs / f"member-{name}" for name in "abc"]
    for number, run in enumerate(members):
        train("fit", *common, "--run", run, "--limit", 20 + 4 * number)
    chosen = [part for run in members for part in ("--member", run)]

    result = train("ensemble", *common, "--out", runs / "ensemble", *chosen, "--distil")
    alone = train("ensemble", *common, "--out", tmp_path, "--member", members[0])

    assert result.exit_code == 0, result.output
    record = json.loads((runs / "ensemble" / "ensemble.page.json").read_text())
    rows = [row[:2] for row in record["tables"][0]["rows"]]
    ways = [way for _, way in rows]
    assert (ways.count("alone"), ways.count("vote"), ways.count("mean probability")) == (3, 4, 4)
    assert rows[-1] == ["one network taught by all", "distilled"]
    student = json.loads((runs / "ensemble" / "student" / RUN_FILE).read_text())
    assert [teacher["name"] for teacher in student["taught_by"]] == [
        f"run {run.name}" for run in members
    ]
    assert student["teaching_share"] == 0.7
    assert alone.exit_code == 1
    assert "two or more" in alone.stderr


def test_images_are_explored(kaggle: Path, runs: Path) -> None:
    result = train("eda", "--data", kaggle, "--out", runs / "eda")

    assert result.exit_code == 0, result.output
    record = json.loads((runs / "eda" / "eda.json").read_text())
    assert record["counts"]["train"] == {"normal": 24, "bacterial": 12, "viral": 12}
    assert record["patients"]["test"] == 9
    assert record["patients_in_both"] == []
    pictures = {path.name for path in (runs / "eda").glob("*.png")}
    assert pictures == {f"eda-{n}.png" for n in ("classes", "shapes", "intensities", "samples")}


def test_an_evaluation_leaves_curves_tables_and_failures(
    prepared: Path, runs: Path, tmp_path: Path
) -> None:
    a_bundle(tmp_path / "bundle", load(prepared), with_test=False)
    result = train(
        *("evaluate", "--data", prepared, "--bundle", tmp_path / "bundle"),
        *("--out", runs / "evaluation"),
    )

    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert {group["name"] for group in figures["subgroups"]} == {"normal", "bacterial", "viral"}
    assert figures["intervals"]["auc"]["value"] == pytest.approx(figures["auc"]["value"])
    record = json.loads((runs / "evaluation" / "evaluation-test.json").read_text())
    assert len(record["answers"]) == 12
    keys = ("confusion", "roc", "precision-recall", "calibration", "failures")
    pictures = {path.stem for path in (runs / "evaluation").glob("*.png")}
    assert pictures == {f"evaluation-test-{key}" for key in keys}


def test_the_report_needs_no_other_file_and_can_leave_patients_out(
    runs: Path, tmp_path: Path
) -> None:
    """Last in the file: it shows what the tests before it left, whichever of them ran."""
    run_page = train("report", "--runs", runs, "--out", tmp_path / "all")
    without = train("report", "--runs", runs, "--out", tmp_path / "few", "--without-patients")

    assert run_page.exit_code == without.exit_code == 0, run_page.output
    html = (tmp_path / "all" / "report.html").read_text()
    assert not re.search(r'(src|href)="(?!data:image/png;base64,|#)', html)
    assert "0.9395" in html
    assert "could not be traced" in html
    markdown = (tmp_path / "all" / "report.md").read_text()
    linked = set(re.findall(r"\]\((pictures/[^)]+)\)", markdown))
    assert linked == {f"pictures/{p.name}" for p in (tmp_path / "all" / "pictures").glob("*")}
    assert "| name | architecture | pixels | learning rate |" in markdown
    assert "Images answered wrongly" not in (tmp_path / "few" / "report.html").read_text()
    assert not list((tmp_path / "few").rglob("*failures*"))
    assert not list((tmp_path / "few").rglob("*samples*"))


def test_bad_input_of_the_new_commands_is_one_line(
    prepared: Path, kaggle: Path, tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "x.page.json").write_text("{}")
    commands = {
        "no folder of runs": ("report", "--runs", tmp_path / "none", "--out", tmp_path),
        "x.page.json": ("report", "--runs", tmp_path / "runs", "--out", tmp_path),
        "Kaggle layout": ("eda", "--data", tmp_path, "--out", tmp_path / "eda"),
        "no whole epoch": (
            *("ensemble", "--data", prepared, "--out", tmp_path / "e"),
            *("--member", tmp_path / "a", "--member", tmp_path / "b"),
        ),
    }
    for expected, command in commands.items():
        result = train(*command)
        assert result.exit_code == 1, result.output
        [line] = [text for text in result.stderr.splitlines() if text.startswith("error:")]
        assert expected in line
