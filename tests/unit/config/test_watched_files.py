from pathlib import Path

from config.watched_files import WatchedFiles


def test_a_change_is_told_once(tmp_path: Path) -> None:
    file, absent = tmp_path / "a", tmp_path / "b"
    file.write_text("first")
    files = WatchedFiles([file, absent])
    assert not files.have_changed()
    file.write_text("second, longer")
    assert files.have_changed()
    assert not files.have_changed()
    absent.write_text("here")
    assert files.have_changed()
    file.unlink()
    assert files.have_changed()
