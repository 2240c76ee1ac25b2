"""SIGHUP to a running installation takes changed settings, and the node goes on receiving."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from archive.operation_records import ErrandKind
from tests.processes import wait_until
from tests.serving import Serving, Site

WITHIN_SECONDS = 60


def change(site: Site, serving: Serving, **sections: Any) -> None:
    settings = yaml.safe_load(site.settings_file.read_text())
    site.settings_file.write_text(yaml.safe_dump(settings | sections))
    serving.process.send_signal(signal.SIGHUP)


def numbers(serving: Serving) -> dict[str, int]:
    """The process numbers of the parts, by what each runs."""
    found = {}
    for process in serving.parts():
        with contextlib.suppress(psutil.Error, ValueError):  # just ended, or no part
            words = process.cmdline()
            found[words[words.index("--only") + 1]] = process.pid
    return found


def said(site: Site, words: str) -> bool:
    return words in site.log_file.read_text()


RULES = """\
rules:
  - name: all
    when: {keyword: Modality, present: true}
    then: analyse
    destinations: [new]
fallback: {then: analyse}
"""


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: []\nfallback: {then: analyse}\n")
    return file


@pytest.fixture
def site(tmp_path: Path, rules_file: Path) -> Site:
    return Site(
        folder=tmp_path / "site",
        peers=[{"ae_title": "HILUM", "host": "127.0.0.1"}],
        sections={"rules": {"file": str(rules_file)}},
    )


@pytest.fixture
def serving(site: Site) -> Iterator[Serving]:
    with site.serving(only="node,sender") as running:
        wait_until(lambda: said(site, "rules in force"), within_seconds=WITHIN_SECONDS)
        yield running


def test_a_new_destination_is_known_without_a_stop_of_the_node(
    site: Site, serving: Serving, rules_file: Path
) -> None:
    before = numbers(serving)
    rules_file.write_text(RULES)
    itself = {"ae_title": "HILUM", "host": "127.0.0.1", "port": site.dicom_port}
    change(site, serving, destinations={"new": itself})
    wait_until(
        lambda: numbers(serving).get("sender") not in (None, before["sender"]),
        within_seconds=WITHIN_SECONDS,
        what="another sender",
    )
    repository = site.open_archive().repository
    errand = repository.ask_errand(ErrandKind.ECHO, "new", asked_by="ann")
    wait_until(
        lambda: repository.errand(errand).is_ok, within_seconds=WITHIN_SECONDS, what="an answer"
    )
    (standing,) = repository.rule_standings()
    assert (standing.rule_count, standing.fault) == (1, "")
    repository.dispose()
    assert numbers(serving)["node"] == before["node"]
    assert not said(site, "part ended")


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"destinations": {"new": {"host": "127.0.0.1"}}}, "new settings are wrong"),
        ({"model": {"bundle": "missing"}}, "new settings cannot be used"),
        ({"rules": {"file": "elsewhere.yaml"}}, "these need a restart"),
    ],
)
def test_settings_that_cannot_be_taken_change_nothing(
    site: Site, serving: Serving, section: dict[str, Any], words: str
) -> None:
    before = numbers(serving)
    change(site, serving, **section)
    wait_until(lambda: said(site, words), within_seconds=WITHIN_SECONDS, what=words)
    assert numbers(serving) == before
