"""What mesh files have in common: NumPy data between a file format and a ``Mesh``, in linear colours."""

from dataclasses import dataclass, replace

import numpy as np

from taichi_dr.io.images import srgb_to_linear
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import GREY, WHITE, Mesh
from taichi_dr.scene.texture import NO_TEXTURE, Texture

EQUAL_COLORS = 1e-6
CLEARLY_ABOVE_ONE = 1.5


@dataclass(frozen=True)
class Surface:
    """Triangles as a file gives them.

    ``vertices`` (N, 3), float64, where the file has them; ``faces`` (F, 3); optional: ``uv`` (T, 2) with ``uv_faces``
    (F, 3); ``textures``, with ``face_textures`` (F,) that say which of them each face shows, -1 for none (None: the
    only one on all; without textures, 0 where one may be shown); ``corner_colors`` (F, 3, 3), the linear RGB of each
    corner of each face, which multiplies the texture where there is one (None: white there, grey elsewhere);
    ``unlit``: colours and textures are shown as they are, without light.
    """

    vertices: np.ndarray
    faces: np.ndarray
    corner_colors: np.ndarray | None = None
    uv: np.ndarray | None = None
    uv_faces: np.ndarray | None = None
    textures: tuple[Texture, ...] = ()
    face_textures: np.ndarray | None = None
    unlit: bool = False

    def welded(self):
        """Vertices at exactly the same position made one; kept in the order in which they first appear."""
        _, first, of_vertex = np.unique(self.vertices, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return replace(self, vertices=self.vertices[first[order]], faces=rank[of_vertex.reshape(-1)][self.faces])

    def to_mesh(self, **mesh):
        """The ``Mesh``: colours per vertex where corners agree, else per face where those agree, else per corner.

        Its material is ``Material("none")`` if the surface is unlit, unless ``mesh`` has another.
        """
        arguments = {"uv": self.uv, "uv_faces": self.uv_faces} | self._colors() | self._textures()
        if self.unlit and mesh.get("material") is None:
            mesh["material"] = Material("none")
        return Mesh(self.vertices, self.faces, **(arguments | mesh))

    def vertex_colors(self):
        """(N, 3): the mean of the corner colours around each vertex; vertices without faces get the overall mean."""
        corners, rows = self.corner_colors.reshape(-1, 3), self.faces.reshape(-1)
        count = np.bincount(rows, minlength=len(self.vertices))[:, None]
        sums = np.stack([np.bincount(rows, corners[:, k], len(self.vertices)) for k in range(3)], axis=1)
        return np.where(count > 0, sums / np.maximum(count, 1), corners.mean(axis=0))

    def _colors(self):
        corners = self.corner_colors
        if corners is None:
            shown = self._shown()
            if not len(self.textures) or (shown != NO_TEXTURE).all():
                return {}
            return {"face_colors": np.where((shown == NO_TEXTURE)[:, None], GREY, WHITE)}
        if np.ptp(corners, axis=(0, 1)).max() <= EQUAL_COLORS:
            is_white = np.abs(corners[0, 0] - WHITE).max() <= EQUAL_COLORS
            all_textured = len(self.textures) and (self._shown() != NO_TEXTURE).all()
            return {} if is_white and all_textured else {"colors": corners[0, 0]}
        mean = self.vertex_colors()
        if np.abs(mean[self.faces] - corners).max() <= EQUAL_COLORS:
            return {"colors": mean}
        if np.ptp(corners, axis=1).max() <= EQUAL_COLORS:
            return {"face_colors": corners[:, 0]}
        rows = np.concatenate([self.faces.reshape(-1, 1), corners.reshape(-1, 3)], axis=1)
        _, first, of_corner = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        return {"colors": corners.reshape(-1, 3)[first], "color_faces": of_corner.reshape(-1, 3)}

    def _textures(self):
        if not self.textures:
            return {}
        alone = len(self.textures) == 1 and (self._shown() == 0).all()
        return {"texture": self.textures, "face_textures": None if alone else self._shown()}

    def _shown(self):
        """Which texture each face shows, ``face_textures`` or the only one."""
        return np.zeros(len(self.faces), np.int32) if self.face_textures is None else self.face_textures


def linear_colors(values, code):
    """Linear (..., 3) of sRGB numbers of NumPy's type ``code``: integers up to what their type holds, floats up to 1.

    What is a little above 1 is clipped.  Wider numbers than bytes are bytes nevertheless where no value of the mesh is
    above 255 and, of floats, most of the colours that are not black are clearly above 1.

    >>> linear_colors([[65535, 0, 0]], "u2").tolist(), linear_colors([[255, 0, 0]], "f4").tolist()
    ([[1.0, 0.0, 0.0]], [[1.0, 0.0, 0.0]])
    """
    values = np.asarray(values, np.float64)
    return srgb_to_linear(np.clip(values / _full(values, np.dtype(code)), 0, 1))


def opaque(alphas, code):
    """The alpha (R,) of NumPy's type ``code`` that hides what is behind.

    >>> opaque(np.array([255, 128]), "u1"), opaque(np.array([1.0, 0.5]), "f4"), opaque(np.array([255.0, 12]), "f4")
    (255, 1, 255)
    """
    return _full(alphas[:, None], np.dtype(code))


def _full(values, dtype):
    """The number that means 1."""
    if dtype.kind == "f":
        return 255 if are_bytes(values) else 1
    return 255 if values.max(initial=0) <= 255 else np.iinfo(dtype).max


def are_bytes(values):
    """Whether floats (..., 3) are bytes: none above 255, and most of the colours that are not black clearly above 1."""
    highest = values.max(axis=-1, initial=0)
    lit = highest > 0
    return bool(highest.max(initial=0) <= 255 and (highest > CLEARLY_ABOVE_ONE).sum() * 2 > lit.sum())


def sample_texture(texture, uv, wrap=("repeat", "repeat")):
    """Bilinear lookup: texture (Ht, Wt, 3) at uv (..., 2), v up, texel centres at 1/2, wrapped outside [0, 1]."""
    height, width = texture.shape[:2]
    x, y = uv[..., 0] * width - 0.5, (1 - uv[..., 1]) * height - 0.5
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    s, t = (x - column)[..., None], (y - row)[..., None]
    upper, lower = (WRAPPED[wrap[1]](row + k, height) for k in (0, 1))
    left, right = (WRAPPED[wrap[0]](column + k, width) for k in (0, 1))
    above = texture[upper, left] * (1 - s) + texture[upper, right] * s
    below = texture[lower, left] * (1 - s) + texture[lower, right] * s
    return above * (1 - t) + below * t


WRAPPED = {
    "repeat": lambda i, size: i % size,
    "clamp": lambda i, size: np.clip(i, 0, size - 1),
    "mirror": lambda i, size: np.minimum(i % (2 * size), 2 * size - 1 - i % (2 * size)),
}
"""Of each wrap mode, the texel of the picture that is shown at texel i of a row of ``size``."""


def corner_colors(mesh, index):
    """(F, 3, 3): the linear colour at each corner of mesh ``index`` of the batch: of its texture times its colours."""
    if not mesh.has("texture"):
        return mesh.numpy("colors")[index][mesh.color_topology.faces]
    shape = mesh.face_count, 3, 3
    colors = mesh.numpy("colors")[index][mesh.color_topology.faces] if mesh.tinted else np.ones(shape, np.float32)
    uv = mesh.numpy("uv")[mesh.uv_faces]
    for k, texture in enumerate(mesh.textures):
        faces = slice(None) if mesh.face_textures is None else mesh.face_textures == k
        colors[faces] *= sample_texture(texture.pixels, uv[faces], texture.wrap)
    return colors
