"""The command line: help, errors in one line, exit codes."""

import os
import signal
import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest

from taichi_dr import cli
from taichi_dr.io.images import save_image


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("command", [(), ("dataset",), ("reconstruct",), ("render",), ("doctor",)])
def test_help_has_examples(command, capsys):
    with pytest.raises(SystemExit) as exit_info:
        run(*command, "--help")
    assert exit_info.value.code == 0
    assert "taichi-dr" in capsys.readouterr().out


def test_a_missing_file_is_one_line_that_names_its_neighbours(tmp_path, capsys):
    (tmp_path / "spot.obj").touch()
    assert run("render", tmp_path / "spott.obj", tmp_path / "out.png") == 2
    error = capsys.readouterr().err
    assert error.startswith("taichi-dr: error: ")
    assert error.count("\n") == 1
    assert "did you mean" in error
    assert "spot.obj" in error
    assert not (tmp_path / "out.png").exists()


def test_a_misspelt_shape_is_recognised(tmp_path, capsys):
    assert run("dataset", "airplan", tmp_path / "out", "--backend", "cpu") == 2
    assert "did you mean airplane" in capsys.readouterr().err


def test_wrong_values_are_errors_not_tracebacks(tmp_path, capsys):
    assert run("dataset", "car", tmp_path / "out", "--views", "0") == 2
    assert "--views" in capsys.readouterr().err
    assert run("reconstruct", tmp_path / "none", tmp_path / "out") == 2
    assert "no such folder" in capsys.readouterr().err


def test_an_existing_data_set_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "train").mkdir()
    assert run("dataset", "car", tmp_path) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.usefixtures("own_runtime")
def test_render_writes_a_picture_and_a_turntable(tmp_path, capsys):
    picture, turntable = tmp_path / "car.png", tmp_path / "car.gif"
    options = ("--size", 48, "--turntable", turntable, "--frames", 3, "--backend", "cpu")
    assert run("render", "car", picture, *options) == 0
    pixels = iio.imread(picture)
    assert pixels.shape == (48, 48, 4)
    assert 0.1 < (pixels[..., 3] > 128).mean() < 0.9
    assert len(iio.imread(turntable, index=None)) == 3
    assert str(picture) in capsys.readouterr().out


@pytest.mark.usefixtures("own_runtime")
def test_render_soft(tmp_path):
    options = ("--soft", "--size", 32, "--lighting", "none", "--backend", "cpu")
    assert run("render", "sphere", tmp_path / "a.png", "--sigma", 1e-3, *options) == 0
    pixels = iio.imread(tmp_path / "a.png")
    assert pixels.shape == (32, 32, 4)
    assert pixels[0, 0].tolist() == [0, 0, 0, 0]
    assert pixels[16, 16, 3] > 250
    faint = (pixels[..., 3] > 8) & (pixels[..., 3] < 128)
    assert faint.sum() > 20
    # Straight alpha: the surface has one colour, at its blurred rim as in its middle.
    assert np.abs(pixels[faint, :3].astype(int) - pixels[16, 16, :3]).max() <= 1
    assert run("render", "sphere", tmp_path / "a.jpg", *options) == 0
    assert iio.imread(tmp_path / "a.jpg")[0, 0].min() > 250


@pytest.mark.parametrize("names", [("a.txt", "b.gif"), ("a.png", "b.txt"), ("a.png", "file/b.gif")])
def test_render_checks_its_paths_first(names, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("taichi_dr.runtime.init", lambda *a, **b: pytest.fail("the work has begun"))
    (tmp_path / "file").touch()
    picture, turntable = (tmp_path / name for name in names)
    assert run("render", "car", picture, "--turntable", turntable) == 2
    assert "error: " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.usefixtures("own_runtime")
def test_a_texture_must_be_there_and_be_of_use(tmp_path, capsys):
    save_image(tmp_path / "red.png", np.full((2, 2, 3), (1.0, 0.0, 0.0)))
    options = ("--size", 16, "--lighting", "none", "--backend", "cpu")
    for shape in ("box", "car"):
        assert run("render", shape, tmp_path / "a.png", "--texture", tmp_path / "missing.png", *options) == 2
        assert "missing.png: no such file" in capsys.readouterr().err
    assert run("render", "car", tmp_path / "a.png", "--texture", tmp_path / "red.png", *options) == 2
    assert "car: has no texture coordinates" in capsys.readouterr().err
    assert run("render", "sphere", tmp_path / "a.png", "--texture", tmp_path / "red.png", *options) == 0
    assert iio.imread(tmp_path / "a.png")[8, 8].tolist() == [255, 0, 0, 255]


def test_ctrl_c_has_its_exit_code(tmp_path, monkeypatch, capsys):
    def interrupted(settings):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("taichi_dr.jobs.dataset.make_dataset", interrupted)
    assert run("dataset", "car", tmp_path / "out") == 130
    assert "interrupted" in capsys.readouterr().err


def test_the_module_runs_quietly():
    command = [sys.executable, "-m", "taichi_dr", "--help"]
    environment = {name: value for name, value in os.environ.items() if name != "ENABLE_TAICHI_HEADER_PRINT"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0
    assert "reconstruct" in done.stdout
    assert "[Taichi]" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["dataset", "reconstruct"])
def test_an_output_that_cannot_be_made_is_an_error_before_the_work(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("taichi_dr.runtime.init", lambda *a, **b: pytest.fail("the work has begun"))
    (tmp_path / "file").touch()
    for out in ("/proc/foo/x", tmp_path / "file" / "x"):
        assert run(command, "car", out) == 2
        assert f"error: {out}" in capsys.readouterr().err
