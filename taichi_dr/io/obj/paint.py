"""What the faces of an OBJ file look like, of their materials."""

from dataclasses import dataclass

import numpy as np

from taichi_dr.errors import FileError
from taichi_dr.io.images import linear_to_srgb, load_image
from taichi_dr.io.obj.lines import shown
from taichi_dr.io.obj.mtl import MtlMaterial
from taichi_dr.io.obj.picture import Picture
from taichi_dr.scene.mesh import GREY
from taichi_dr.scene.texture import Texture

STANDARD = (0.0, 0.588, 0.64, 0.8)
"""The grey Kd (sRGB) of Maya, 3ds Max, Blender 2.7 and later ones where a picture takes the place of the colour."""

SAME = 5e-4  # how near Kd is to one of these then
WHITE = (1.0, 1.0, 1.0)
MOST_NAMED = 5  # materials in one note


@dataclass(frozen=True)
class Look:
    """A material as it is shown: ``color`` without its picture, ``tint`` which multiplies it; linear (3,)."""

    material: MtlMaterial
    color: np.ndarray | tuple = GREY
    tint: np.ndarray | tuple = WHITE
    picture: Picture | None = None


@dataclass(frozen=True)
class Paint:
    """How F faces are shown.

    ``colors`` (F, 3), linear: what multiplies a face's texture, or its colour without; ``textures`` and
    ``face_textures`` (F,), -1 for none; ``placements`` (F, 4): scale u v and offset u v of texture coordinates.
    """

    colors: np.ndarray
    textures: tuple[Texture, ...]
    face_textures: np.ndarray
    placements: np.ndarray


def look(material, notes):
    """The ``Look`` of an ``MtlMaterial``.

    Kd multiplies the picture, as MTL has it; but what programs write where the picture takes the place of the colour
    (``STANDARD``) leaves it as it is.  What is black or says no Kd, and sends out light (Ke, map_Ke), has the colour of
    that; other light that is sent out is left out.
    """
    notes += material.notes
    diffuse, emission = material.diffuse, material.emission
    is_dark = diffuse is None or not diffuse.any()
    is_bright = emission is not None and emission.any()
    if is_bright or material.glow:
        if is_dark and material.picture is None:
            notes.append(f"material {shown(material.name)}: its own light (Ke) is shown as a colour that is lit")
            color = emission if is_bright else np.array(WHITE)
            return Look(material, color, color, material.glow)
        notes.append(f"material {shown(material.name)}: its own light (Ke) is not rendered")
    plain = np.array(GREY) if diffuse is None or (is_dark and material.has_map) else diffuse
    tint = np.array(WHITE) if diffuse is None or is_standard(linear_to_srgb(diffuse)) else diffuse
    return Look(material, plain, tint, material.picture)


def is_standard(color):
    """Whether an sRGB colour is one of the ``STANDARD`` greys."""
    return np.ptp(color) == 0 and np.abs(color[0] - np.array(STANDARD)).min() < SAME


def visible(looks, of_face, notes):
    """Which faces (F,) are to be seen: not those of materials with d 0 or Tr 1, unless nothing else is there: some
    programs mean the opposite by these keys."""
    seen = np.array([one.material.opacity > 0 for one in looks])[of_face]
    if not seen.any():
        notes.append(f"all of its faces are invisible ({looks[of_face[0]].material.stated}): they are shown opaque")
        return np.ones(len(of_face), bool)
    if not seen.all():
        materials = [looks[i].material for i in np.unique(of_face[~seen])]
        names = named(f"{shown(one.name)} ({one.stated})" for one in materials)
        notes.append(f"{np.count_nonzero(~seen)} faces are invisible, and left out: those of material {names}")
    return seen


def paint(looks, of_face, has_uv, notes):
    """The ``Paint`` of faces: ``of_face`` (F,) says which of the looks each has, ``has_uv`` (F,) whether it has texture
    coordinates."""
    pictures = _Pictures(notes)
    in_use = np.bincount(of_face[has_uv], minlength=len(looks)) > 0
    numbers = [pictures.number(one.picture) if used else -1 for one, used in zip(looks, in_use, strict=True)]
    face_textures = np.where(has_uv, np.array(numbers)[of_face], -1)
    plain, tint = (np.array([getattr(one, name) for one in looks])[of_face] for name in ("color", "tint"))
    _note_transparency(looks, of_face, pictures.clear, notes)
    return Paint(
        colors=np.where(face_textures[:, None] >= 0, tint, plain),
        textures=tuple(pictures.textures),
        face_textures=face_textures,
        placements=np.array([_placement(one.picture) for one in looks])[of_face],
    )


def _placement(picture):
    return (1.0, 1.0, 0.0, 0.0) if picture is None else picture.scale + picture.offset


class _Pictures:
    """The ``textures`` of pictures, each made once; ``clear``: the files with alpha in them."""

    def __init__(self, notes):
        self.textures = []
        self.clear = set()
        self._notes = notes
        self._pixels = {}
        self._numbers = {}

    def number(self, picture):
        """Which of the textures is a ``Picture``; -1 for None and, with a note, what cannot be read."""
        if picture is None:
            return -1
        key = (picture.file, picture.wrap)
        if key not in self._numbers:
            pixels = self._read(picture.file)
            self._numbers[key] = -1 if pixels is None else len(self.textures)
            self.textures += [] if pixels is None else [Texture(pixels, picture.wrap)]
        return self._numbers[key]

    def _read(self, file):
        if file not in self._pixels:
            try:
                pixels = load_image(file)
            except FileError as error:
                self._notes.append(f"its texture cannot be read, the material's colour is taken: {error}")
                pixels = np.empty((0, 0, 3))
            if pixels.shape[2] == 4 and (pixels[:, :, 3] < 1).any():
                self.clear.add(file)
            self._pixels[file] = pixels[:, :, :3] if pixels.size else None
        return self._pixels[file]


def _note_transparency(looks, of_face, clear_files, notes):
    """One note for all of the transparency that is not rendered."""
    counts, said = np.bincount(of_face, minlength=len(looks)), []
    for one, count in zip(looks, counts.tolist(), strict=True):
        has_alpha = one.picture is not None and one.picture.file in clear_files
        stated = one.material.stated if 0 < one.material.opacity < 1 else ""
        reasons = list(
            filter(None, [stated, one.material.alpha, f"alpha in {one.picture.file.name}" if has_alpha else ""])
        )
        if reasons and count:
            said.append(f"{shown(one.material.name)} ({', '.join(reasons)}; {count} faces)")
    if said:
        notes.append(f"transparency (alpha) is not rendered: opaque instead is material {named(said)}")


def named(items):
    """Some of the items, and how many more there are."""
    items = list(items)
    rest = f" and {len(items) - MOST_NAMED} more" if len(items) > MOST_NAMED else ""
    return ", ".join(items[:MOST_NAMED]) + rest
