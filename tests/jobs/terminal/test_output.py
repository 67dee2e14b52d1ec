"""Output folders: claimed only when it is safe."""

import pytest

from taichi_dr.errors import FileError
from taichi_dr.jobs.terminal.output import claim, clear, sweep


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
