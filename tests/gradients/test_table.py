"""A short version of ``make gradients``: one case of each operation; and the page says what it must."""

import re

import pytest
from backends import SINGLE

from tests.gradients import measure
from tests.gradients.__main__ import PAGE, recorded
from tests.gradients.table import BACKENDS, OPERATIONS, Entry, entries, page, rounded_up, too_large

SHORT = [operation._replace(cases=dict([next(iter(operation.cases.items()))])) for operation in OPERATIONS]

_double = []


def in_double(request):
    """Central differences and errors of the short version in double precision, measured once."""
    if not _double:
        request.getfixturevalue("cpu64")
        _double.extend(measure.measure_differences(SHORT))
    return _double


def test_one_case_of_every_operation(request):
    _, errors = in_double(request)
    assert not too_large({"cpu64": errors})


@pytest.mark.parametrize("backend", SINGLE)
def test_one_case_of_every_operation_in_single_precision(request, backend):
    differences, _ = in_double(request)
    request.getfixturevalue(backend)
    assert not too_large({backend: measure.measure_gradients(SHORT, differences)})


def test_the_page_has_a_row_for_every_operation_and_no_error_too_large():
    text = PAGE.read_text()
    for operation in OPERATIONS:
        rows = [line.split(" | ") for line in text.splitlines() if line.startswith(f"| `{operation.name}` |")]
        numbers = [row for row in rows if not row[3].startswith("no: ")]
        assert numbers, operation.name
        assert {int(row[2]) for row in numbers} <= set(range(1, len(operation.cases) + 1)), operation.name
        assert {row[-1].removesuffix(" |") for row in numbers} <= set(operation.cases), operation.name
        assert {row[1]: row[3].removeprefix("no: ") for row in rows if row not in numbers} == operation.constant
        for row in numbers:
            for column, (_, _, _, limit) in zip(row[3:-1], BACKENDS.values(), strict=False):
                worst = re.search(r"\((.*)\)", column)
                assert worst is None or float(worst[1]) <= limit, row


def test_the_record_of_cuda_has_no_error_too_large_and_a_place_on_the_page():
    record = recorded()
    assert not too_large({"cuda": record})
    every = {(operation.group, operation.name, case) for operation in OPERATIONS for case in operation.cases}
    assert set(record) <= every
    assert f"CUDA float32: {len(record)} of the cases." in PAGE.read_text()


def test_errors_are_rounded_up():
    assert [rounded_up(x) for x in (0, 1e-5, 1.1e-5, 9.5e-6, 0.25)] == ["0", "1e-5", "2e-5", "1e-5", "3e-1"]


def test_a_cell_shows_median_and_worst_and_marks_what_is_too_large():
    row = Entry("losses", "mse", "prediction", {"cpu64": {"a": 1e-9, "b": 3e-9, "c": 2e-9}, "cpu32": {"a": 2e-3}})
    assert row.cell("cpu64") == "2e-9 (3e-9)"
    assert row.cell("cpu32") == "**2e-3 (2e-3)**"
    assert row.worst_case() == "a"


def test_nan_is_too_large():
    key = ("losses", "mse", "a case")
    assert too_large({"cpu64": {key: {"x": float("nan")}}})
    assert not too_large({"cpu64": {key: {"x": 1e-6}}})


def test_a_wrong_gradient_is_found(cpu64):
    class Wrong:
        inputs = {"x": measure.np.array([1.0, 2.0])}  # noqa: RUF012

        def write(self, name, values):
            self.x = values

        def value(self):
            return float((self.x**2).sum())

        def gradients(self):
            return {"x": 2.01 * self.inputs["x"]}

    operation = OPERATIONS[0]._replace(cases={"wrong": lambda rng: Wrong()})
    _, measured = measure.measure_differences([operation])
    assert entries({"cpu64": measured})[0].cell("cpu64") == "**5e-3 (5e-3)**"
    assert page({"cpu64": measured}, "1.0").count("**5e-3") == 1
