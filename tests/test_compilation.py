"""How Taichi compiles: who is told, how long it takes, and that the short cuts through its reading change nothing."""

import linecache
import os
import subprocess
import sys
import time

import pytest
import taichi as ti
from taichi.lang import kernel_impl

import taichi_dr as dr
from taichi_dr.compilation import _once_per_code, seconds_compiling, watching

pytestmark = pytest.mark.usefixtures("cpu32")


@ti.kernel
def _doubled(x: ti.template()) -> float:
    return 2.0 * x


@ti.kernel
def _names_nothing(x: ti.types.ndarray(ndim=1)):
    for i in range(3):
        x[i] = undefined + 1.0  # noqa: F821


def test_a_kernel_is_told_of_before_it_is_compiled_and_timed_then_alone():
    told = []
    with watching(lambda name: told.append((name, seconds_compiling()))):
        started = seconds_compiling()
        assert _doubled(1.5) == 3.0
        compiled = seconds_compiling()
        assert told == [("_doubled", started)]
        assert compiled > started
        assert _doubled(1.5) == 3.0
        assert seconds_compiling() == compiled
        assert _doubled(2.5) == 5.0  # a template argument of another value
    assert [name for name, _ in told] == ["_doubled", "_doubled"]
    assert _doubled(3.5) == 7.0
    assert len(told) == 2


def test_errors_of_kernels_still_show_the_place_in_the_source():
    with pytest.raises(ti.TaichiCompilationError) as error:
        _names_nothing(ti.ndarray(float, 3))
    shown = str(error.value).splitlines()
    assert shown[1].endswith("in _names_nothing:")
    assert shown[2].strip() == "x[i] = undefined + 1.0  # noqa: F821"
    assert shown[3].strip() == "^" * len("undefined")


def defined(source, name, file):
    """The object ``name`` that ``source``, a cell of a notebook, defines."""
    linecache.cache[file] = len(source), None, source.splitlines(True), file
    names = {"ti": ti}
    exec(compile(source, file, "exec"), names)
    return names[name]


def test_a_function_defined_again_is_read_again():
    """As in a notebook, whether its cells keep their file or get a new one."""
    cell = "@ti.func\ndef value(): return {}\n\n@ti.kernel\ndef kernel() -> int: return value()\n"
    for number, file in ((1, "<cell 1>"), (2, "<cell 2>"), (3, "<cell 2>")):
        assert defined(cell.format(number), "kernel", file)() == number


def test_a_source_is_looked_up_once_until_the_code_changes():
    looked_up = []

    def find(function):
        looked_up.append(function)
        return function.__name__

    find_once = _once_per_code(find)

    def one():
        return 1

    def two():
        return 2

    assert [find_once(one), find_once(one), find_once(two)] == ["one", "one", "two"]
    assert looked_up == [one, two]
    one.__code__ = two.__code__  # as a module that is reloaded in place does
    assert find_once(one) == "one"
    assert looked_up == [one, two, one]


def test_methods_are_known_from_functions_wherever_their_class_is():
    def local():
        @ti.data_oriented
        class Local(Plain):
            @ti.kernel
            def four(self) -> int:
                return self.two() + self.two()

        return Local

    @ti.kernel
    def function() -> int:
        return 5

    assert (Plain().three(), local()().four(), local()().three(), function()) == (3, 4, 3, 5)
    assert not function._is_classkernel
    source = "@ti.data_oriented\nclass Cell:\n    @ti.kernel\n    def six(self) -> int: return 6\n"
    assert defined(source, "Cell", "<cell 3>")().six() == 6


@ti.data_oriented
class Plain:
    """With a method of each kind."""

    @ti.func
    def two(self):
        return 2

    @staticmethod
    @ti.func
    def one():
        return 1

    @ti.kernel
    def three(self) -> int:
        return self.two() + self.one()


def test_every_replacement_is_in_place():
    assert kernel_impl.getsourcelines.__name__ == kernel_impl.getsourcefile.__name__ == "find_once"
    assert kernel_impl._inside_class.__name__ == "inside_class"
    assert kernel_impl.Kernel.__call__.__name__ == "call_and_time"


@ti.kernel
def _first_to_name(mesh: ti.template()) -> float:
    return mesh.vertices[0, 0][0]


def test_a_field_that_is_made_while_a_kernel_is_compiled_is_timed_once():
    mesh = dr.Mesh([[3, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2]])
    timed, started = seconds_compiling(), time.perf_counter()
    assert _first_to_name(mesh) == 3.0
    assert 0 < seconds_compiling() - timed <= time.perf_counter() - started


KEPT = """
import taichi as ti, taichi_dr as dr
dr.init("cpu")
@ti.kernel
def half(x: float) -> float:
    return 0.5 * x
assert half(3.0) == 1.5
"""


@pytest.mark.parametrize(("age_seconds", "is_kept"), [(3600, True), (0, False)])
def test_a_lock_that_a_killed_process_has_left_does_not_keep_the_cache_shut(tmp_path, age_seconds, is_kept):
    lock = tmp_path / "ticache.lock"
    lock.touch()
    os.utime(lock, (time.time() - age_seconds,) * 2)
    (tmp_path / "half.py").write_text(KEPT)
    environment = os.environ | {"TI_OFFLINE_CACHE_FILE_PATH": str(tmp_path)}
    subprocess.run([sys.executable, tmp_path / "half.py"], env=environment, check=True)
    assert lock.exists() != is_kept  # another process may hold a new one
    assert bool(list(tmp_path.glob("*.tic"))) == is_kept
