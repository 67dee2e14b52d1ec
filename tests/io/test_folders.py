"""Folders appear whole or not at all."""

import pytest

from taichi_dr.errors import FileError
from taichi_dr.io.folders import whole_folder


def test_a_folder_appears_whole(tmp_path):
    target = tmp_path / "deep" / "out"
    with whole_folder(target) as folder:
        (folder / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    assert [path.name for path in target.parent.iterdir()] == ["out"]


def test_nothing_stays_behind_after_an_error(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()

    def stopped():
        with whole_folder(tmp_path / "out") as folder:
            (folder / "new").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["out", "out/old"]


def test_an_error_names_the_folder_and_leaves_none_behind(tmp_path):
    target = tmp_path / "deep" / "out"
    for error in (OSError(28, "No space left on device"), FileError("%s/a: cannot be written: No space")):
        with (
            pytest.raises(FileError, match=r"out.*: cannot be written: No space") as caught,
            whole_folder(target) as new,
        ):
            raise FileError(str(error) % new) if isinstance(error, FileError) else error
        assert new.name not in str(caught.value)
        assert list(tmp_path.iterdir()) == []


def test_an_old_folder_comes_back_if_it_cannot_be_replaced(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    plain = type(tmp_path).rename

    def rename(self, target):
        if (self / "new").exists():
            raise OSError(28, "No space left on device")
        return plain(self, target)

    monkeypatch.setattr(type(tmp_path), "rename", rename)
    with pytest.raises(FileError, match="out: cannot be written"), whole_folder(tmp_path / "out") as folder:
        (folder / "new").touch()
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["out", "out/old"]


def test_an_old_folder_is_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    with whole_folder(tmp_path / "out") as folder:
        (folder / "new").touch()
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["out", "out/new"]
