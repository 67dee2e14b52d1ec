"""What silhouettes do not tell of a solid: it has a large volume, and nobody sees its surface from inside."""

import numpy as np

from taichi_dr.errors import GeometryError
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.tape import off_tape, tape_operation

VOLUME = 0.05
"""Weight of ``-log(volume)``: so weak that no silhouette grows."""

PUSH = 14.0
"""Weight of what is seen from inside, in visible radii."""


class Solid:
    """Two terms of a loss on a closed mesh; of an open one, which has no inside, none.

    * ``-VOLUME log(volume)``: a surface that silhouettes leave free bulges rather than caving in;
    * ``-PUSH sum_f n_f . p_f / radius^3`` over the faces f that a camera sees from behind, with p_f the middle and n_f
      the normal (as long as the area) of each, held constant: where a thin part was squeezed, its two sides have passed
      through each other, and this takes them back along their normals.

    Computed on the host, a few milliseconds for 10,000 faces.

    Raises:
        GeometryError: a closed mesh that is turned inside out.
    """

    def __init__(self, mesh, radius):
        self.vertices, self.faces = mesh.variable("vertices"), mesh.topology.faces
        self.is_closed = bool((mesh.topology.twins >= 0).all())
        self.push = np.zeros((len(self.faces), 3))
        self._push_weight = PUSH / radius**3
        self._operation = tape_operation(self._forward, self._adjoint)
        if self.is_closed and not self._volume(self._corners()) > 0:
            raise GeometryError(
                f"{mesh.name}: its faces look inwards (they enclose a volume of {self._volume(self._corners()):.3g});"
                " expected corners that run counter-clockwise seen from outside"
            )

    @off_tape
    def look(self, face_id, camera):
        """Notes which faces are seen from behind: ``face_id`` (V, H, W) is what ``camera`` sees, -1 for nothing."""
        _, _, backward, eye = camera.frames()
        corners = self._corners()
        normals = _normals(corners)
        self.push[:] = 0
        for view in range(len(face_id)):
            seen = np.unique(face_id[view])
            seen = seen[seen >= 0]
            towards = backward[view] if camera.is_orthographic else eye[view] - corners[seen, 0]
            behind = (normals[seen] * towards).sum(axis=1) < 0
            self.push[seen[behind]] = normals[seen[behind]]

    def add(self, loss):
        """Adds both terms to ``loss``, as one operation of an open tape."""
        if self.is_closed:
            self._operation(loss)

    def _forward(self, loss):
        corners = self._corners()
        loss[None] += -VOLUME * np.log(self._volume(corners)) - self._push_weight * self._pushed(corners)

    def _adjoint(self, loss):
        corners = self._corners()
        volume = np.stack([np.cross(corners[:, k - 2], corners[:, k - 1]) for k in range(3)], axis=1) / 6
        gradient = -VOLUME / self._volume(corners) * volume - self._push_weight / 3 * self.push[:, None]
        rows = np.zeros((self.vertices.count, 3))
        np.add.at(rows, self.faces, loss.grad[None] * gradient)
        self.vertices.add_gradient(array_from(rows))

    def _corners(self):
        """(F, 3, 3): the corners of every face."""
        return self.vertices.to_numpy()[0, self.faces].astype(np.float64)

    def _volume(self, corners):
        """``sum_f a . (b x c) / 6``: 1 for a box of edges 1."""
        return np.einsum("fk,fk->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6

    def _pushed(self, corners):
        return np.einsum("fk,fk->", self.push, corners.mean(axis=1))


def _normals(corners):
    """(F, 3): normals as long as the faces are large."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
