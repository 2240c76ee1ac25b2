"""What a process does before its rooms are imported."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from config.starting import collector_at_rest


def test_the_collector_rests_until_it_is_woken_and_then_spares_what_is_there() -> None:
    with collector_at_rest() as wake:
        assert not gc.isenabled()
        wake()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_a_start_that_fails_leaves_the_collector_awake() -> None:
    with pytest.raises(OSError, match="no port"), collector_at_rest():
        raise OSError("no port")
    assert gc.isenabled()


OPENMP_SAYS = """
from archive.records import ProcessKind
from hilum import _entry_of
_entry_of(ProcessKind.WORKER)
"""


@pytest.mark.parametrize(("named", "sleeps"), [({}, True), ({"OMP_WAIT_POLICY": "active"}, False)])
def test_a_workers_threads_sleep_unless_the_environment_says_otherwise(
    named: dict[str, str], sleeps: bool
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OPENMP_SAYS],
        env={"PATH": "", "OMP_DISPLAY_ENV": "VERBOSE", **named},
        cwd=Path(__file__).parents[3],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ("GOMP_SPINCOUNT = '0'" in done.stderr) is sleeps
    assert "GOMP_SPINCOUNT" in done.stderr


WORKER_PREPROCESSES = """
import sys
from archive.records import ProcessKind
from hilum import _entry_of
_entry_of(ProcessKind.WORKER)
import numpy as np
from inference.explanation import draw
from inference.preprocessing import to_model_input
print(tuple(to_model_input(np.linspace(0, 1, 300 * 240).reshape(300, -1)).shape))
black = np.zeros((300, 240), np.uint8)
print(draw(black, np.eye(7, dtype=np.float32), ("caption",)).pixels.shape[1:])
named = ("matplotlib", "monai", "optuna", "pandas", "sklearn", "triton")
print(sorted(name for name in named if sys.modules.get(name) is not None))
"""


def test_a_worker_imports_nothing_that_it_has_no_use_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORKER_PREPROCESSES],
        cwd=Path(__file__).parents[3],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["(1, 224, 224)", "(240, 3)", "['monai']"]


ARRAYS_COME_AND_GO = """
import os
import numpy as np
from archive.records import ProcessKind
from hilum import _entry_of
if {is_worker}:
    _entry_of(ProcessKind.WORKER)
def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
stay = []
before = resident_bytes()
for _ in range(8):
    large = [np.ones(16 << 20, np.uint8) for _ in range(2)]
    stay.append(np.ones(100_000, np.uint8))  # lies above them, so that they cannot be cut off
    del large
print((resident_bytes() - before) >> 20)
"""


def megabytes_kept(*, is_worker: bool) -> int:
    done = subprocess.run(
        [sys.executable, "-c", ARRAYS_COME_AND_GO.format(is_worker=is_worker)],
        cwd=Path(__file__).parents[3],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


def test_a_worker_gives_the_memory_of_large_arrays_back() -> None:
    assert megabytes_kept(is_worker=True) < 8 < megabytes_kept(is_worker=False)
