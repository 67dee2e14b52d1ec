"""Numbers on a grid that are optimised over some of its nodes: the numbers, their gradient, and Adam's moments."""

from taichi_dr.jobs.reconstruct.checkpoint import count, squares
from taichi_dr.kernels.base.arrays import array_from, make_array, write_array
from taichi_dr.kernels.fit.update import add_moments, move

BETAS = 0.8, 0.95


class GridNumbers:
    """``array`` and ``gradient``, (X, Y, Z, C).

    ``blurs``: gradients are made smooth first, so that a surface moves as a whole.  ``least_part``: of the largest root
    of a second moment, added to every one, so that nodes that hardly count hardly move.
    """

    def __init__(self, values, least_part, blurs):
        self.array = array_from(values)
        self.gradient, self._first, self._second, self._moved = (make_array(values.shape) for _ in range(4))
        self._largest = make_array((1,))
        self._least_part, self._blurs, self._steps = least_part, blurs, 0

    def update(self, nodes, rate, smoothing=0.0):
        """A step at ``nodes`` (A, 3) of about ``rate`` at most; clears the gradient.

        ``smoothing``: the part of the way to the mean of the six neighbours that every number goes.
        """
        self._steps += 1
        self._largest.fill(0)
        add_moments(self.gradient, nodes, self._first, self._second, self._largest, *BETAS, self._blurs)
        scales = 1 - BETAS[0] ** self._steps, 1 - BETAS[1] ** self._steps, self._least_part
        moments = self._first, self._second, self._largest
        move(self.array, nodes, *moments, self._moved, rate, *scales, smoothing)
        self.gradient.fill(0)

    def write(self, values):
        """Replaces the numbers."""
        write_array(self.array, values)

    def state(self):
        """``(header, arrays)`` that ``restore`` takes."""
        arrays = {"array": self.array, "first": self._first, "second": self._second}
        return {"steps": self._steps}, {name: array.to_numpy() for name, array in arrays.items()}

    def restore(self, header, arrays):
        """Goes on where ``state`` left off."""
        self._steps = count(header, "steps")
        write_array(self.array, arrays["array"])
        write_array(self._first, arrays["first"])
        write_array(self._second, squares(arrays, "second"))
