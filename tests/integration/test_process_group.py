"""Child processes: started again when they end, never outliving what keeps them."""

import sys
import threading
from pathlib import Path

from config.process_group import CONFIGURATION_ERROR, ProcessGroup
from tests.processes import wait_until

# Notes its start in a file, says `ready`, and lives until its standard input ends.
LIVES = """
import pathlib, sys
with pathlib.Path(sys.argv[1]).open("a") as file:
    file.write("started ")
print("ready", flush=True)
sys.stdin.read()
"""
# The same, but the first two lives end at once.
DIES_TWICE = LIVES.replace(
    'print("ready"',
    'lives = pathlib.Path(sys.argv[1]).read_text().count("started")\n'
    'print("ready", flush=True)\n'
    "if lives < 3: sys.exit(9)\n"
    'print("ready"',
)
# The same, but the second life finds that its settings are wrong.
FINDS_WRONG_SETTINGS = LIVES.replace(
    'print("ready"',
    'lives = pathlib.Path(sys.argv[1]).read_text().count("started")\n'
    f"if lives == 2: sys.exit({CONFIGURATION_ERROR})\n"
    'print("ready"',
)
WRONG_SETTINGS = f"import sys; sys.exit({CONFIGURATION_ERROR})"


def run_in_thread(group: ProcessGroup) -> tuple[threading.Thread, threading.Event, list[int]]:
    ready, ended = threading.Event(), list[int]()
    thread = threading.Thread(target=lambda: ended.append(group.run(on_ready=ready.set)))
    thread.start()
    return thread, ready, ended


def test_ready_is_said_once_every_part_is(tmp_path: Path) -> None:
    stop = threading.Event()
    commands = [[sys.executable, "-c", LIVES, str(tmp_path / name)] for name in ("a", "b")]
    thread, ready, ended = run_in_thread(ProcessGroup(commands, stop))
    assert ready.wait(20)
    stop.set()
    thread.join(20)
    assert ended == [0]


def test_a_part_that_worked_is_started_again(tmp_path: Path) -> None:
    stop = threading.Event()
    notes = tmp_path / "lives"
    thread, _, _ = run_in_thread(
        ProcessGroup([[sys.executable, "-c", DIES_TWICE, str(notes)]], stop)
    )
    wait_until(
        lambda: notes.exists() and notes.read_text().count("started") == 3, within_seconds=30
    )
    stop.set()
    thread.join(20)
    assert notes.read_text().count("started") == 3


def test_wrong_settings_end_the_whole_group(tmp_path: Path) -> None:
    stop = threading.Event()
    commands = [
        [sys.executable, "-c", WRONG_SETTINGS],
        [sys.executable, "-c", LIVES, str(tmp_path / "a")],
    ]
    thread, _, ended = run_in_thread(ProcessGroup(commands, stop))
    thread.join(30)
    assert ended == [CONFIGURATION_ERROR]


def test_a_part_that_worked_and_finds_wrong_settings_ends_no_other(tmp_path: Path) -> None:
    stop = threading.Event()
    notes, other = tmp_path / "lives", tmp_path / "other"
    commands = [
        [sys.executable, "-c", FINDS_WRONG_SETTINGS, str(notes)],
        [sys.executable, "-c", LIVES, str(other)],
    ]
    group = ProcessGroup(commands, stop)
    thread, ready, ended = run_in_thread(group)
    assert ready.wait(20)
    group.start_again(commands[:1])
    wait_until(lambda: notes.read_text().count("started") == 3, within_seconds=30)
    assert other.read_text().count("started") == 1
    stop.set()
    thread.join(20)
    assert ended == [0]
