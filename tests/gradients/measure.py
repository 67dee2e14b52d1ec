"""Derivatives of every program along a few directions: differences in double precision, gradients on each backend."""

import time
import zlib

import numpy as np

STEP = 1e-6  # times the input's largest value; differences at it and at half of it are extrapolated to order 4
FLOOR = 1e-3  # of the scale that errors are relative to: what is 0 in a gradient and in differences differs by 0
RANDOM = 2  # random directions, and as many single components: the one with the largest gradient, then random ones


def rng_of(*names):
    """A generator that depends on names alone, the same in every process."""
    return np.random.default_rng(zlib.crc32("/".join(names).encode()))


def each_case(operations, restart):
    """``(key, program)`` for each case of each operation, made when it is asked for; ``restart()`` between operations.

    Taichi frees fields only with its runtime, and a process that has made 512 trees of them ends without a word.
    """
    for operation in operations:
        restart()
        for label, make in operation.cases.items():
            yield (operation.group, operation.name, label), make(rng_of(operation.group, operation.name, label))


def nothing(*_):
    """What is done between operations, or told of a case, by default."""


def measure_differences(operations, restart=nothing, progress=nothing):
    """``{key: {input: {"directions", "derivatives", "largest"}}}``, and the errors as of ``measure_gradients``.

    ``directions`` are ``("random", k)`` or ``("component", i)``: see ``direction``; ``derivatives`` what central
    differences find along them, ``largest`` the gradient's largest entry.  To be run in double precision.
    """
    found, errors = {}, {}
    for key, program in each_case(operations, restart):
        started = time.monotonic()
        gradients = program.gradients()
        found[key] = {name: _differences(key, program, name, gradients[name]) for name in program.inputs}
        errors[key] = {name: worst_error(key, name, gradients[name], found[key][name]) for name in program.inputs}
        progress(key, time.monotonic() - started)
    return found, errors


def measure_gradients(operations, differences, restart=nothing, progress=nothing):
    """``{key: {input: worst relative error}}`` of this backend's gradients, against ``measure_differences``."""
    found = {}
    for key, program in each_case(operations, restart):
        started = time.monotonic()
        gradients = program.gradients()
        found[key] = {name: worst_error(key, name, gradients[name], differences[key][name]) for name in program.inputs}
        progress(key, time.monotonic() - started)
    return found


def worst_error(key, name, gradient, measured):
    """Of a gradient's derivatives along the measured directions, relative to derivative or largest entry."""
    errors = []
    for where, derivative in zip(measured["directions"], measured["derivatives"], strict=True):
        along = float((gradient * direction(key, name, where, gradient.shape)).sum())
        errors.append(abs(along - derivative) / max(abs(derivative), measured["largest"], FLOOR))
    return float(np.max(errors)) if np.all(np.isfinite(errors)) else float("inf")


def direction(key, name, where, shape):
    """The array along which a derivative is taken."""
    kind, number = where
    if kind == "random":
        return rng_of(*key, name, str(number)).standard_normal(shape)
    one = np.zeros(int(np.prod(shape)))
    one[number] = 1.0
    return one.reshape(shape)


def _differences(key, program, name, gradient):
    components = [int(np.abs(gradient).argmax()), *rng_of(*key, name).integers(gradient.size, size=RANDOM - 1)]
    directions = [("random", k) for k in range(RANDOM)] + [("component", int(i)) for i in components]
    step = STEP * max(1.0, float(np.abs(program.inputs[name]).max()))
    derivatives = [_derivative(program, name, direction(key, name, d, gradient.shape), step) for d in directions]
    return {"directions": directions, "derivatives": derivatives, "largest": float(np.abs(gradient).max())}


def _derivative(program, name, along, step):
    """``(4 D(h/2) - D(h)) / 3`` of central differences D (Richardson): its error is of order h^4."""
    start, halves = program.inputs[name], []
    for h in (step, step / 2):
        values = []
        for sign in (1, -1):
            program.write(name, start + sign * h * along)
            values.append(program.value())
        halves.append((values[0] - values[1]) / (2 * h))
    program.write(name, start)
    return (4 * halves[1] - halves[0]) / 3
