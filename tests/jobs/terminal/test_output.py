"""Output folders: claimed only when it is safe."""

import subprocess
import sys
import time

import pytest

from taichi_dr.errors import FileError
from taichi_dr.jobs.terminal.output import alone_in, claim, clear, sweep


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


RUN = """
import sys, time
from taichi_dr.errors import FileError
from taichi_dr.jobs.terminal.output import alone_in
time.sleep(max(0, float(sys.argv[2]) - time.time()))
try:
    with alone_in(sys.argv[1]):
        print("in", flush=True)
        sys.stdin.readline()
except FileError as error:
    print(error, flush=True)
"""


def start(folder, when=0.0):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), str(when)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_second_run_in_a_folder_is_refused_until_the_first_has_ended_or_was_killed(tmp_path):
    folder = tmp_path / "a" / "out"
    first = start(folder)
    assert first.stdout.readline() == "in\n"
    (tmp_path / "link").symlink_to(folder)
    for name in (folder, tmp_path / "link", tmp_path / "a" / ".." / "a" / "out"):
        with pytest.raises(FileError, match=r"out: another run is writing there"), alone_in(name):
            pass
    with alone_in(folder, writes=False), alone_in(tmp_path / "a" / "other"):
        pass
    first.kill()
    first.wait()
    with alone_in(folder):
        assert list((tmp_path / "a").iterdir()) == [folder]


def test_of_runs_started_at_once_one_is_in(tmp_path):
    runs = [start(tmp_path / "out", time.time() + 2) for _ in range(6)]
    said = [run.stdout.readline() for run in runs]
    assert sorted(line == "in\n" for line in said) == [False] * 5 + [True]
    for run in runs:
        run.communicate("\n")
    assert list(tmp_path.iterdir()) == []  # nothing was put into the folder


def test_a_folder_that_was_there_stays_and_one_with_something_in_it_too(tmp_path):
    with alone_in(tmp_path):
        pass
    with alone_in(tmp_path / "x" / "y"):
        (tmp_path / "x" / "y" / "a").touch()
    assert (tmp_path / "x" / "y" / "a").exists()
    with alone_in(tmp_path / "x" / "y" / "a"):  # a file: claim says so
        pass
