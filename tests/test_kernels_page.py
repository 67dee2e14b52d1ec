"""docs/kernels.md: its programs run and have right gradients, and what it lists is there and shown in one of them."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from names import ROOT, code_spans, exists, module_files

import taichi_dr as dr
from taichi_dr.errors import GradientError
from taichi_dr.straightline import require_straight_line

PAGE = (ROOT / "docs" / "kernels.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
BY_HAND = ("by_hand", "soft", "ball")
"""Programs that print a line for each input: its name, the derivative by the adjoint, the one by differences."""

CHECK = """
sun[None] = (-1.0, 0.6, 0.2)
def program():
    render()
    dr.losses.mse(picture, target[None], loss)
    return loss
fields = {"sun": sun, "vertices": mesh.vertices, "uv": mesh.uv, "texture": mesh.texture, "eye": camera.eye}
print(dr.check_gradients(program, fields, step=1e-6))
"""


def printed(program, folder):
    """What a program prints; Taichi reads its source from the file."""
    (folder / "program.py").write_text(program, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "program.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows():
    """The cells of every row of the page's tables but their heads."""
    for head, body in re.findall(r"^(\|.*\|)\n\|[-|]+\|\n((?:\|.*\|\n)+)", PAGE, re.MULTILINE):
        for line in body.splitlines():
            yield head, [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def listed():
    """Names of the package's functions that the tables list."""
    spans = [span for _, cells in rows() for cell in (cells[0], cells[-1]) for span in code_spans(cell)]
    called = (re.sub(r"\(.*\)$", "", span) for span in spans)
    others = ("draw.", "ti.", "dr.")
    return sorted({name for name in called if re.fullmatch(r"[A-Za-z]\w*\.\w+", name) and not name.startswith(others)})


def test_the_shader_runs_and_finds_the_sun(tmp_path):
    angle = re.search(r"([0-9.]+) degrees", printed(PROGRAMS["toon"], tmp_path))
    assert float(angle[1]) < 1
    assert (tmp_path / "toon.png").stat().st_size > 10_000


def test_the_shaders_gradient_equals_central_differences(tmp_path):
    small = PROGRAMS["toon"].replace("dr.init()", 'dr.init("cpu", float64=True)').replace("(240, 320)", "(48, 64)")
    assert small.count("float64") == small.count("(48, 64)") == 1
    assert_right(printed(small.replace("range(120)", "range(2)") + CHECK, tmp_path), 5)


@pytest.mark.parametrize(("name", "fields"), [("normals", 1), ("triangle", 2)])
def test_programs_on_the_tape_have_right_gradients(tmp_path, name, fields):
    assert_right(printed(PROGRAMS[name], tmp_path), fields)


def assert_right(report, count):
    """A report of ``check_gradients`` on so many fields."""
    assert len(re.findall(r"^\w+ +right ", report, re.MULTILINE)) == count, report
    assert not re.search("wrong|unclear", report), report


@pytest.mark.parametrize("name", BY_HAND)
def test_programs_by_hand_have_right_gradients(tmp_path, name):
    lines = [line.split() for line in printed(PROGRAMS[name], tmp_path).splitlines() if len(line.split()) == 3]
    assert len(lines) >= 2
    for what, by_adjoint, by_differences in lines:
        np.testing.assert_allclose(float(by_adjoint), float(by_differences), rtol=1e-6, err_msg=f"{name}: {what}")


def test_every_program_is_run():
    assert set(PROGRAMS) == {"toon", "normals", "triangle", *BY_HAND}


def test_what_is_listed_exists_and_is_used_by_a_program():
    names = listed()
    assert len(names) > 25
    assert not [name for name in names if not exists(name)]
    code = "\n".join(PROGRAMS.values())
    unused = [name for name in names if not re.search(rf"\b{name.rpartition('.')[2]}\b", code)]
    assert not unused, f"no program of docs/kernels.md shows {', '.join(unused)}"


def test_primitives_have_the_methods_that_are_called():
    called = set(re.findall(r"draw\.(\w+)", PAGE))
    assert {"rasterize", "interpolate", "texture", "antialias"} <= called
    assert not [name for name in called if not hasattr(dr.Primitives, name)]


def test_what_is_called_loop_free_is():
    functions = [(code_spans(cells[0])[0], cells[3]) for head, cells in rows() if "loop-free" in head]
    assert len(functions) > 5
    for name, loop_free in functions:
        function = find(name)
        if loop_free == "yes":
            require_straight_line(function)
        else:
            with pytest.raises(GradientError, match="a loop that is not"):
                require_straight_line(function)


def find(name):
    """The function ``module.name`` of the kernels."""
    module, _, function = name.rpartition(".")
    (found,) = (full for full in module_files() if full.startswith("taichi_dr.kernels") and full.endswith(f".{module}"))
    return getattr(sys.modules.get(found) or __import__(found, fromlist=[function]), function)
