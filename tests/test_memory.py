"""How much memory there is, as this machine and its container tell it."""

import pytest

from taichi_dr import memory
from taichi_dr.errors import TooLargeError


@pytest.fixture
def told(tmp_path, monkeypatch):
    """A machine of 8 GB, of which 3 are free, and a control group of 2 GB which uses 1.5 and could give back 0.25."""
    files = {
        "meminfo": "MemTotal:       8000000 kB\nMemFree:  100 kB\nMemAvailable:   3000000 kB\n",
        "max": "2000000000\n",
        "current": "1500000000\n",
        "stat": "anon 5\ninactive_file 250000000\nactive_file 7\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "GROUPS", [[str(tmp_path / name) for name in ("max", "current", "stat")]])
    return tmp_path


def test_the_smaller_of_machine_and_container_counts(told):
    assert memory.available() == 750_000_000
    (told / "max").write_text("max\n")
    assert memory.available() == 3_072_000_000
    (told / "max").write_text("10\n")
    assert memory.available() == 0


def test_where_nothing_tells_nothing_is_refused(told, monkeypatch):
    for name in ("meminfo", "max"):
        (told / name).unlink()
    assert memory.available() > 1e8  # all that the machine has
    monkeypatch.delattr(memory.os, "sysconf")
    assert memory.available() is None
    assert memory.lacking(10**30) == ""


def test_both_sizes_are_named(told):
    memory.check_memory("a grid", 700_000_000)
    expected = r"^a grid would take 100 GB of memory, and there are 750 MB: take a smaller --resolution$"
    with pytest.raises(TooLargeError, match=expected):
        memory.check_memory("a grid", 10**11, "take a smaller --resolution")
    with pytest.raises(MemoryError):
        memory.check_memory("a grid", 10**11)
