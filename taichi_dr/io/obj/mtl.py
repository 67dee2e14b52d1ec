"""MTL: the colours, pictures and opacity of materials.

Source: Ramey, Rose, Tyerman, "MTL material format (Lightwave, OBJ)", http://paulbourke.net/dataformats/mtl; what
programs write beyond it is named where it is read.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from taichi_dr.errors import FileError
from taichi_dr.io.files import read_bytes
from taichi_dr.io.images import srgb_to_linear
from taichi_dr.io.obj.lines import logical_lines, readings, rest_of, shown, without_comment
from taichi_dr.io.obj.picture import Picture, read_picture

XYZ_TO_RGB = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)
"""CIE XYZ to linear sRGB (IEC 61966-2-1, white point D65)."""

ROUNDING = 0.01  # how far beyond [0, 1] a component may be without a word


@dataclass(frozen=True)
class MtlMaterial:
    """A material: linear colours (3,), None where the file has none, and pictures, None likewise.

    ``diffuse`` is Kd, ``emission`` Ke, ``picture`` map_Kd, ``glow`` map_Ke; ``has_map``: there is a map_Kd, found or
    not; ``opacity`` is d, or 1 - Tr, as ``stated`` in the file ("d 0.5"); ``alpha``: what it says of map_d;
    ``notes``: a sentence for whatever cannot be taken as the file has it.
    """

    name: str = ""
    diffuse: np.ndarray | None = None
    emission: np.ndarray | None = None
    picture: Picture | None = None
    has_map: bool = False
    glow: Picture | None = None
    opacity: float = 1.0
    stated: str = ""
    alpha: str | None = None
    notes: list[str] = field(default_factory=list)


def read_materials(file):
    """``{name: MtlMaterial}`` of an MTL file; of two definitions of a name the last counts.

    Raises:
        FileError: it cannot be read, or a Kd is no colour; the message has the line.
    """
    materials, current = {}, None
    for number, line in logical_lines(read_bytes(file) if file.stat().st_size else b""):
        key = line.split(None, 1)[0].lower() if line.strip() else b""
        if key == b"newmtl":
            current = rest_of(line)
            materials[current] = MtlMaterial(current)
        elif key in KEYS and current is not None:
            try:
                changes = KEYS[key](file, materials[current], line)
            except ValueError as error:
                message = f", line {number}: cannot be read as MTL ({error}): {shown(line)}"
                if key == b"kd":
                    raise FileError(f"{file}{message}") from error
                materials[current].notes.append(f"{file.name}{message}")
                continue
            materials[current] = replace(materials[current], **changes)
    return materials


def find_materials(materials, names):
    """For each of the ``names`` that ``usemtl`` lines say, the material that is meant, or None: the one of this name;
    if there is none, of the name without a comment behind it, or in another case of letters."""
    exact = {reading: material for own, material in materials.items() for reading in readings(own)} | materials
    folded = {key.casefold(): material for key, material in exact.items()}
    return [_first(exact, readings(name)) or _first(folded, readings(name.casefold())) for name in names]


def _first(table, keys):
    return next((table[key] for key in keys if key in table), None)


def _diffuse(file, material, line):
    return {"diffuse": _color(file, material, line)}


def _emission(file, material, line):
    return {"emission": _color(file, material, line)}


def _picture(file, material, line):
    picture = read_picture(file, line, material.notes) or material.picture
    return {"picture": picture, "has_map": material.has_map or bool(rest_of(line))}


def _glow(file, material, line):
    return {"glow": read_picture(file, line, material.notes) or material.glow}


def _alpha(file, material, line):
    return {"alpha": f"map_d {rest_of(line)}"}


def _dissolve(file, material, line):
    """``d 0.5`` or ``d -halo 0.5``; it overrules ``Tr``."""
    words = [word for word in without_comment(line).split()[1:] if word != b"-halo"]
    opacity = _numbers(words[:1])[0]
    return {"opacity": opacity, "stated": f"d {opacity:g}"}


def _transparency(file, material, line):
    """``Tr``: 1 - d."""
    transparency = _numbers(without_comment(line).split()[1:2])[0]
    stated_already = material.stated.startswith("d ")
    return {} if stated_already else {"opacity": 1 - transparency, "stated": f"Tr {transparency:g}"}


def _color(file, material, line):
    """Linear (3,) of ``r g b`` (sRGB), of ``r`` for a grey, or of ``xyz x y z``; None where a file of its spectrum is
    named, which is not read."""
    words = without_comment(line).split()[1:]
    form = words[0].lower() if words else b""
    if form == b"spectral":
        material.notes.append(
            f"{file.name}: {shown(line.strip())} is not read: material {shown(material.name)} is grey"
        )
        return None
    numbers = _numbers(words[1:4] if form == b"xyz" else words[:3])
    numbers += numbers[:1] * (3 - len(numbers))
    if form == b"xyz":
        return np.clip(XYZ_TO_RGB @ numbers, 0, 1)
    if not -ROUNDING <= min(numbers) <= max(numbers) <= 1 + ROUNDING:
        material.notes.append(f"{file.name}: {shown(line.strip())} of {shown(material.name)} is clipped to [0, 1]")
    return srgb_to_linear(np.clip(numbers, 0, 1))


def _numbers(words):
    numbers = [float(word) for word in words]
    if not numbers or not np.isfinite(numbers).all():
        raise ValueError("expected finite numbers")
    return numbers


KEYS = {
    b"kd": _diffuse,
    b"ke": _emission,
    b"map_kd": _picture,
    b"map_ke": _glow,
    b"map_d": _alpha,
    b"d": _dissolve,
    b"tr": _transparency,
}
"""What is read of a material, by its key in small letters: ``(file, material, line) -> changes``."""
