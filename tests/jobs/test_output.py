"""Output folders: claimed only when it is safe, whole or not at all."""

import pytest

from taichi_dr.jobs.output import claim, clear, sweep, whole_folder
from taichi_dr.runtime import FileError


def test_a_new_and_an_empty_folder_may_be_claimed(tmp_path):
    claim(tmp_path / "new", ("a",), overwrite=False)
    claim(tmp_path, ("a",), overwrite=False)


def test_a_used_folder_needs_overwrite(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(FileError, match="--overwrite"):
        claim(tmp_path, ("a",), overwrite=False)
    claim(tmp_path, ("a",), overwrite=True)


def test_strange_files_are_never_overwritten(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(FileError, match=r"thesis\.tex"):
        claim(tmp_path, ("a",), overwrite=True)


def test_temporary_files_of_a_killed_run_do_not_count_and_are_swept_up(tmp_path):
    (tmp_path / ".a.0123abcd").touch()
    claim(tmp_path, ("a",), overwrite=False)
    (tmp_path / "a").touch()
    (tmp_path / ".b.0123abcd").touch()
    with pytest.raises(FileError, match=r"\.b\.0123abcd"):
        claim(tmp_path, ("a",), overwrite=True)
    sweep(tmp_path, ("a",))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.0123abcd", "a"]
    sweep(tmp_path / "none", ("a",))


def test_only_files_of_the_command_are_cleared_away(tmp_path):
    for name in ("a", "thesis.tex"):
        (tmp_path / name).touch()
    clear(tmp_path, ("a", "b"))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    clear(tmp_path / "none", ("a",))
    with pytest.raises(FileError, match=r"thesis\.tex/a: cannot be removed"):
        clear(tmp_path / "thesis.tex", ("a",))


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(FileError, match="is a file"):
        claim(tmp_path / "a", (), overwrite=True)


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
