"""The command line, whatever its output leads to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RENDER = [sys.executable, "-m", "taichi_dr", "render", "car", "a.png", "--size"]
VERSION = [sys.executable, "-m", "taichi_dr", "--version"]


def run(command, folder, shell=None, **environment):
    words = command if shell is None else ["bash", "-c", " ".join(command) + shell]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, env=os.environ | environment, timeout=120)


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {}])
def test_a_terminal_that_cannot_show_a_character_shows_another(tmp_path, environment):
    done = run([*RENDER, "100000"], tmp_path, **environment)
    assert done.returncode == 2
    expected = "100,000 x 100,000 pixels" if "PYTHONIOENCODING" in environment else "100,000 pixels would take 160 GB"
    assert expected in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_is_full_is_one_line(tmp_path):
    done = run(VERSION, tmp_path, shell=" > /dev/full")
    assert (done.returncode, done.stderr) == (2, "taichi-dr: error: the output: No space left on device\n")


@pytest.mark.parametrize("shell", [" >&-", " 2>&-", " >&- 2>&-"])
def test_a_closed_output_is_no_error(tmp_path, shell):
    done = run(VERSION, tmp_path, shell=shell)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr + done.stdout


def test_who_has_gone_is_not_told(tmp_path):
    done = run([sys.executable, "-m", "taichi_dr", "reconstruct", "--help"], tmp_path, shell=" | head -1")
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
