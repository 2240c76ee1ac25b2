"""Averages the weights of a run with those it began with, or with another of the same start.

Between a network and what it was trained on from, the mean of the weights often holds better on
other hospitals' images than either (Wortsman et al. 2022, arXiv 2109.01903). Whether it does is
seen on validation and shifted validation.
"""

import json
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import save as to_safetensors

from training.beginning import of_run
from training.disk import write_file
from training.errors import RunUnusable
from training.run import HISTORY_FILE, RUN_FILE, WEIGHTS_FILE, Beginning, read_record


def average_weights(run: Path, other: Beginning, out: Path, *, share: float) -> None:
    """Write a run folder whose weights lie between those of two networks.

    Parameters
    ----------
    share
        Of the other's weights in the mean, between 0 and 1.

    Raises
    ------
    RunUnusable
        `out` holds a run already, or the two networks are not of one architecture.
    """
    if (out / RUN_FILE).exists():
        raise RunUnusable(f"{out}: holds a run already; name another folder")
    record, _ = read_record(run)
    weights, others = of_run(run).weights, other.weights
    shapes = [{name: v.shape for name, v in (part or {}).items()} for part in (weights, others)]
    if weights is None or others is None or other.origin is None or shapes[0] != shapes[1]:
        raise RunUnusable(f"{other.origin}: not a network of the architecture of {run}")
    mean = {
        name: (value.lerp(others[name], share) if value.is_floating_point() else value)
        for name, value in weights.items()
    }
    averaged = {"averaged_with": asdict(other.origin), "averaged_share": share}
    write_file(out / WEIGHTS_FILE, to_safetensors(mean))
    write_file(out / HISTORY_FILE, (run / HISTORY_FILE).read_bytes())
    write_file(out / RUN_FILE, f"{json.dumps(record | averaged, indent=1)}\n".encode())
