"""Which functions are refused before Taichi differentiates them wrongly."""

import math

import pytest
import taichi as ti
from taichi import static as unrolled

from taichi_dr.errors import GradientError
from taichi_dr.straightline import require_straight_line


@ti.func
def straight(x):
    total = 0.0
    for k in ti.static(range(3)):
        for j in unrolled(ti.ndrange(2, 2)):
            total += x[k] * j[0]
    if total > 0:
        total = ti.sqrt(total)
    return total


@ti.func
def looping(x):
    total = 0.0
    for k in range(3):
        total += x[k]
    return total


@ti.func
def waiting(x):
    while x < 3:
        x += 1
    return x


@ti.func
def leaving(x):
    for k in ti.static(range(3)):
        if x > k:
            break
    return x


@ti.func
def calls_looping(x):
    return 2 * looping(x)


@ti.func
def calls_twice(x):
    return straight(x) + calls_looping(x) + math.pi


@ti.func
def calls_itself(x):
    return calls_itself(x) + straight(x)


@ti.kernel
def outer_loop(n: ti.i32) -> float:
    total = 0.0
    for i in range(n):
        total += straight(ti.Vector([i, i, i]))
    return total


@ti.kernel
def inner_loop(n: ti.i32) -> float:
    total = 0.0
    for i in range(n):
        for j in range(i):
            total += j
    return total


@ti.data_oriented
class Scene:
    @ti.func
    def density(self, x):
        return self.sum(x)

    @ti.func
    def sum(self, x):
        total = 0.0
        for k in range(3):
            total += x[k]
        return total

    @ti.func
    def good(self, x):
        return straight(x)

    @ti.kernel
    def run(self):
        for _ in range(3):
            self.density(ti.Vector([0.0, 0.0, 0.0]))

    @ti.kernel
    def run_good(self):
        for _ in range(3):
            self.good(ti.Vector([0.0, 0.0, 0.0]))


@pytest.mark.parametrize("func", [straight, calls_itself, outer_loop, Scene().good, Scene().run_good])
def test_straight_lines_pass(func):
    require_straight_line(func)


@pytest.mark.parametrize(
    ("func", "name", "what"),
    [
        (looping, "looping", "a loop that is not ti.static"),
        (waiting, "waiting", "`while`"),
        (leaving, "leaving", "`break`"),
        (calls_looping, "looping", "a loop that is not ti.static"),
        (calls_twice, "looping", "a loop that is not ti.static"),
        (inner_loop, "inner_loop", "a loop that is not ti.static"),
        (Scene().density, r"Scene\.sum", "a loop that is not ti.static"),
        (Scene().run, r"Scene\.sum", "a loop that is not ti.static"),
    ],
)
def test_loops_are_refused_by_name_file_and_line(func, name, what):
    with pytest.raises(GradientError, match=rf"{name} has {what} \(.*test_straightline\.py, line \d+\).*ti\.static"):
        require_straight_line(func)


def test_the_line_is_that_of_the_loop():
    with pytest.raises(GradientError) as error:
        require_straight_line(looping)
    line = int(str(error.value).split("line ")[1].split(")")[0])
    with open(__file__) as file:
        assert file.read().splitlines()[line - 1].strip() == "for k in range(3):"


def test_closures_are_followed():
    def make(inner):
        @ti.func
        def outer(x):
            return inner(x)

        return outer

    require_straight_line(make(straight))
    with pytest.raises(GradientError, match="looping"):
        require_straight_line(make(looping))


def test_other_things_are_refused():
    with pytest.raises(GradientError, match=r"expected a ti\.func"):
        require_straight_line(3)
    with pytest.raises(GradientError, match="source of <lambda> cannot be read"):
        require_straight_line(ti.func(eval("lambda x: x")))
