"""Central differences of a function of several NumPy arrays, to compare a kernel's adjoints with."""

import numpy as np


def relative_errors(forward, inputs, adjoints, names, seed=0, step=1e-6, directions=2, components=1):
    """Largest error of ``adjoints[name]`` for each name, relative to the derivative or to the gradient's largest entry.

    ``forward(inputs)`` is a number; its derivative is measured along random directions and along the components with
    the largest adjoints and random ones.
    """
    rng = np.random.default_rng(seed)
    return {
        name: max(
            _error(forward, inputs, name, adjoints[name], direction, step)
            for direction in _directions(rng, adjoints[name], directions, components)
        )
        for name in names
    }


def _directions(rng, adjoint, directions, components):
    for _ in range(directions):
        yield rng.normal(size=adjoint.shape)
    largest = np.argsort(-np.abs(adjoint.ravel()))[:components]
    for index in [*largest, *rng.integers(adjoint.size, size=components)]:
        one = np.zeros(adjoint.size)
        one[index] = 1.0
        yield one.reshape(adjoint.shape)


def _error(forward, inputs, name, adjoint, direction, step):
    plus = forward({**inputs, name: inputs[name] + step * direction})
    minus = forward({**inputs, name: inputs[name] - step * direction})
    measured = (plus - minus) / (2.0 * step)
    scale = max(abs(measured), np.abs(adjoint).max(), 1e-12)
    return abs(measured - np.sum(adjoint * direction)) / scale
