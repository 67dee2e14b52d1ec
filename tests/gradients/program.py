"""What the table of gradients is made of: programs with one number as the result and a gradient for each input."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import taichi as ti

from taichi_dr.runtime import float_dtype


class Program(ABC):
    """A number computed from named inputs, and its gradient as the package computes it.

    ``inputs``: the values that it starts from, NumPy arrays of numbers that single precision holds exactly, so that
    every backend differentiates at the same point.
    """

    inputs: dict

    @abstractmethod
    def write(self, name, values):
        """Makes ``values`` those of an input."""

    @abstractmethod
    def value(self):
        """The number."""

    @abstractmethod
    def gradients(self):
        """``{name: array}``, the derivative of the number by each input."""


class Operation(NamedTuple):
    """One row group of the table: an operation of the package, with a program for each of its cases.

    ``cases`` maps a label to a function that makes the program from a ``numpy.random.Generator``; ``constant`` maps
    what is not differentiated to the reason.
    """

    group: str
    name: str
    cases: dict[str, Callable]
    constant: dict[str, str]


class TapeProgram(Program):
    """A program of fields under ``ti.ad.Tape``: ``run(loss)`` adds to a 0-D field."""

    def __init__(self, fields, run):
        self._fields, self._run = fields, run
        self._loss = ti.field(float_dtype(), (), needs_grad=True)
        self.inputs = {name: single(field.to_numpy()) for name, field in fields.items()}
        for name, values in self.inputs.items():
            self.write(name, values)

    def write(self, name, values):
        fill(self._fields[name], values)

    def value(self):
        self._loss[None] = 0
        self._run(self._loss)
        return self._loss[None]

    def gradients(self):
        with ti.ad.Tape(self._loss):
            self._run(self._loss)
        return {name: field.grad.to_numpy().astype(np.float64) for name, field in self._fields.items()}


class PairProgram(Program):
    """A kernel pair over arrays, its outputs weighted with random numbers and added up.

    ``forward(inputs)`` returns the outputs, a list of NumPy arrays; ``adjoint(inputs, weights)`` takes the adjoints of
    the outputs, as long a list, back to ``{name: array}``.
    """

    def __init__(self, rng, inputs, forward, adjoint):
        self.inputs = {name: single(values) for name, values in inputs.items()}
        self._now, self._forward, self._adjoint = dict(self.inputs), forward, adjoint
        self._weights = [single(rng.standard_normal(output.shape)) for output in forward(self.inputs)]

    def write(self, name, values):
        self._now[name] = values

    def value(self):
        outputs = self._forward(self._now)
        return sum(float((weight * output).sum()) for weight, output in zip(self._weights, outputs, strict=True))

    def gradients(self):
        found = self._adjoint(self._now, self._weights)
        return {name: np.asarray(found[name], np.float64) for name in self.inputs}


def single(values):
    """Double-precision numbers that single precision holds exactly."""
    return np.asarray(values, np.float32).astype(np.float64)


def new_field(values, components=0, needs_grad=True):
    """A field of scalars, or of vectors along the last axis, with these numbers in the run's precision."""
    if components:
        field = ti.Vector.field(components, float_dtype(), values.shape[:-1], needs_grad=needs_grad)
    else:
        field = ti.field(float_dtype(), values.shape, needs_grad=needs_grad)
    fill(field, values)
    return field


def fill(field, values):
    """Writes NumPy values into a field, in its own type."""
    field.from_numpy(np.ascontiguousarray(values, ti.lang.util.to_numpy_type(field.dtype)))


@ti.kernel
def add_vectors(image: ti.template(), weight: ti.template(), loss: ti.template()):
    """``loss += image . weight``, of images of vectors."""
    for index in ti.grouped(image):
        loss[None] += image[index].dot(weight[index])


@ti.kernel
def add_scalars(image: ti.template(), weight: ti.template(), loss: ti.template()):
    """The same of images of numbers."""
    for index in ti.grouped(image):
        loss[None] += image[index] * weight[index]
