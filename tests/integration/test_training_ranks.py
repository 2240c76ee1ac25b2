"""Several processes train one network: real torchrun, real gloo, tiny pictures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from typer.testing import CliRunner

from config.training import DEFAULT_TRAINING_FILE
from tests.builders.kaggle import kaggle_folder
from training.commands import app
from training.run import HISTORY_FILE, WEIGHTS_FILE

UNCHANGED = {
    "flip_fraction": 0.0,
    "rotation_degrees": 0.0,
    "zoom": [1.0, 1.0],
    "contrast_fraction": 0.0,
}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A recipe without chance: no changes, no dropout, and a network without batch statistics."""
    content = yaml.safe_load(DEFAULT_TRAINING_FILE.read_text())
    seed = content["recipes"]["seed"]
    seed |= {"architecture": "vgg16", "dropout": 0.0, "batch_size": 8, "optimizer": "sgd"}
    seed |= {"stages": [{"epochs": 1, "size": 32}], "learning_rate": 0.01}
    seed["augmentation"] |= UNCHANGED
    path = tmp_path / "training.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_two_ranks_take_the_same_steps_as_one_process(settings: Path, tmp_path: Path) -> None:
    data = kaggle_folder(tmp_path / "kaggle", train=16, test=1)
    fit = ("training", "fit", "--recipe", "seed", "--data", data, "--settings", settings)
    torchrun = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--")

    alone = CliRunner().invoke(app, [str(part) for part in (*fit[1:], "--run", tmp_path / "alone")])
    together = module(*torchrun, *fit, "--run", tmp_path / "together")

    assert alone.exit_code == 0, alone.output
    assert together.returncode == 0, together.stderr
    one, two = (
        json.loads((tmp_path / run / HISTORY_FILE).read_text()) for run in ("alone", "together")
    )
    assert len(one) == len(two) == 1
    assert together.stdout.count("epoch 0") == 1  # only the first rank reports
    for key in ("train_loss", "train_accuracy", "validation_loss"):
        assert two[-1][key] == pytest.approx(one[-1][key], abs=2e-2), key
    weights = [load_file(tmp_path / run / WEIGHTS_FILE) for run in ("alone", "together")]
    moved = torch.cat([(weights[0][name] - weights[1][name]).flatten() for name in weights[0]])
    assert moved.abs().max() < 2e-3  # half-precision rounding, summed in another order


def test_a_batch_that_the_ranks_cannot_share_is_refused(tmp_path: Path) -> None:
    from training.errors import RunUnusable
    from training.ranks import Ranks

    ranks = Ranks(device=torch.device("cpu"), rank=1, count=3)

    with pytest.raises(RunUnusable, match="3 ranks"):
        ranks.check_batch(32)
    ranks.check_batch(33)
    assert ranks.share(torch.arange(9)).tolist() == [1, 4, 7]


def module(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], capture_output=True, text=True, check=False
    )
