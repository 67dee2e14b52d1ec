"""The README's programs run as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: f"{len(program.splitlines())} lines")
def test_programs_run(tmp_path, program):
    (tmp_path / "program.py").write_text(program, encoding="utf-8")  # Taichi reads its source
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = re.findall(r'"(\S+\.(?:png|glb))"\)', program)
    assert written
    assert all((tmp_path / name).stat().st_size > 1000 for name in written)
    printed = re.search(r"soft IoU ([0-9.]+)", done.stdout)
    assert printed is None or float(printed[1]) > 0.9


def test_pictures_exist():
    pictures = re.findall(r"\]\((docs/[^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert pictures
    assert not [name for name in pictures if not (ROOT / name).exists()]
