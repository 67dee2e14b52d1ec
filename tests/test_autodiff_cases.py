"""docs/AUTODIFF.md says what this Taichi does: each case of docs/autodiff_cases.py, the page's tables and programs."""

import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from backends import GPUS

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "AUTODIFF.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
BACKEND_NAMES = {"cpu": "CPU", "cuda": "CUDA", "vulkan": "Vulkan"}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


autodiff_cases = load(DOCS / "autodiff_cases.py")


@cache
def words(backend):
    """By the name of the case: what Taichi does, and the numbers or the message behind it."""
    cases = autodiff_cases.cases_of(backend)
    return {one.name: (word, detail) for one, word, detail in autodiff_cases.measure(backend, cases)}


def complaint(one, backend, word, detail):
    name = BACKEND_NAMES[backend]
    if word == "right":
        return f"Taichi now gets {one.name} right on {name}: the table of docs/AUTODIFF.md and the workaround can go"
    return f"{one.name} on {name}: docs/AUTODIFF.md says {one.expected[backend]}, Taichi now does {word} ({detail})"


@pytest.mark.parametrize(
    ("backend", "one"),
    [(backend, one) for backend in ("cpu", *GPUS) for one in autodiff_cases.cases_of(backend)],
    ids=lambda value: getattr(value, "name", value),
)
def test_taichi_does_what_the_page_says(request, backend, one):
    if backend != "cpu":
        request.getfixturevalue(backend)
    word, detail = words(backend)[one.name]
    assert word == one.expected[backend], complaint(one, backend, word, detail)


def test_a_mended_pattern_is_told_plainly():
    one = next(one for one in autodiff_cases.CASES if one.name == "a local that accumulates")
    assert complaint(one, "vulkan", "right", "").startswith("Taichi now gets a local that accumulates right on Vulkan:")


def test_names_are_unique():
    names = [one.name for one in autodiff_cases.CASES]
    assert sorted(set(names)) == sorted(names)


def test_the_page_has_every_case_and_its_words():
    assert autodiff_cases.written_page(PAGE) == PAGE, "run python docs/autodiff_cases.py --page"


def test_right_everywhere_is_right():
    rights = [one for one in autodiff_cases.CASES if one.table == "right"]
    assert {one.expected[backend] for one in rights for backend in BACKEND_NAMES} == {"right"}


@pytest.mark.parametrize("program", PROGRAMS, ids=["straight_line", "own_adjoint"])
def test_the_programs_of_the_page_run(tmp_path, program):
    path = tmp_path / "program.py"
    path.write_text(program, encoding="utf-8")
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "central differences" in done.stdout
