"""Writes are all or nothing."""

import pytest

from taichi_dr.errors import Error, FileError
from taichi_dr.io.files import atomic_path, check_creatable, read_bytes, target_of, write_json, write_text
from taichi_dr.io.posed.load import load_posed_images


def everything_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_success_renames_and_makes_folders(tmp_path):
    target = tmp_path / "a" / "b" / "c.txt"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".txt"
        assert target_of(temporary.name) == "c.txt"
        temporary.write_text("new")
        assert not target.exists()
    assert everything_below(tmp_path) == ["a", "a/b", "a/b/c.txt"]
    assert target.read_text() == "new"


def test_temporary_names_are_recognised():
    assert target_of(".name.0123abcd") == "name"
    for name in ("mesh.obj", ".hidden", ".mesh.obj", ".mesh.0123abcg.obj", "mesh.0123abcd.obj"):
        assert target_of(name) is None


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_leaves_nothing_and_keeps_the_old(tmp_path, error):
    old = tmp_path / "old.txt"
    old.write_text("old")

    def fail(path):
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise error

    for path in (old, tmp_path / "a" / "b" / "new.txt"):
        with pytest.raises(error):
            fail(path)
    assert everything_below(tmp_path) == ["old.txt"]
    assert old.read_text() == "old"


def test_folders_that_were_there_stay(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match="no"), atomic_path(tmp_path / "a" / "b" / "c"):
        raise ValueError("no")
    assert everything_below(tmp_path) == ["a"]


def test_a_body_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileError, match=r"x\.txt: cannot be written"), atomic_path(tmp_path / "x.txt"):
        pass


def test_targets_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="folder cannot be made"), atomic_path(tmp_path / "file" / "x.txt"):
        pass
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(FileError, match="folder: cannot be written"):
        write_json(tmp_path / "folder", {})
    assert everything_below(tmp_path) == ["file", "folder", "folder/full"]


def test_json_refuses_what_json_has_no_word_for(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"psnr": float("nan")})
    assert everything_below(tmp_path) == []


def test_reading(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "full").write_bytes(b"abc")
    assert read_bytes(tmp_path / "full") == b"abc"
    for name, message in (("none", "no such file"), (".", "is a folder"), ("empty", "is empty")):
        with pytest.raises(FileError, match=message):
            read_bytes(tmp_path / name)


def test_an_error_of_the_system_names_the_file_and_not_the_temporary_one(tmp_path):
    with (
        pytest.raises(FileError, match=r"x\.txt: cannot be written: No space") as caught,
        atomic_path(tmp_path / "x.txt") as temporary,
    ):
        raise OSError(28, "No space left on device", str(temporary))
    assert temporary.name not in str(caught.value)
    with pytest.raises(FileError) as caught, atomic_path(tmp_path / "x.txt") as temporary:
        raise OSError(f"{temporary} will not do")
    assert str(caught.value) == f"{tmp_path / 'x.txt'}: cannot be written: {tmp_path / 'x.txt'} will not do"
    with pytest.raises(FileError, match=r"^inner$"), atomic_path(tmp_path / "x.txt"):
        raise FileError("inner")
    assert everything_below(tmp_path) == []


def test_checking_that_a_path_can_be_made_leaves_no_trace(tmp_path):
    (tmp_path / "file").write_text("x")
    check_creatable(tmp_path / "a" / "b" / "c")
    for path in (tmp_path / "file" / "x", tmp_path / "file" / "a" / "x"):
        with pytest.raises(FileError, match="x: its folder cannot be made"):
            check_creatable(path)
    assert everything_below(tmp_path) == ["file"]


@pytest.mark.parametrize("name", [5000 * "a", "zero\0byte", "half\ud800"])
def test_names_that_no_file_can_have(tmp_path, name):
    for work in (read_bytes, lambda path: write_text(path, "text"), check_creatable, load_posed_images):
        with pytest.raises(Error):
            work(tmp_path / name)
    assert not list(tmp_path.iterdir())
