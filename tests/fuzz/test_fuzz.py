"""A short run of the fuzzer, and that what it begins with is valid."""

import warnings

import pytest
from fuzz.run import fuzz, table
from fuzz.seeds import FORMATS, looked_at

SEED, TRIES = 7, 12


@pytest.mark.parametrize("name", FORMATS)
def test_what_mutations_begin_with_is_valid(cpu64, tmp_path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        FORMATS[name].make(tmp_path)
    assert looked_at(name, tmp_path) == ("valid", "")


def test_whatever_a_file_holds_it_is_read_or_refused():
    counts = fuzz(2.0, SEED, list(FORMATS), tries=TRIES)
    assert {name: found[2] for name, found in counts.items() if found[2]} == {}
    assert all(sum(found) == TRIES for found in counts.values())


def test_the_table_has_a_row_for_each_format_and_one_for_all():
    assert table({"ply": [1, 2, 0], "off": [1000, 0, 3]}).splitlines()[2:] == [
        "| ply | 3 | 1 | 2 | 0 |",
        "| off | 1,003 | 1,000 | 0 | 3 |",
        "| all | 1,006 | 1,001 | 2 | 3 |",
    ]
