"""How the pages write times, names, and what a token may."""

from datetime import datetime

from archive.account_records import Scope

SCOPE_WORDS = {
    Scope.PREDICT: "ask for a prediction of one image",
    Scope.READ: "read studies, results and images, also by DICOMweb",
    Scope.STORE: "send objects by DICOMweb",
    Scope.OPERATE: "see queues, replay deliveries",
    Scope.EXPORT: "take away reviews and figures of models",
}


def moment(at: datetime | None) -> str:
    """Return a time as the pages write it; nothing for none."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""


def second(at: datetime | None) -> str:
    """Return a time to the second, where things happen within a minute; nothing for none."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""


def day(at: datetime | None) -> str:
    """Return a day as the pages write it; nothing for none."""
    return f"{at:%Y-%m-%d}" if at else ""


def person_words(name: str) -> str:
    """Return a DICOM PN as people read it."""
    return " ".join(name.replace("^", " ").split())
