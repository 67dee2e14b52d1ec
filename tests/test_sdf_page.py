"""docs/sdf.md: its programs run and find what they say, and its picture is that of the first one."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from names import ROOT

PAGE = (ROOT / "docs" / "sdf.md").read_text(encoding="utf-8")
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


def test_the_ring_is_found(tmp_path):
    found = printed("fit", tmp_path).partition("place ")[2]
    np.testing.assert_allclose(numbers(found), [0.5, 0.3, -0.4, 0.5, 0.15], atol=0.02)


def test_a_ball_becomes_a_ring(tmp_path):
    (overlap,) = numbers(printed("grid", tmp_path).partition("IoU")[2])
    assert overlap > 0.94


def test_a_ring_is_known_by_its_depth(tmp_path):
    (error,) = numbers(printed("codes", tmp_path).partition("surface:")[2])
    assert error < 0.03


def test_every_program_is_run():
    assert set(PROGRAMS) == {"picture", "fit", "grid", "codes"}


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)\s]+)\)", PAGE))
def test_links_lead_somewhere(target):
    path, _, anchor = target.partition("#")
    page = (ROOT / "docs" / path).resolve() if path else ROOT / "docs" / "sdf.md"
    assert page.exists(), target
    titles = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
    anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
    assert not anchor or anchor in anchors, target
