"""The command line: help, errors in one line, exit codes."""

import os
import signal
import subprocess
import sys

import imageio.v3 as iio
import pytest

from taichi_dr import cli


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
    assert run("render", "icosphere", tmp_path / "a.png", "--soft", "--size", 32, "--backend", "cpu") == 0
    assert iio.imread(tmp_path / "a.png")[16, 16].mean() < 255


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
