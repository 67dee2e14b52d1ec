"""What Taichi's reverse mode gets right, silently wrong or fatal: each pattern as a kernel, and what it does here.

    python docs/autodiff_cases.py                  # every backend that this machine has
    python docs/autodiff_cases.py cpu vulkan       # these
    python docs/autodiff_cases.py cpu --only loop  # the cases with "loop" in their names
    python docs/autodiff_cases.py --page           # writes the tables of AUTODIFF.md anew; measures nothing

Needs Taichi and NumPy.  A case is a program that computes a field ``y`` from a field ``x``.  The gradient of the
weighted sum of ``y`` by ``ti.ad.Tape`` is compared with central differences, in float64 on CPU and CUDA and in float32
on Vulkan, and gets one word (``WORDS``).  Child processes run the cases: if a case ends one, another goes on.
"""

import argparse
import ast
import contextlib
import inspect
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import taichi as ti

PAGE = Path(__file__).with_name("AUTODIFF.md")
BACKENDS = {"cpu": ti.cpu, "cuda": ti.cuda, "vulkan": ti.vulkan}
WORDS = {
    "right": "equal to central differences",
    "silent": "a wrong number, and no error",
    "zeros": "zeros where the slope is not zero, and no error",
    "nan": "NaN where the slope is finite, and no error",
    "error": "an exception",
    "crash": "the process ends",
}
"""What a gradient can turn out to be; a trap has words of its own."""

N = 5
INPUT = np.linspace(0.31, 0.79, N)
MARK = "result: "
NOT_STARTED = 3
CASES = []


class NotStartedError(Exception):
    """This machine does not have the backend."""


@dataclass(frozen=True)
class Case:
    """A pattern, and by backend the word that Taichi 1.7.4 earns with it; ``verdict`` finds the word of this Taichi."""

    table: str
    name: str
    program: Callable
    expected: dict
    instead: str = ""
    arguments: Callable = tuple
    """Makes what the program takes behind ``x`` and ``y``."""
    make_x: Callable | None = None
    values: np.ndarray = field(default_factory=lambda: INPUT)
    options: dict = field(default_factory=dict)
    """Of ``ti.init``, besides ``start``'s."""
    shows: tuple = ()
    """Functions that belong to the excerpt."""

    def verdict(self):
        """The word for what Taichi does here, and the numbers or the message behind it."""
        try:
            return self.measure()
        except Exception as error:
            return "error", message(error)

    def measure(self):
        return compare(*Gradients(self).both())

    def excerpt(self):
        return [*map(source, self.shows), body(self.program)]


@dataclass(frozen=True)
class Trap(Case):
    """What is not a gradient to compare: the program says the word itself."""

    def measure(self):
        return self.program(), ""

    def excerpt(self):
        return [*map(source, self.shows)]


def case(table, name, cpu, vulkan, cuda=None, kind=Case, **details):
    """Adds the kernel or function below it to ``CASES``; Vulkan may be without it; CUDA does as the CPU by default."""

    def add(program):
        expected = {"cpu": cpu, "cuda": cuda or cpu, "vulkan": vulkan}
        expected = {backend: word for backend, word in expected.items() if word}
        CASES.append(kind(table, name, program, expected, **details))
        return program

    return add


def right(name, **details):
    return case("right", name, "right", "right", **details)


def wrong(name, cpu, vulkan, **details):
    return case("wrong", name, cpu, vulkan, **details)


def at_zero(name, cpu, vulkan, **details):
    return case("zero", name, cpu, vulkan, values=np.zeros(N), **details)


def trap(name, cpu, vulkan, **details):
    return case("traps", name, cpu, vulkan, kind=Trap, **details)


# ---------------------------------------------------------------------------------------------------------------------
# Measuring


def fp():
    """The floating type of this run: ``default_fp`` of ``ti.init``."""
    return ti.lang.impl.current_cfg().default_fp


def scalars(**options):
    return ti.field(fp(), N, **({"needs_grad": True} | options))


def vectors():
    return ti.Vector.field(3, fp(), N, needs_grad=True)


def total():
    return ti.field(fp(), (), needs_grad=True)


@cache
def inputs():
    """``x`` of most cases: fields of one start of Taichi are shared, because helpers compile anew for every field."""
    return scalars()


@cache
def results():
    """``y`` and the loss."""
    return scalars(), total()


@ti.kernel
def weigh(y: ti.template(), loss: ti.template()):
    for i in y:
        loss[None] += (1 + 0.3 * i) * y[i]


class Gradients:
    """Gradients of the weighted sum of what a case computes, by the tape and by central differences."""

    def __init__(self, case):
        self.program, self.values = case.program, np.asarray(case.values)
        self.x = (case.make_x or inputs)()
        self.y, self.loss = results()
        self.arguments = case.arguments()
        self.step = 1e-6 if fp() == ti.f64 else 5e-3

    def both(self):
        return self.by_tape(), self.by_differences()

    def by_tape(self):
        self.reset(self.values)
        with ti.ad.Tape(self.loss):
            self.forward()
        return self.x.grad.to_numpy().ravel()

    def by_differences(self):
        steps = self.step * np.eye(self.values.size).reshape(-1, *self.values.shape)
        return np.array([self.at(self.values + h) - self.at(self.values - h) for h in steps]) / (2 * self.step)

    def at(self, values):
        self.reset(values)
        self.forward()
        return self.loss[None]

    def reset(self, values):
        self.x.from_numpy(values.astype(np.float64 if fp() == ti.f64 else np.float32))
        for one in [self.y, self.loss, *self.arguments]:
            if getattr(one, "grad", None) is not None:
                one.fill(0)

    def forward(self):
        self.program(self.x, self.y, *self.arguments)
        weigh(self.y, self.loss)


def compare(found, expected):
    """The word for the gradient ``found`` where central differences say ``expected``."""
    numbers = f"{np.array2string(found, precision=4)}, differences {np.array2string(expected, precision=4)}"
    if not np.isfinite(found).all():
        return "nan", numbers
    tolerance = (1e-6 if fp() == ti.f64 else 5e-3) * np.abs(expected).max()
    if np.abs(found - expected).max() <= tolerance:
        return "right", numbers
    return ("silent" if found.any() else "zeros"), numbers


def message(error):
    """One line of an error: what Taichi's compiler says, else the last line (Taichi puts the user's code first)."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return next((line for line in lines if re.match(r"\[\w+\.cpp:", line)), lines[-1])


def start(backend, options, float32=False):
    """Starts Taichi anew."""
    inputs.cache_clear()
    results.cache_clear()
    real = ti.f32 if float32 or backend == "vulkan" else ti.f64
    ti.init(**({"arch": BACKENDS[backend], "default_fp": real, "log_level": ti.CRITICAL} | options))
    if ti.lang.impl.current_cfg().arch != BACKENDS[backend]:
        sys.exit(NOT_STARTED)


# ---------------------------------------------------------------------------------------------------------------------
# Right on every backend


@right("one parallel loop with a loop-free body")
@ti.kernel
def plain(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = x[i] * ti.sin(x[i])


@right("`ti.ndrange`, and sums into a field")
@ti.kernel
def pairs(x: ti.template(), y: ti.template()):
    for i, j in ti.ndrange(N, N):
        y[i] += x[i] * ti.exp(x[j])
        y[0] -= x[j]


@right("an inner loop in `ti.static`, a local carried through it")
@ti.kernel
def static_loop(x: ti.template(), y: ti.template()):
    for i in x:
        s = 1.0
        for _ in ti.static(range(4)):
            s = ti.max(0.2, s * x[i]) + ti.exp(-s)
        y[i] = s


@right("`if` and `else` that assign locals, a ternary")
@ti.kernel
def branches(x: ti.template(), y: ti.template()):
    for i in x:
        a = 0.0
        if x[i] > 0.5:
            a = x[i] ** 2
        else:
            a = ti.sin(x[i])
        y[i] = a * (x[i] if i > 2 else 3.0)


@right("an `if` that keeps a NaN away: its body is not evaluated")
@ti.kernel
def guarded(x: ti.template(), y: ti.template()):
    for i in x:
        if x[i] > 0.49:
            y[i] = ti.sqrt(x[i] - 0.49)


@ti.func
def swap(a, b):
    return b, ti.sin(a)


@ti.func
def swap_twice(a, b):
    c, d = swap(a, b)
    return swap(c, d)


@right("`ti.func`s in `ti.func`s, several results", shows=(swap, swap_twice))
@ti.kernel
def nested(x: ti.template(), y: ti.template()):
    for i in x:
        a, b = swap_twice(x[i], x[i] ** 2)
        y[i] = a * b


@ti.dataclass
class Ray:
    origin: ti.math.vec3
    direction: ti.math.vec3

    @ti.func
    def at(self, t):
        return self.origin + t * self.direction


@right("values of a `@ti.dataclass`")
@ti.kernel
def dataclass_values(x: ti.template(), y: ti.template()):
    for i in x:
        ray = Ray(ti.Vector([x[i], 0, 1]), ti.Vector([1, x[i], 2]))
        y[i] = ray.at(x[i]).dot(ray.origin)


@right("matrices with constant indices: products, determinant, inverse")
@ti.kernel
def matrices(x: ti.template(), y: ti.template()):
    for i in x:
        a = ti.Matrix([[2, x[i], 0], [x[i], 3, 1], [0, 1, x[i] + 2]])
        v = a.inverse() @ ti.Vector([1, x[i], 2])
        y[i] = a.determinant() + v[0] * v[2] + (a @ a.transpose())[1, 2]


@ti.func
def rotate(q, v):
    return v + 2 * q.xyz.cross(q.xyz.cross(v) + q.w * v)


@right("a rotation by a quaternion", shows=(rotate,))
@ti.kernel
def quaternion(x: ti.template(), y: ti.template()):
    for i in x:
        q = ti.math.normalize(ti.math.vec4(x[i], 0.3, -0.2, 1))
        y[i] = rotate(q, ti.math.vec3(1, x[i], 0)).z


@right("`ti.svd`, the polar rotation")
@ti.kernel
def svd(x: ti.template(), y: ti.template()):
    for i in x:
        u, s, v = ti.svd(ti.Matrix([[1 + x[i], 0.2], [x[i], 0.5]]))
        y[i] = (u @ v.transpose())[0, 1] + s[0, 0]


@right("`ti.math`: dot, cross, normalize, mix, clamp, min, max, fract, mod")
@ti.kernel
def math_functions(x: ti.template(), y: ti.template()):
    for i in x:
        v = ti.math.normalize(ti.math.vec3(x[i], 1, 2))
        c = ti.math.cross(v, ti.math.vec3(1, x[i], 0))
        a = ti.math.mix(v.x, c.z, x[i]) + ti.math.clamp(x[i], 0.4, 0.6)
        b = ti.math.fract(2 * x[i]) + ti.math.mod(x[i], 0.25) + ti.math.dot(v, c)
        y[i] = ti.max(a, x[i]) + ti.min(b, x[i]) * a


@right("sin, cos, asin, acos, atan2, exp, log, sqrt, rsqrt, tanh, pow, abs")
@ti.kernel
def elementary(x: ti.template(), y: ti.template()):
    for i in x:
        a = ti.sin(x[i]) + ti.cos(x[i]) * ti.asin(x[i]) - ti.acos(x[i]) + ti.atan2(x[i], 0.3)
        b = ti.exp(x[i]) + ti.log(x[i]) * ti.sqrt(x[i]) + ti.rsqrt(x[i])
        y[i] = a + b + ti.tanh(x[i]) * x[i] ** 2.5 + ti.abs(x[i] - 0.5)


@right("a field stored, then read at the same index", arguments=lambda: (scalars(),))
@ti.kernel
def store_then_read(x: ti.template(), y: ti.template(), t: ti.template()):
    for i in x:
        t[i] = x[i] ** 2
        y[i] = ti.sin(t[i]) * x[i]


@right("several parallel loops in one kernel", arguments=lambda: (scalars(),))
@ti.kernel
def two_loops(x: ti.template(), y: ti.template(), t: ti.template()):
    for i in x:
        t[0] += x[i] ** 2
    for i in y:
        y[i] = t[0] * x[i]


@ti.kernel
def sum_of_squares(x: ti.template(), t: ti.template()):
    for i in x:
        t[i // 2] += x[i] ** 2


@ti.kernel
def add_sin(t: ti.template(), y: ti.template()):
    for i in t:
        y[i] += ti.sin(t[i])


@right(
    "a field that one kernel adds to and a later one reads",
    arguments=lambda: (scalars(),),
    shows=(sum_of_squares, add_sin),
)
def two_kernels(x, y, t):
    sum_of_squares(x, t)
    add_sin(t, y)


def order():
    """An index field: a permutation of 0, ..., N - 1 but for one repetition."""
    field = ti.field(ti.i32, N)
    field.from_numpy(np.array([3, 1, 4, 1, 0], np.int32))
    return field


@right("reads through an index field (gather)", arguments=lambda: (order(),))
@ti.kernel
def gather(x: ti.template(), y: ti.template(), order: ti.template()):
    for i in x:
        y[i] = x[order[i]] ** 2 * x[i]


@right("a lookup between cells: floor and cast, the fraction kept")
@ti.kernel
def lookup(x: ti.template(), y: ti.template()):
    for i in x:
        u = x[i] * (N - 1)
        k = ti.cast(ti.floor(u), ti.i32)
        y[i] = x[k] + (u - k) * (x[k + 1] - x[k])


@right("vector fields", make_x=vectors, values=np.linspace(-1, 1, 3 * N).reshape(N, 3))
@ti.kernel
def vector_field(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = x[i].dot(x[i]) + x[i].cross(x[0]).y


def particles():
    return ti.Struct.field({"p": ti.types.vector(2, fp()), "m": fp()}, shape=N, needs_grad=True)


@right("struct fields", arguments=lambda: (particles(),))
@ti.kernel
def struct_field(x: ti.template(), y: ti.template(), s: ti.template()):
    for i in x:
        s[i].p = ti.Vector([x[i], x[i] ** 2])
        s[i].m = ti.exp(x[i])
    for i in y:
        y[i] = s[i].m * s[i].p.x + s[0].p.y


@ti.kernel
def scaled_with(x: ti.template(), y: ti.template(), a: float, m: ti.types.matrix(2, 2, float)):
    for i in x:
        v = m @ ti.Vector([x[i], 1])
        y[i] = a * v[0] * v[1]


@right("numbers and matrices as arguments", shows=(scaled_with,))
def scaled(x, y):
    scaled_with(x, y, 1.5, ti.Matrix([[1.0, 2.0], [3.0, 4.0]]))


@ti.data_oriented
class Spring:
    def __init__(self):
        self.stiffness = 3.0

    @ti.kernel
    def energy(self, x: ti.template(), y: ti.template()):
        for i in x:
            y[i] = 0.5 * self.stiffness * x[i] ** 2


@right("methods of a `@ti.data_oriented` class", shows=(Spring.energy,), arguments=lambda: (Spring(),))
def data_oriented(x, y, spring):
    spring.energy(x, y)


@ti.func
def random(seed):
    h = ti.cast(seed, ti.u32) * ti.u32(747796405) + ti.u32(12345)
    h = (h ^ (h >> ti.u32(15))) * ti.u32(277803737)
    return ti.cast(h >> ti.u32(8), float) / 16777216


@right("random numbers from a hash of a counter", shows=(random,))
@ti.kernel
def noise(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = random(i) * x[i] ** 2


@right("an inner loop that only adds into fields and reads all it needs itself", arguments=lambda: (N,))
@ti.kernel
def inner_adds(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        for j in range(n):
            y[j] += ti.exp(x[i] * x[j]) * ti.max(x[i], 0.5)


@right("an `if` in such an inner loop", arguments=lambda: (N,))
@ti.kernel
def inner_if(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        for j in range(n):
            if x[i] + x[j] > 1.15:
                y[j] += ti.exp(x[i] * x[j])


@ti.kernel
def root_forward(x: ti.template(), y: ti.template()):
    for i in x:
        r = 1.0
        while abs(r * r - x[i]) > 1e-5:
            r = 0.5 * (r + x[i] / r)
        y[i] = 0.5 * (r + x[i] / r)


@ti.kernel
def root_adjoint(x: ti.template(), y: ti.template()):
    for i in x:
        x.grad[i] += y.grad[i] / (2 * y[i])


@ti.ad.grad_replaced
def root(x, y):
    root_forward(x, y)


@ti.ad.grad_for(root)
def root_gradient(x, y):
    root_adjoint(x, y)


@right("a hand-written adjoint (`ti.ad.grad_replaced`); the kernel uses `while`", shows=(root_forward, root_adjoint))
def replaced(x, y):
    root(x, y)


# ---------------------------------------------------------------------------------------------------------------------
# Wrong or fatal


PAIR = "a static loop, or [an adjoint of its own](#a-kernel-with-an-adjoint-of-its-own)"


@wrong(
    "a value loaded before an inner loop and used in it",
    "silent",
    "silent",
    arguments=lambda: (N,),
    instead="load it in the inner loop: `y[j] += x[i] * x[i]`",
)
@ti.kernel
def loaded_before(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        a = x[i]
        for j in range(n):
            y[j] += a * a


@wrong("a local that accumulates", "right", "silent", arguments=lambda: (N,), instead="add into a field: `y[i] += ...`")
@ti.kernel
def accumulates(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        s = 0.0
        for j in range(n):
            s += (j + 1) * x[i]
        y[i] = s


@wrong(
    "a local that accumulates what comes from `ti.exp`",
    "silent",
    "silent",
    arguments=lambda: (N,),
    instead="add into a field: `y[i] += ...`",
)
@ti.kernel
def accumulates_exp(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        s = 0.0
        for j in range(n):
            s += ti.exp(x[i] * x[j])
        y[i] = s


@wrong("a local carried through a loop, 30 iterations", "right", "silent", arguments=lambda: (30,), instead=PAIR)
@ti.kernel
def carried(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        s = 1.0
        for _ in range(n):
            s += x[i] * ti.sin(3 * s) / n
        y[i] = s


def iterations(n, cpu, cuda=None, **options):
    """The case above again, with more iterations."""
    name = f"the same, {n:,} iterations"
    if options:
        name += f", `ti.init(ad_stack_size={options['ad_stack_size']})`"
    wrong(name, cpu, "silent", cuda=cuda, arguments=lambda: (n,), options=options, instead=PAIR)(carried)


iterations(31, "crash", cuda="right")
iterations(31, "right", ad_stack_size=33)
iterations(1000, "right", ad_stack_size=1024)


@ti.func
def at_least(a):
    return ti.max(a, 0.6)


@ti.func
def at_most(a):
    return ti.min(a, 0.6)


@ti.func
def clamped(a):
    return ti.math.clamp(a, 0.2, 0.6)


@ti.func
def sigmoid(a):
    return 1 / (1 + ti.exp(-a))


@ti.func
def inverse_sqrt(a):
    return 1 / ti.sqrt(a + 1)


@ti.kernel
def carried_through(x: ti.template(), y: ti.template(), n: int, f: ti.template()):
    for i in x:
        s = 1.0
        for _ in range(n):
            s = 0.5 * s + f(s * x[i])
        y[i] = s


def through(name, f, cpu, shows=()):
    """A local carried through a loop and the function ``f``."""
    name = f"a local carried through `f = {name}`"
    wrong(name, cpu, "silent", arguments=lambda: (3, f), shows=shows, instead=PAIR)(carried_through)


for f, word in {
    "sin": "right",
    "sqrt": "right",
    "abs": "right",
    "exp": "silent",
    "tanh": "silent",
    "rsqrt": "silent",
}.items():
    through(f"ti.{f}", getattr(ti, f), word)
for f, word in {
    at_least: "silent",
    at_most: "silent",
    clamped: "silent",
    sigmoid: "silent",
    inverse_sqrt: "right",
}.items():
    through(f.__name__, f, word, shows=(f,))


@wrong("a vector as the carried local", "silent", "silent", arguments=lambda: (N,), instead=PAIR)
@ti.kernel
def vector_carried(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        v = ti.Vector([1.0, 0.0])
        for _ in range(n):
            v = ti.Vector([v[0] - x[i] * v[1], v[1] + x[i] * v[0]])
        y[i] = v[0]


@wrong("a matrix as the carried local", "silent", "silent", arguments=lambda: (N,), instead=PAIR)
@ti.kernel
def matrix_carried(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        a = ti.Matrix([[1.0, 0.0], [0.0, 1.0]])
        for _ in range(n):
            a = a @ ti.Matrix([[1, x[i]], [-x[i], 1]])
        y[i] = a[0, 0]


@wrong("alpha compositing, transmittance in a local", "silent", "silent", arguments=lambda: (N,), instead=PAIR)
@ti.kernel
def compositing(x: ti.template(), y: ti.template(), n: int):
    for i in y:
        color, through = 0.0, 1.0
        for j in range(n):
            alpha = 1 - ti.exp(-x[j] * (i + 1))
            color += through * alpha * x[j]
            through *= 1 - alpha
        y[i] = color


@wrong(
    "soft aggregation, softmax sums in locals",
    "silent",
    "silent",
    arguments=lambda: (N,),
    instead="[sums in fields](#straight-line-kernels), divided by the next kernel",
)
@ti.kernel
def softmax(x: ti.template(), y: ti.template(), n: int):
    for i in y:
        above, below = 0.0, 0.0
        for j in range(n):
            w = ti.exp(x[j] * (i + 1))
            above += w * x[j]
            below += w
        y[i] = above / below


@wrong(
    "a flag instead of `break`, asked for by `if going == 1`", "right", "silent", arguments=lambda: (N,), instead=PAIR
)
@ti.kernel
def flag(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        s, going = 0.0, 1
        for j in range(n):
            if going == 1:
                s += x[i] * x[j]
                if s > 0.8:
                    going = 0
        y[i] = s


@wrong("the same, asked for by `if going`", "zeros", "silent", arguments=lambda: (N,), instead=PAIR)
@ti.kernel
def asked_flag(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        s, going = 0.0, 1
        for j in range(n):
            if going:
                s += x[i] * x[j]
                if s > 0.8:
                    going = 0
        y[i] = s


@wrong("a statement before a loop, at the kernel's top level", "error", "error", instead="two kernels")
@ti.kernel
def mixed_before(x: ti.template(), y: ti.template()):
    a = x[0] ** 2
    for i in x:
        y[i] += a * x[i]


@wrong("a statement behind a loop, at the kernel's top level", "error", "error", instead="two kernels")
@ti.kernel
def mixed_behind(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] += x[i] ** 2
    y[0] += x[1] * x[2]


@wrong("`while`", "error", "error", instead=PAIR)
@ti.kernel
def while_loop(x: ti.template(), y: ti.template()):
    for i in x:
        k = 0
        while k < 3:
            y[i] += x[i] ** 2
            k += 1


@wrong("`break`", "error", "error", instead="`if` around what follows, where it only adds into fields")
@ti.kernel
def break_loop(x: ti.template(), y: ti.template()):
    for i in x:
        for j in range(N):
            if j > 2:
                break
            y[i] += x[i] * x[j]


@wrong("`continue`, even of the outer loop", "error", "error", instead="`if x[i] >= 0.5:` around the rest")
@ti.kernel
def continue_loop(x: ti.template(), y: ti.template()):
    for i in x:
        if x[i] < 0.5:
            continue
        y[i] = x[i] ** 2


@ti.func
def positive_part(a):
    if a < 0:
        return 0.0
    return a


@wrong(
    "`return` in an `if` of a `ti.func`: not even the kernel itself compiles",
    "error",
    "error",
    instead="assign a local",
    shows=(positive_part,),
)
@ti.kernel
def early_return(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = positive_part(x[i] - 0.5)


@wrong("a dynamic index that reads a local vector in a loop", "silent", "silent", arguments=lambda: (3,), instead=PAIR)
@ti.kernel
def dynamic_read(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        v = ti.Vector([x[i], x[i] ** 2, 1.0])
        for k in range(n):
            y[i] += v[k] * x[i]


@wrong("... into a local that accumulates", "zeros", "zeros", arguments=lambda: (3,), instead=PAIR)
@ti.kernel
def dynamic_sum(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        v = ti.Vector([x[i], x[i] ** 2, 1.0])
        s = 0.0
        for k in range(n):
            s += v[k] * v[k]
        y[i] = s


@wrong("a dynamic index that writes a local vector in a loop", "right", "zeros", arguments=lambda: (3,), instead=PAIR)
@ti.kernel
def dynamic_write(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        v = ti.Vector([0.0, 0.0, 0.0])
        for k in range(n):
            v[k] = x[i] ** 2
        y[i] = v[0] * v[1]


@wrong("a dynamic index that reads and writes", "crash", "silent", arguments=lambda: (3,), instead=PAIR)
@ti.kernel
def dynamic_update(x: ti.template(), y: ti.template(), n: int):
    for i in x:
        v = ti.Vector([x[i], 1.0, 2.0, 3.0])
        for k in range(n):
            v[k + 1] += v[k] * x[i]
        y[i] = v[3]


@wrong("`ti.atomic_max`", "silent", "silent", instead="the index of the maximum without gradient, then gather")
@ti.kernel
def atomic_max(x: ti.template(), y: ti.template()):
    for i in x:
        ti.atomic_max(y[0], x[i] ** 2)


@wrong("`ti.atomic_min`", "silent", "silent", instead="the index of the minimum without gradient, then gather")
@ti.kernel
def atomic_min(x: ti.template(), y: ti.template()):
    for i in x:
        ti.atomic_min(y[0], -(x[i] ** 2))


@wrong("`ti.atomic_mul`: not even the kernel itself compiles", "crash", "error", instead="sum logarithms")
@ti.kernel
def atomic_mul(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = 1.0
        ti.atomic_mul(y[i], x[i] ** 2)


@wrong(
    "the return value of an atomic", "error", "error", arguments=lambda: (scalars(),), instead="read the field later"
)
@ti.kernel
def atomic_result(x: ti.template(), y: ti.template(), t: ti.template()):
    for i in x:
        old = ti.atomic_add(t[i], x[i])
        y[i] = (old + 1) * x[i]


@ti.kernel
def double(x: ti.template(), t: ti.template()):
    for i in x:
        t[i] = 2 * x[i]


@wrong(
    "a field read, then overwritten, in one tape",
    "silent",
    "silent",
    arguments=lambda: (scalars(),),
    shows=(add_sin, double),
    instead="another field (one per time step)",
)
def overwritten(x, y, t):
    double(x, t)
    add_sin(t, y)
    double(y, t)


@wrong("a field updated in place", "silent", "silent", instead="write to another field", arguments=lambda: (scalars(),))
@ti.kernel
def in_place(x: ti.template(), y: ti.template(), t: ti.template()):
    for i in x:
        t[i] = x[i]
    for i in x:
        t[i] = t[i] ** 2
    for i in x:
        y[i] = t[i]


@wrong(
    "`ti.select`: the unused branch is evaluated",
    "nan",
    "nan",
    instead="`if`; or keep both finite: `ti.sqrt(ti.max(x[i] - 0.49, 1e-6))`",
)
@ti.kernel
def select(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = ti.select(x[i] > 0.49, ti.sqrt(x[i] - 0.49), 0.0)


@wrong("`ti.tan`", "error", "error", instead="`ti.sin(a) / ti.cos(a)`")
@ti.kernel
def tan(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = ti.tan(x[i])


@wrong("`ti.round`", "error", "error", instead="`ti.floor(a + 0.5)`")
@ti.kernel
def rounded(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = x[i] * ti.round(x[i])


@wrong("`ti.random`", "error", "error", instead="a hash of a counter; or numbers drawn into a field before")
@ti.kernel
def drawn(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = x[i] * ti.random()


@ti.real_func
def cube(a: float) -> float:
    return a * a * a


@wrong("real functions", "error", "error", shows=(cube,), instead="`ti.func`")
@ti.kernel
def real_function(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = cube(x[i])


@wrong("a kernel that loops and returns a value", "error", "error", instead="store it in a field")
@ti.kernel
def loop_and_return(x: ti.template(), y: ti.template()) -> float:
    for i in x:
        y[i] = x[i] ** 2
    return y[0]


@wrong("a kernel that returns a value", "zeros", "right", instead="store it in a field")
@ti.kernel
def only_return(x: ti.template(), y: ti.template()) -> float:
    y[0] = x[0] ** 2
    return y[0]


def array():
    return ti.ndarray(fp(), N, needs_grad=True)


@wrong("a `ti.ndarray` with gradients", "right", "zeros", make_x=array, instead="fields")
@ti.kernel
def ndarray(x: ti.types.ndarray(), y: ti.template()):
    for i in x:
        y[i] = x[i] ** 2


def sparse():
    t = ti.field(fp(), needs_grad=True)
    ti.root.pointer(ti.i, N).dense(ti.i, 1).place(t, t.grad)
    return t


@wrong("sparse fields", "right", "error", arguments=lambda: (sparse(),), instead="dense fields")
@ti.kernel
def sparse_field(x: ti.template(), y: ti.template(), t: ti.template()):
    for i in x:
        t[i] = x[i] ** 2
    for i in t:
        y[i] = ti.sin(t[i])


# ---------------------------------------------------------------------------------------------------------------------
# NaN at zero: the slope is finite, its formula is not


@at_zero("`v.norm()`", "nan", "nan", instead="`v.norm(eps)`, which is sqrt(v·v + eps)")
@ti.kernel
def norm(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = ti.Vector([x[i], 0.0]).norm()


@at_zero("`v.norm(eps)`", "right", "right")
@ti.kernel
def norm_eps(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = ti.Vector([x[i], 0.0]).norm(0.01)


@at_zero("`v.normalized(eps)`", "nan", "nan", instead="`v / v.norm(eps)`")
@ti.kernel
def normalized(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = ti.Vector([x[i], 0.0]).normalized(0.1).x


@at_zero("`v / v.norm(eps)`", "right", "right")
@ti.kernel
def normalized_safely(x: ti.template(), y: ti.template()):
    for i in x:
        v = ti.Vector([x[i], 0.0])
        y[i] = (v / v.norm(0.01)).x


@at_zero("`ti.sqrt(0)`", "nan", "nan", instead="`ti.sqrt(a + eps)`, `ti.sqrt(ti.max(a, eps))`")
@ti.kernel
def sqrt(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = ti.sqrt(x[i] ** 4)


@at_zero("`ti.acos(1)`", "nan", "nan", instead="`ti.atan2(a.cross(b).norm(eps), a.dot(b))` for the angle of a and b")
@ti.kernel
def acos(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = ti.acos(1 - x[i] ** 4)


@at_zero("`ti.atan2(0, 0)`", "nan", "right", instead="an `if`")
@ti.kernel
def atan2(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = ti.atan2(x[i] ** 2, x[i] ** 2)


# ---------------------------------------------------------------------------------------------------------------------
# Traps around it


@ti.kernel
def square(x: ti.template(), y: ti.template()):
    for i in x:
        y[i] = x[i] ** 2


@ti.kernel
def count(x: ti.template(), y: ti.template(), counter: ti.template()):
    for i in x:
        y[i] = x[i] ** 2
        counter[i] += 1


@trap(
    "a field without gradient that a kernel adds to",
    "twice",
    "twice",
    shows=(count,),
    instead="a differentiable kernel writes only to fields with gradients",
)
def counts_again():
    x, y, counter = scalars(), scalars(), ti.field(ti.i32, N)
    count(x, y, counter)
    count.grad(x, y, counter)
    return {1: "once", 2: "twice"}[counter[0]]


@ti.kernel
def add_to_array(x: ti.template(), y: ti.template(), out: ti.types.ndarray()):
    for i in x:
        y[i] = x[i] ** 2
        out[i] += 1


@trap("a NumPy array that a kernel adds to", "twice", "twice", shows=(add_to_array,), instead="the same")
def array_again():
    x, y, out = scalars(), scalars(), np.zeros(N, np.int32)
    add_to_array(x, y, out)
    add_to_array.grad(x, y, out)
    return {1: "once", 2: "twice"}[int(out[0])]


@trap("the gradient of an output stored with `=`, after `k.grad()`", "zero", "zero", instead="copy it before")
def output_gradient():
    x, y = scalars(), scalars()
    y.grad.fill(1)
    square.grad(x, y)
    return {0: "zero", 1: "kept"}[y.grad[0]]


@trap("the gradient of an output added to with `+=`, after `k.grad()`", "kept", "kept")
def output_gradient_of_sum():
    t, y = scalars(), scalars()
    y.grad.fill(1)
    add_sin.grad(t, y)
    return {0: "zero", 1: "kept"}[y.grad[0]]


@trap("the gradient of an input, after a second `k.grad()`", "added", "added", instead="zero it yourself")
def input_gradient():
    x, y = scalars(), scalars()
    x.fill(0.5)
    for _ in range(2):
        y.grad.fill(1)
        square.grad(x, y)
    return {1: "replaced", 2: "added"}[x.grad[0]]


@trap(
    "gradients of fields that a tape has nothing to do with",
    "zeroed",
    "zeroed",
    instead="`clear_gradients=False`, and zero what has to be",
)
def other_gradients():
    x, other, loss = scalars(), scalars(), total()
    other.grad.fill(1)
    with ti.ad.Tape(loss):
        weigh(x, loss)
    return {0: "zeroed", 1: "kept"}[other.grad[0]]


@trap("the tape's backward pass, after an exception in its body", "runs", "runs", instead="raise outside of the tape")
def tape_that_raised():
    x, loss = scalars(), total()
    with contextlib.suppress(KeyError), ti.ad.Tape(loss):
        weigh(x, loss)
        raise KeyError
    return {0: "does not run", 1: "runs"}[x.grad[0]]


@trap("a tape in a tape", "error", "error", instead="one tape")
def nested_tapes():
    x, loss = scalars(), total()
    with ti.ad.Tape(loss):
        weigh(x, loss)
        with ti.ad.Tape(loss):
            weigh(x, loss)
    return "works"


@trap("`field.fill()` in a tape", "error", "error", instead="before the tape; or in a `ti.ad.no_grad` function")
def fill_in_tape():
    x, y, loss = scalars(), scalars(), total()
    with ti.ad.Tape(loss):
        y.fill(0)
        square(x, y)
        weigh(y, loss)
    return "works"


def finds_overwritten():
    """Whether ``ti.ad.Tape(validation=True)`` finds the field that is read and then overwritten."""
    x, y, t, loss = scalars(), scalars(), scalars(), total()
    try:
        with ti.ad.Tape(loss, validation=True):
            overwritten(x, y, t)
            weigh(y, loss)
    except AssertionError:
        return "found"
    return "not found"


@trap(
    "a field read and overwritten, by `ti.ad.Tape(validation=True)` and `ti.init(debug=True)`",
    "found",
    "not found",
    options={"debug": True},
)
def validation_in_debug():
    return finds_overwritten()


@trap("... without `debug=True`", "not found", "not found", instead="`debug=True` on the CPU")
def validation():
    return finds_overwritten()


@ti.kernel
def ask(x: ti.template(), out: ti.template()):
    out[0] = 1.0 if x[0] != x[0] else 0.0
    out[1] = 1.0 if ti.math.isnan(x[0]) else 0.0
    out[2] = ti.max(x[0], 3.0)
    out[3] = x[0] * 0
    out[4] = x[0] - x[0]


def answer(k):
    """Line ``k`` of ``ask`` for a NaN."""
    x, out = scalars(), scalars()
    x.fill(np.nan)
    ask(x, out)
    return "NaN" if np.isnan(out[k]) else str(int(out[k]))


@trap("`x != x` where x is NaN (`fast_math` is on by default)", "0", "0", instead="`ti.math.isnan(x)`")
def nan_is_equal():
    return answer(0)


@trap("`ti.math.isnan(x)` where x is NaN", "1", "1")
def nan_is_found():
    return answer(1)


@trap("`ti.max(x, 3.0)` where x is NaN", "3", "3", instead="look for NaN first")
def nan_max():
    return answer(2)


@trap("`x * 0` and `x - x` where x is NaN", "0", "0", instead="look for NaN first")
def nan_times_zero():
    return " and ".join(sorted({answer(3), answer(4)}))


EARLY = ti.types.vector(1, float)


@ti.kernel
def third(out: ti.template()):
    for i in out:
        out[i] = EARLY(1 / 3)[0]


@trap("`ti.types.vector(3, float)` made before `ti.init(default_fp=ti.f64)`", "float32", None, instead="spell `ti.f64`")
def early_type():
    out = scalars()
    third(out)
    return "float64" if abs(out[0] - 1 / 3) < 1e-12 else "float32"


@ti.kernel
def exponential(out: ti.template()):
    for i in out:
        out[i] = ti.cast(ti.exp(ti.cast(out[i], ti.f64)), fp())


@trap("`ti.exp` of a `ti.f64`", "works", "error", instead="check in float64 on the CPU")
def double_exponential():
    exponential(scalars())
    return "works"


@ti.kernel
def times_stopped(x: ti.template(), t: ti.template(), y: ti.template()):
    for i in x:
        ti.stop_grad(t)
        y[i] = t[i] * x[i]


@trap("the gradient of a field `t` that a loop hands to `ti.stop_grad(t)`", "zero", "zero", shows=(times_stopped,))
def stopped_gradient():
    x, t, y = scalars(), scalars(), scalars()
    for one in (x, t, y.grad):
        one.fill(1)
    times_stopped.grad(x, t, y)
    assert x.grad[0] == 1
    return {0: "zero", 1: "not zero"}[t.grad[0]]


def forward_mode(kernel, *arguments):
    """The word for the gradient by ``ti.ad.FwdMode``, one direction after the other."""
    x, y = (scalars(needs_grad=False, needs_dual=True) for _ in range(2))
    slopes = []
    for direction in np.eye(N):
        x.from_numpy(INPUT.astype(x.to_numpy().dtype))
        y.fill(0)
        with ti.ad.FwdMode(loss=y, param=x, seed=direction.tolist()):
            kernel(x, y, *arguments)
        slopes.append((1 + 0.3 * np.arange(N)) @ y.dual.to_numpy())
    case = Case("", "", kernel, {}, arguments=lambda: arguments)
    return compare(np.array(slopes), Gradients(case).by_differences())[0]


@trap("`ti.ad.FwdMode` through a local carried over 1,000 iterations", "right", "right")
def forward_mode_carried():
    return forward_mode(carried, 1000)


@trap("`ti.ad.FwdMode` through compositing", "right", "right")
def forward_mode_compositing():
    return forward_mode(compositing, N)


@trap("`ti.ad.FwdMode` through `while`", "error", "error", instead="central differences")
def forward_mode_while():
    return forward_mode(while_loop)


# ---------------------------------------------------------------------------------------------------------------------
# Running


def run_here(backend, numbers, float32):
    """The child: a line for each case, as soon as its word is known."""
    running = None  # the options that Taichi runs with; none after an error, which may have left anything behind
    for one in [CASES[number] for number in numbers]:
        if running != one.options:
            start(backend, one.options, float32)
        word, detail = one.verdict()
        running = one.options if word != "error" else None
        print(f"\n{MARK}{json.dumps((word, detail))}", flush=True)


def cases_of(backend, only=""):
    return [one for one in CASES if backend in one.expected and only in one.name]


def measure(backend, cases, float32=False):
    """Yields ``(case, word, detail)``; a child process goes on until a case ends it, and the next behind that case."""
    left = list(cases)
    while left:
        results = run_child(backend, left, float32)
        yield from ((one, *result) for one, result in zip(left, results, strict=False))
        left = left[len(results) :]


def run_child(backend, cases, float32):
    """Words and details of the first of the cases, up to and with the one that ends the process."""
    numbers = [str(CASES.index(one)) for one in cases]
    command = [sys.executable, __file__, backend, *["--float32"] * float32, "--child", *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == NOT_STARTED:
        raise NotStartedError(f"{backend} could not be started on this machine")
    results = [json.loads(line.removeprefix(MARK)) for line in done.stdout.splitlines() if line.startswith(MARK)]
    if len(results) < len(cases):
        if not done.returncode:
            raise RuntimeError(f"{len(cases) - len(results)} cases said nothing:\n{done.stdout}\n{done.stderr}")
        results.append(("crash", f"exit status {done.returncode}"))
    return results


def report(backend, options):
    """Prints the table of one backend; True where all is as the page says."""
    print(f"\n{backend}, Taichi {'.'.join(map(str, ti.__version__))}\n{'page':10} {'here':10} pattern")
    surprises = 0
    for one, word, detail in measure(backend, cases_of(backend, options.only), options.float32):
        expected = one.expected[backend]
        surprising = expected != word
        surprises += surprising
        print(f"{expected:10} {word:10} {one.name}{'   <-- differs' * surprising}", flush=True)
        if surprising or options.verbose:
            print(textwrap.indent(detail, " " * 22))
    print(f"{surprises or 'none'} of {len(cases_of(backend, options.only))} differ from the page")
    return not surprises


# ---------------------------------------------------------------------------------------------------------------------
# The page


def source(function):
    return textwrap.dedent(inspect.getsource(function)).strip()


def body(function):
    """The code of ``function`` below its ``def``."""
    text = source(function)
    first = ast.parse(text).body[0].body[0].lineno
    return textwrap.dedent("\n".join(text.splitlines()[first - 1 :]))


def written_page(text):
    """The page ``text`` with its tables as ``CASES`` say."""
    for table in dict.fromkeys(one.table for one in CASES):
        rows = "\n".join(table_rows([one for one in CASES if one.table == table]))
        text = replaced_between(text, table, rows)
    words = [row([emphasis(word), meaning]) for word, meaning in WORDS.items()]
    return replaced_between(text, "words", "\n".join(["| | |", "|---|---|", *words]))


def replaced_between(text, table, rows):
    before, after = f"<!-- table: {table} -->", f"<!-- end: {table} -->"
    assert before in text, f"{PAGE.name} lacks {before}"
    assert after in text, f"{PAGE.name} lacks {after}"
    return text.split(before)[0] + f"{before}\n{rows}\n{after}" + text.split(after)[1]


def table_rows(cases):
    """Rows of a table; code that a row shares with the row above is not repeated."""
    titles = ["pattern", "code", "CPU", "CUDA", "Vulkan", "instead"]
    columns = len(titles) - (not any(one.instead for one in cases))
    yield from (row(titles[:columns]), "|---" * columns + "|")
    for before, one in zip([None, *cases], cases, strict=False):
        code = [part for part in one.excerpt() if not before or part not in before.excerpt()]
        words = [emphasis(one.expected.get(backend, "–")) for backend in ("cpu", "cuda", "vulkan")]
        yield row([one.name, code_cell(code), *words, one.instead][:columns])


def row(cells):
    return f"| {' | '.join(cells)} |"


def emphasis(word):
    """Bold where a wrong number goes unnoticed or the process ends."""
    return f"**{word}**" if word in ("silent", "zeros", "nan", "crash") else word


def code_cell(parts):
    """Code in a cell of a table: a span for each line."""
    lines = [line for part in parts for line in part.splitlines() if line]
    return "<br>".join(f"`{line}`" for line in lines).replace("|", "\\|")


def main():
    options = parse_options()
    if options.child:
        return run_here(options.backends[0], options.child, options.float32)
    if options.page:
        return PAGE.write_text(written_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    fine = True
    for backend in options.backends or BACKENDS:
        try:
            fine &= report(backend, options)
        except NotStartedError as error:
            print(error)
            fine &= not options.backends
    return sys.exit(not fine)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", metavar="BACKEND", help="cpu, cuda, vulkan; default: all that start")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with TEXT in their names")
    parser.add_argument("--float32", action="store_true", help="single precision on the CPU and CUDA too")
    parser.add_argument("--verbose", action="store_true", help="the numbers and messages behind each word")
    parser.add_argument("--page", action="store_true", help="write the tables of AUTODIFF.md anew")
    parser.add_argument("--child", nargs="+", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.backends) - set(BACKENDS):
        parser.error(f"unknown backend {unknown.pop()!r}: expected one of {', '.join(BACKENDS)}")
    return options


if __name__ == "__main__":
    main()
