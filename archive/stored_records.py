"""The nouns of the store as a whole: which files the rows name, and what is wrong with them."""

from dataclasses import dataclass
from enum import StrEnum

from archive.records import FileKey


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file that a row names."""

    file_key: FileKey
    byte_count: int | None
    """None where the row does not say."""
    file_sha256: str | None
    data_set_sha256: str | None = None
    """Of what follows the File Meta Information, where the row says only that."""


class Damage(StrEnum):
    """What is wrong with a file that a row names."""

    MISSING = "missing"
    TRUNCATED = "truncated"
    """It is shorter than was recorded."""
    ALTERED = "altered"
    """It is longer, or its SHA-256 is not the recorded one."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """A file with something wrong."""

    file_key: FileKey
    damage: Damage
