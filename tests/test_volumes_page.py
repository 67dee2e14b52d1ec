"""docs/volumes.md: its programs run and find what they say, and its picture is that of the first one."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from names import ROOT

PAGE = (ROOT / "docs" / "volumes.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))


def printed(name, folder):
    """What the program prints; Taichi reads its source from the file."""
    (folder / f"{name}.py").write_text(PROGRAMS[name], encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}  # threads wait for busy cores
    command = [sys.executable, f"{name}.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", text)]


def test_the_first_picture(tmp_path):
    printed("picture", tmp_path)
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_the_puff_is_found(tmp_path):
    found = numbers(printed("fit", tmp_path).partition("place ")[2])
    np.testing.assert_allclose(found, [0.4, 0.3, -0.3, 0.4, 3.0], rtol=0.1, atol=0.01)


def test_the_sky_is_found_behind_the_mist(tmp_path):
    (error,) = numbers(printed("sky", tmp_path).partition("sky")[2])
    assert error < 0.01


def test_the_ring_is_found_without_masks(tmp_path):
    major, minor, beta = numbers(printed("walls", tmp_path).partition("ring")[2])
    np.testing.assert_allclose([major, minor, beta], [0.65, 0.2, 0.02], atol=0.005)


def test_every_program_is_run():
    assert set(PROGRAMS) == {"picture", "fit", "sky", "walls"}


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)\s]+)\)", PAGE))
def test_links_lead_somewhere(target):
    path, _, anchor = target.partition("#")
    page = (ROOT / "docs" / path).resolve() if path else ROOT / "docs" / "volumes.md"
    assert page.exists(), target
    titles = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
    anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
    assert not anchor or anchor in anchors, target
