"""Cameras that move as one about an object: several guesses at where they are, each a rigid motion of all of them.

A motion turns by theta about the object's centre c, then moves by s:

    eye -> c + R(theta) (eye - c) + s,  axis -> R(theta) axis

so that a turn keeps the object where it is in the picture.  Of a camera at rest in its own axes A (rows u, v, w) it is
``pose = (A theta, A (theta x (eye - c) + s))``, and the gradient by theta and s follows from that by ``pose``:

    g_s = A^T g_t,  g_theta = A^T g_omega + (eye - c) x g_s
"""

import numpy as np

PLASTIC = np.array([0.8191725134, 0.6710436067, 0.5497004779])
"""``1/g, 1/g^2, 1/g^3`` with ``g^4 = g + 1``: multiples of them, modulo 1, fill the unit cube (Roberts, 2018)."""


class Rig:
    """K guesses of V cameras: ``axes`` (K, V, 3, 3), rows u, v, w, and ``eyes`` (K, V, 3), in float64.

    ``camera`` says how the cameras see, and where the first guess has them.
    """

    def __init__(self, camera, center, axes, eyes):
        self.camera, self.center, self.axes, self.eyes = camera, np.asarray(center, np.float64), axes, eyes

    @classmethod
    def around(cls, camera, center, guesses, reach):
        """The camera's own place and others, turned about ``center`` by up to ``reach`` radians."""
        *axes, eye = (part.astype(np.float64) for part in camera.frames())
        alone = cls(camera, center, np.stack(axes, axis=1)[None], eye[None])
        rig = alone.chosen(np.zeros(guesses, int))
        rig.move(turns(guesses, reach), np.zeros((guesses, 3)))
        return rig

    @property
    def guesses(self):
        """K."""
        return len(self.eyes)

    def chosen(self, indices):
        """The rig of some of the guesses, in that order."""
        return Rig(self.camera, self.center, self.axes[indices].copy(), self.eyes[indices].copy())

    def cameras(self):
        """All of them as one Camera of K V views, guess by guess; its gradients are zero."""
        views = np.tile(np.arange(self.camera.views), self.guesses)
        eyes, backward, up = self.eyes.reshape(-1, 3), self.axes[..., 2, :].reshape(-1, 3), self.axes[..., 1, :]
        cameras = self.camera[views]
        cameras.look_from(eyes, eyes - self._distance() * backward, up.reshape(-1, 3))
        return cameras

    def gradients(self, pose_gradient):
        """(turn, shift), each (K, 3) in the axes of each guess's first view, of a gradient (K V, 6) by ``pose``."""
        omega, move = np.split(pose_gradient.astype(np.float64).reshape(*self.eyes.shape[:2], 6), 2, axis=-1)
        shift = np.einsum("kvij,kvi->kvj", self.axes, move)
        turn = np.einsum("kvij,kvi->kvj", self.axes, omega) + np.cross(self.eyes - self.center, shift)
        first = self.axes[:, 0]
        return tuple(np.einsum("kij,kvj->ki", first, part) for part in (turn, shift))

    def move(self, turn, shift):
        """Turns and moves every guess by (K, 3) each, in the axes of its first view."""
        from scipy.spatial.transform import Rotation  # here, because it would slow the import of the package

        first = self.axes[:, 0]
        rotation = Rotation.from_rotvec(np.einsum("kij,ki->kj", first, turn)).as_matrix()
        away = np.einsum("kij,kvj->kvi", rotation, self.eyes - self.center)
        self.eyes = self.center + away + np.einsum("kij,ki->kj", first, shift)[:, None]
        self.axes = np.einsum("kij,kvlj->kvli", rotation, self.axes)

    def _distance(self):
        """How far along its view a camera's target is put; where it is does not matter."""
        return max(np.linalg.norm(self.eyes - self.center, axis=-1).mean(), self.camera.near)


def turns(count, reach):
    """``count`` rotation vectors spread evenly through the rotations by at most ``reach`` radians; the first is zero.

    Rotations by up to an angle a fill a share of all of them that goes as ``a - sin a``.

    >>> np.rad2deg(np.linalg.norm(turns(4, np.pi / 3), axis=1)).round().tolist()
    [0.0, 47.0, 33.0, 56.0]
    """
    points = (0.5 + np.arange(1, count)[:, None] * PLASTIC) % 1
    angles = np.linspace(0, reach, 1000)
    share = angles - np.sin(angles)
    ranks = (np.argsort(np.argsort(points[:, 0])) + 0.5) / max(count - 1, 1)
    angle = np.interp(ranks * share[-1], share, angles)
    height, longitude = 2 * points[:, 1] - 1, 2 * np.pi * points[:, 2]
    ring = np.sqrt(1 - height**2)
    axis = np.stack([ring * np.cos(longitude), ring * np.sin(longitude), height], axis=1)
    return np.concatenate([np.zeros((1, 3)), angle[:, None] * axis])
