"""docs/FORMULAS.md names functions, oracles and tests that exist, and leaves out no adjoint and no loss."""

import re

import pytest
from names import PACKAGE, ROOT, code_spans, functions_of, resolves

import taichi_dr as dr

PAGE = (ROOT / "docs" / "FORMULAS.md").read_text(encoding="utf-8")
WORDS = {"by hand", "central differences", "closed form", "scikit-image", "a ball of known place and size"}
"""Oracles that are no functions."""


def rows():
    """(section, [formula, function, oracle, test]) of every row of the tables."""
    for title, section in re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE):
        for line in section.splitlines():
            if line.startswith("|") and not line.startswith(("|---", "| formula ")):
                yield title, [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


ROWS = list(rows())


def named(column):
    """{name: section} of every code span in a column."""
    return {(section, span) for section, cells in ROWS for span in code_spans(cells[column])}


def is_function(section, name):
    return resolves(name, f"taichi_dr.{section.replace('/', '.')}") or resolves(name)


def file_of_test(section, name):
    """The file of a test ``name`` (without its suffix), given as below the section or below tests/."""
    paths = [ROOT / "tests" / section / f"{name}.py", ROOT / "tests" / f"{name}.py"]
    return next((path for path in paths if path.exists()), None)


def is_oracle(section, name):
    """Whether ``file.function`` is in tests/oracles/, or in the test file of that name."""
    file, _, function = name.rpartition(".")
    path = ROOT / "tests" / "oracles" / f"{file}.py"
    path = path if path.exists() else file_of_test(section, file)
    return path is not None and function in functions_of(path)


def is_test(section, name):
    file, _, function = name.partition("::")
    path = file_of_test(section, file)
    return path is not None and function.startswith("test_") and function in functions_of(path)


def test_every_row_is_complete():
    assert len(ROWS) > 50
    for section, cells in ROWS:
        assert len(cells) == 4, f"{section}: {cells}"
        assert all(cells), f"{section}: {cells}"
        assert code_spans(cells[1]), f"{section}: no function: {cells}"
        assert code_spans(cells[3]), f"{section}: no test: {cells}"
        assert code_spans(cells[2]) or cells[2] in WORDS, f"{section}: an oracle, or one of {WORDS}: {cells}"


@pytest.mark.parametrize(("column", "exists"), [(1, is_function), (2, is_oracle), (3, is_test)])
def test_what_is_named_exists(column, exists):
    missing = [f"{section}: {name}" for section, name in sorted(named(column)) if not exists(section, name)]
    assert not missing, "\n".join(missing)


def test_every_adjoint_of_the_kernels_has_a_row():
    mentioned = {name.rpartition(".")[2] for _, name in named(1)}
    derivatives = re.compile(r"[a-z]\w*(_adjoint|_slopes?|_gradient)$")
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((PACKAGE / "kernels").rglob("*.py"))
        for name in sorted(functions_of(path))
        if derivatives.match(name) and name not in mentioned
    ]
    assert not missing, "give these a row in docs/FORMULAS.md:\n" + "\n".join(missing)


def test_every_loss_has_a_row():
    mentioned = {name.rpartition(".")[2] for section, name in named(1) if section == "losses"}
    assert not set(dr.losses.__all__) - mentioned
