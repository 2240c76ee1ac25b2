"""The audit trail says since when results come from which network."""

import json
import shutil
import threading
from pathlib import Path

from archive.account_records import AuditAction
from archive.database import Archive
from config.settings import Settings, load_settings
from inference.bundle import MANIFEST_FILE, SHIPPED_BUNDLES, read_manifest
from inference.worker import run

SHIPPED = read_manifest(SHIPPED_BUNDLES / "default")


def start_and_stop(settings: Settings, archive: Archive) -> None:
    stop = threading.Event()
    stop.set()
    run(settings, archive, stop)


def noted(archive: Archive) -> list[str]:
    events = archive.repository.audit_events(limit=10, action=AuditAction.MODEL_CHANGED)
    assert {event.entry.actor for event in events} <= {"worker"}
    return [event.entry.details["model"] for event in reversed(events)]


def test_a_worker_notes_its_model_where_it_is_another_than_before(
    archive: Archive, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(SHIPPED_BUNDLES / "default", tmp_path / "other"))
    manifest = json.loads((other / MANIFEST_FILE).read_text())
    (other / MANIFEST_FILE).write_text(json.dumps(manifest | {"version": "9.0.0"}))
    shipped = load_settings()
    model = shipped.model.model_copy(update={"bundle": str(other)})
    changed = shipped.model_copy(update={"model": model})

    for settings in (shipped, shipped, changed, changed, shipped):
        start_and_stop(settings, archive)

    name = SHIPPED.name
    ours = f"{name} {SHIPPED.version}"
    assert noted(archive) == [ours, f"{name} 9.0.0", ours]
