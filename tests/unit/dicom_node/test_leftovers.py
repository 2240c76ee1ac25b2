import os
import time
from pathlib import Path

from archive.files import FileStore
from dicom_node.leftovers import OLD_SECONDS, remove_leftovers


def test_only_what_nobody_writes_to_any_more_is_removed(tmp_path: Path) -> None:
    files = FileStore(tmp_path)
    old, fresh = files.new_temporary_file(), files.new_temporary_file()
    old.write_bytes(b"half of an object")
    fresh.write_bytes(b"an object on its way")
    now = time.time()
    os.utime(old, (now - OLD_SECONDS - 1,) * 2)
    assert remove_leftovers(files, now=now) == 1
    assert list(files.incoming.iterdir()) == [fresh]
    assert remove_leftovers(files, now=now) == 0
