"""The training commands as a user types them, and settings small enough for a test."""

from pathlib import Path

import yaml
from typer.testing import CliRunner, Result

from config.training import DEFAULT_TRAINING_FILE
from training.commands import app

SMALL = {
    "architecture": "mobilenet_v2",
    "stages": [{"epochs": 2, "size": 32}, {"epochs": 1, "size": 48}],
    "batch_size": 8,
}


def hilum_train(*arguments: object) -> Result:
    """Run `hilum train` with these arguments."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def only_line(result: Result) -> str:
    """Return the one line of a command that failed as it should."""
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit), result.exception
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def small_settings(folder: Path) -> Path:
    """Write settings whose `hilum` and `teacher` recipes are small enough for a test."""
    content = yaml.safe_load(DEFAULT_TRAINING_FILE.read_text())
    content["recipes"]["hilum"] |= SMALL
    content["recipes"]["hilum"]["finish"] |= {"epochs": 1, "size": 48}
    content["recipes"]["teacher"] |= SMALL | {"architecture": "efficientnet_lite0"}
    content["recipes"]["teacher"] |= {"stages": [{"epochs": 1, "size": 40}]}
    content["recipes"]["teacher"]["finish"] |= {"epochs": 1, "size": 48}
    path = folder / "training.yaml"
    path.write_text(yaml.safe_dump(content))
    return path
