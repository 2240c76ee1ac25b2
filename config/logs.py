"""Logs: one fixed message plus key=value fields, to standard error; never patient data.

`redact_patient_data` is the last processor before output: it drops every field that is not on the
list of fields known to be safe to show, so a careless call cannot leak a name. Unknown means drop.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from hashlib import sha256
from typing import Any

import structlog

from config.settings import LogSettings

# Fields that say nothing of a patient. UIDs appear only as `study` and `instance`: the first
# twelve hexadecimal digits of their SHA-256 (see `uid_digest`).
SAFE_FIELDS = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "logger",
        "process",
        "exception",
        "error",
        "reason",
        "attempt",
        "count",
        "seconds",
        "study",
        "instance",
        "state",
        "refusal",
        "sop_class",
        "transfer_syntax",
        "byte_count",
        "status",
        "calling_ae",
        "called_ae",
        "peer",
        "host",
        "port",
        "ae_title",
        "destination",
        "delivery",
        "kind",
        "model",
        "version",
        "architecture",
        "device",
        "threads",
        "settings_file",
        "key",
        "folder",
        "free_bytes",
        "method",
        "route",
        "path_template",
        "status_code",
        "outcome",
        "claimant",
        "worker",
        "signal",
    }
)


def uid_digest(uid: str) -> str:
    """Twelve hexadecimal digits that stand for a UID in logs; the same UID gives the same."""
    return sha256(uid.encode()).hexdigest()[:12]


def drop_unknown_fields(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> Mapping[str, Any]:
    """Keep the fields of `SAFE_FIELDS`; name, without value, the ones dropped."""
    dropped = sorted(name for name in event if name not in SAFE_FIELDS)
    kept = {name: value for name, value in event.items() if name in SAFE_FIELDS}
    if dropped:
        kept["key"] = f"dropped fields: {', '.join(dropped)}"
    return kept


def configure_logs(settings: LogSettings, *, process: str) -> None:
    """Send structlog and the standard library's warnings to standard error.

    pynetdicom and pydicom log element values at DEBUG and in some warnings, so theirs are kept
    below ERROR silent whatever the level.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            drop_unknown_fields,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(levelname)s %(message)s")
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
