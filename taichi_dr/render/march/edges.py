"""How near rays come to the surface: coverage at silhouettes, and the signed closest approach of every pixel."""

from taichi_dr.kernels.march.edges import POINTS, approach, cover, cover_adjoint, place_edges


class EdgeStage:
    """Values of a function where the rays of pixels come closest, in arrays of ``buffers`` beginning with ``name``."""

    def __init__(self, buffers, function, name):
        self._buffers, self._function, self._name = buffers, function, name

    def forward(self, shot, pixel, t, count):
        """``(values, scale, normal)`` of ``approach`` at t on the rays of ``pixel``, ``count`` of them."""
        points, values = self._points(count), self._array("values", POINTS * count, 1)
        place_edges(*shot.view, pixel, t, count, points)
        self._function.forward(points, values, POINTS * count)
        scale, normal = self._array("scale", count), self._array("normal", count, 2)
        approach(values, count, scale, normal)
        return values, scale, normal

    def cover(self, shot, pixel, t, count):
        """Their coverage."""
        coverage = self._array("coverage", count)
        if count:
            cover(*self.forward(shot, pixel, t, count), count, shot.march.width, coverage)
        return coverage

    def cover_adjoint(self, shot, coverage_adjoint, count):
        """The adjoint of the points, (count, 3), of that of the coverage."""
        if count:
            edges = (self._array("values", count, 1), self._array("scale", count), self._array("normal", count, 2))
            cover_adjoint(*edges, count, shot.march.width, coverage_adjoint, self._array("values_adjoint", count, 1))
        return self.adjoint(self._array("values_adjoint", count, 1), count)

    def adjoint(self, values_adjoint, count):
        """The adjoint of the points, (count, 3), of that of s, (count, 1)."""
        points_adjoint = self._array("points_adjoint", count, 3)
        points_adjoint.fill(0)
        if count:
            self._function.adjoint(self._points(count), values_adjoint, points_adjoint, count)
        return points_adjoint

    @property
    def normal(self):
        """Of every edge, as ``approach`` writes it: (E, 2)."""
        return self._array("normal", 1, 2)

    def _points(self, count):
        return self._array("points", POINTS * count, 3)

    def _array(self, name, rows, *columns):
        return self._buffers.at_least(f"{self._name}_{name}", max(rows, 1), columns=columns)
