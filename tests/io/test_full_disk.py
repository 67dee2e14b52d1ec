"""A disk that is full, folders that cannot be written to, odd names: what writers leave behind."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.io.images import save_animation

PROGRAM = Path(__file__).with_name("full_disk.py")
NAMES = ("a.obj", "a.ply", "a.off", "a.stl", "a.glb", "b.png", "b.jpg", "b.exr", "b.bmp", "b.tif")
NAMES += ("grid.npz", "nerf.npz", "state.npz", "a.json", "c.gif")
ODD = ("two words", "a\nline", "\u00fcn\u00ef \u2192 \u2603", "-dash", "a'b\"c", "%20#?&", "--", ".hidden", "a.obj")
WRITERS = {
    "a.obj": lambda path: dr.save_mesh(dr.shapes.sphere(24, texture=np.full((4, 4, 3), 0.5)), path),
    "a.glb": lambda path: dr.save_mesh(dr.shapes.sphere(24), path),
    "a.png": lambda path: dr.save_image(path, np.full((4, 4, 3), 0.5)),
    "a.gif": lambda path: save_animation(path, [np.full((4, 4, 3), 0.5)] * 2),
}


def test_a_full_disk_is_said_of_each_file_and_keeps_what_was_there(tmp_path):
    pytest.importorskip("resource", reason="this system does not limit files")
    for name in NAMES:
        (tmp_path / name).write_text("before")
    done = subprocess.run([sys.executable, PROGRAM, tmp_path], capture_output=True, text=True, check=False, timeout=300)
    expected = [f"{tmp_path / name}: cannot be written: File too large" for name in NAMES]
    assert done.stdout.splitlines() == expected, done.stderr
    assert done.stderr == ""
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(NAMES, "before")


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_cannot_be_is_named_and_nothing_is_left(cpu64, tmp_path, name):
    (tmp_path / "file").write_text("x")
    with pytest.raises(dr.FileError, match=rf"file.folder.{name}: its folder cannot be made: "):
        WRITERS[name](tmp_path / "file" / "folder" / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="who may write everywhere is not refused")
@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_is_read_only_is_named(cpu64, tmp_path, name):
    tmp_path.chmod(0o500)
    with pytest.raises(dr.FileError, match=rf"{name}: cannot be written: Permission denied"):
        WRITERS[name](tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow such names")
@pytest.mark.parametrize("folder", ODD)
def test_odd_names_of_folders_are_names(cpu64, tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    for name, write in WRITERS.items():
        write(Path(folder) / name)
    assert dr.load_mesh(Path(folder) / "a.obj").has("texture")
    assert dr.load_mesh(Path(folder) / "a.glb").vertex_count == dr.shapes.sphere(24).vertex_count
    np.testing.assert_allclose(dr.load_image(Path(folder) / "a.png"), 0.5, atol=3e-3)
    with pytest.raises(dr.FileError) as caught:
        dr.load_mesh(Path(folder) / "b.obj")
    assert str(caught.value).startswith(f"{folder}/b.obj: ")
