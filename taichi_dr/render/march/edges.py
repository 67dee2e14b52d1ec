"""How near rays come to the surface: coverage at silhouettes, and where what edges cover is seen."""

from taichi_dr.kernels.camera.pack import PACKED
from taichi_dr.kernels.march.edges import (
    POINTS,
    cover,
    cover_adjoint,
    enter,
    fold_ends,
    place_edges,
    place_ends,
)
from taichi_dr.kernels.march.rays import centers_adjoint
from taichi_dr.kernels.march.rows import columns_of


class EdgeStage:
    """Values of a function where the rays of pixels come closest, in arrays of ``buffers``."""

    def __init__(self, buffers, function):
        self._buffers, self._function = buffers, function

    def cover(self, shot, rows, count):
        """The coverage of the edges of ``rows``; moves their rows to the middle of what they cover."""
        coverage = self._array("coverage", count)
        if count:
            points, values = self._array("points", POINTS * count, 3), self._found(count)[0]
            place_edges(*shot.view, rows.edge_pixel, rows.edge_t, count, points)
            self._function.forward(points, values, POINTS * count)
            entries, entered = self._array("entries", 3 * count, 3), self._array("entry_values", 3 * count, 1)
            _, *found = self._found(count)
            guess = self._array("guess", count)
            centers = rows.edge_pixel, rows.edge_t, rows.edge_row, rows.t
            given = (values, count, shot.march.width)
            cover(*shot.view, *centers, *given, *found, coverage, rows.shift, guess, entries)
            self._function.forward(entries, entered, 3 * count)
            enter(rows.edge_t, rows.edge_row, entered, guess, count, rows.t)
        return coverage

    def adjoint(self, shot, coverage_adjoint, shift_adjoint, count):
        """From the adjoints of the coverage and of the rows' ``shift`` to the function's parameters and the camera."""
        points, points_adjoint = self._array("ends", 2 * count, 3), self._array("points_adjoint", 2 * count, 3)
        ends_adjoint = self._array("ends_adjoint", 2 * count, 1)
        image = count, shot.march.width, shot.width, shot.height
        cover_adjoint(*self._found(count), *image, coverage_adjoint, shift_adjoint, ends_adjoint)
        place_ends(*shot.view, shot.rows.edge_pixel, shot.rows.edge_t, count, points)
        points_adjoint.fill(0)
        self._function.adjoint(points, ends_adjoint, points_adjoint, 2 * count)
        fold_ends(count, points_adjoint)
        views, columns = shot.frame.shape[0], columns_of(count, shot.frame.shape[0])
        partials = self._buffers.get("edge_partials", (PACKED, views * columns))
        edges = shot.rows.edge_pixel, shot.rows.edge_t, points_adjoint, count
        camera = shot.camera_array, shot.camera.is_orthographic, shot.camera_adjoint
        centers_adjoint(*edges, shot.width, shot.height, *camera, partials)

    def _found(self, count):
        """What ``cover`` reads and writes for the way back: the values; 1 / n, the normal, and the weight in front."""
        array = self._array
        return (
            array("values", POINTS * count, 1),
            array("scale", count),
            array("normal", count, 2),
            array("front", count),
        )

    @property
    def normal(self):
        """Of every edge, as ``cover`` writes it: (E, 2)."""
        return self._array("normal", 1, 2)

    def _array(self, name, rows, *columns):
        return self._buffers.at_least(f"edge_{name}", max(rows, 1), columns=columns)
