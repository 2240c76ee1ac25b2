import os
from pathlib import Path

import pytest

from archive.flushing import Flushing, flush


def test_a_missing_folder_is_made_and_flushed_with_those_that_name_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with Flushing().folder(folder) as folders:
        assert folder.is_dir()
        assert set(folders) == {folder, tmp_path / "a", tmp_path}


def test_a_folder_that_stands_is_flushed_alone(tmp_path: Path) -> None:
    flushing = Flushing()
    with flushing.folder(tmp_path / "a"):
        pass
    with flushing.folder(tmp_path / "a") as folders:
        assert list(folders) == [tmp_path / "a"]


def test_nobody_relies_on_a_folder_that_another_is_still_making_durable(tmp_path: Path) -> None:
    flushing, folder = Flushing(), tmp_path / "a"
    with flushing.folder(folder), flushing.folder(folder) as folders:
        assert set(folders) == {folder, tmp_path}


def test_a_file_and_its_folders_are_all_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed, fsync = [], os.fsync

    def noting(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    folder = tmp_path / "a"
    with Flushing().folder(folder) as folders:
        (folder / "file").write_bytes(b"radiograph")
        flush(folder / "file", folders)
    assert flushed == [folder / "file", folder, tmp_path]


def test_a_folder_that_cannot_be_flushed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"radiograph")
    with pytest.raises(FileNotFoundError):
        flush(tmp_path / "file", [tmp_path / "gone"])
