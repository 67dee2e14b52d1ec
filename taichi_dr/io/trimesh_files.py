"""PLY, STL, OFF and GLB files through trimesh."""

import io
import json
import struct
import warnings

import numpy as np
import trimesh
from PIL import Image

from taichi_dr.errors import FileError, GeometryError, InputError
from taichi_dr.io.files import read_bytes
from taichi_dr.io.images import image_bytes, linear_to_srgb, quantized, srgb_to_linear
from taichi_dr.io.triangles import Surface, corner_colors, sample_texture
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import GREY
from taichi_dr.scene.texture import Texture

ENCODING_GUESSERS = ("charset_normalizer", "chardet")
"""What trimesh imports, there or not, once a file that should be text is no UTF-8."""


def read(path):
    """The ``Surface`` in a PLY, STL, OFF or GLB file; all parts of a scene as one."""
    data = read_bytes(path)
    if path.suffix.lower() == ".ply":
        _check_whole_ply(path, data)
    return _joined(path, _parts(path, path))


def read_parts(path):
    """``[(Surface, Material), ...]`` of the parts of a GLB file.

    Numbers of a material are those of its factors times the mean of its textures; that of the base colour alone stays a
    texture.
    """
    materials, data = _numbered(path, read_bytes(path))
    parts = _parts(path, io.BytesIO(data))
    return [(_joined(path, [part]), _material(path, part, materials)) for part in parts]


def _parts(path, source):
    """The parts with triangles of a scene, as trimesh has them; ``source``: the path, or an open file of its kind."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file_type = path.suffix[1:].lower()
            scene = trimesh.load_scene(source, file_type, process=False, maintain_order=True)
            parts = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh) and len(part.faces)]
    except Exception as error:  # trimesh raises whatever its parsers stumble over
        reason = "it is corrupt" if getattr(error, "name", None) in ENCODING_GUESSERS else error
        raise FileError(f"{path}: cannot be read as {path.suffix[1:].upper()}: {reason}") from error
    if not parts:
        raise FileError(f"{path}: has no triangles")
    for part in parts:
        if part.faces.min() < 0 or part.faces.max() >= len(part.vertices):
            raise GeometryError(
                f"{path}: a face refers to vertex {part.faces.max()}, the file has {len(part.vertices)} vertices"
            )
    return parts


def _numbered(path, data):
    """The materials that a GLB file lists, and its bytes with their numbers in place of their names.

    trimesh drops what extensions say and which number a material has, but keeps names.
    """
    try:
        length = struct.unpack_from("<I", data, 12)[0]
        tree = json.loads(data[20 : 20 + length])
        materials = tree.get("materials", [])
        tree |= {"materials": [material | {"name": str(i)} for i, material in enumerate(materials)]}
        text = json.dumps(tree).encode()
        text += b" " * (-len(text) % 4)
        rest = data[20 + length :]
        head = struct.pack("<4sIIII", data[:4], 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A)
        return materials, head + text + rest
    except (ValueError, TypeError, AttributeError, struct.error) as error:
        raise FileError(f"{path}: cannot be read as GLB: {error}") from error


def _material(path, part, materials):
    """The ``Material`` of a part; a matt one where the file names none."""
    held = getattr(part.visual, "material", None)
    name = getattr(held, "name", None)
    if not (isinstance(name, str) and name.isdigit() and int(name) < len(materials)):
        return Material()
    try:
        return _of_metallic_roughness(materials[int(name)], held)
    except (InputError, TypeError, ValueError, AttributeError) as error:
        raise FileError(f"{path}: material {name}: {error}") from error


def _of_metallic_roughness(given, held):
    """The ``Material`` of what the file says; ``held`` is what trimesh makes of it, for its pictures."""
    own, extensions = given.get("pbrMetallicRoughness", {}), given.get("extensions", {})
    _, roughness, metallic = _mean(held.metallicRoughnessTexture).tolist()
    strength = extensions.get("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1.0)
    base = np.array(own.get("baseColorFactor", np.ones(4)), float)[:3] * _mean_color(held.baseColorTexture)
    return Material.from_metallic_roughness(
        base.tolist(),
        own.get("metallicFactor", 1.0) * metallic,
        own.get("roughnessFactor", 1.0) * roughness,
        ior=extensions.get("KHR_materials_ior", {}).get("ior", 1.5),
        transmission=extensions.get("KHR_materials_transmission", {}).get("transmissionFactor", 0.0),
        emission=np.array(given.get("emissiveFactor", np.zeros(3)), float)
        * strength
        * _mean_color(held.emissiveTexture),
    )


def _mean(image):
    """The mean (3,) of a picture's numbers as they are stored; ones without a picture."""
    return np.ones(3) if image is None else np.asarray(image.convert("RGB")).mean(axis=(0, 1)) / 255


def _mean_color(image):
    """The mean (3,) of an sRGB picture, linear; ones without a picture."""
    return np.ones(3) if image is None else srgb_to_linear(np.asarray(image.convert("RGB")) / 255).mean(axis=(0, 1))


def read_points(path):
    """The vertices (P, 3) of a PLY file, with faces or without.

    Raises:
        FileError: missing, empty, corrupt, without vertices, or with one that is not finite.
    """
    data = read_bytes(path)
    _check_whole_ply(path, data)
    try:
        points = np.asarray(trimesh.load(path, process=False).vertices, np.float64).reshape(-1, 3)
    except Exception as error:  # trimesh raises whatever its parsers stumble over
        raise FileError(f"{path}: cannot be read as PLY: {error}") from error
    if not len(points) or not np.isfinite(points).all():
        raise FileError(f"{path}: expected vertices of finite numbers, got {len(points)}")
    return points


def write_points(path, points):
    """Writes points (P, 3) as a binary PLY file."""
    path.write_bytes(trimesh.PointCloud(points).export(file_type="ply"))


def _check_whole_ply(path, data):
    """Refuses an ASCII PLY with fewer lines than its header announces: trimesh takes what is there."""
    header, end, body = data.partition(b"end_header")
    lines = [line.split() for line in header.splitlines()]
    counts = [line[2] for line in lines if len(line) == 3 and line[0] == b"element" and line[2].isdigit()]
    if not end or [b"format", b"ascii"] not in [line[:2] for line in lines]:
        return
    expected = sum(int(count) for count in counts)
    found = sum(1 for line in body.splitlines() if line.strip())
    if found < expected:
        raise FileError(f"{path}: is cut off: its header announces {expected} rows, it has {found}")


def _joined(path, parts):
    """One ``Surface`` from the parts of a scene."""
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts])
    faces = np.concatenate([part.faces + offset for part, offset in zip(parts, offsets, strict=False)])
    vertices = np.concatenate([part.vertices for part in parts])
    uvs = [_uv(part) for part in parts]
    uv, uv_faces = None, None
    if all(one is not None for one in uvs):
        uv, uv_faces = np.concatenate(uvs), faces
    textures = [_texture(part) if one is not None else None for part, one in zip(parts, uvs, strict=True)]
    if len(parts) == 1 and textures[0] is not None:
        return Surface(vertices, faces, None, uv, uv_faces, (Texture(textures[0]),))
    colors = [_corner_colors(*item, path.suffix.lower()) for item in zip(parts, uvs, textures, strict=True)]
    if all(one is None for one in colors):
        return Surface(vertices, faces, None, uv, uv_faces)
    if any(one is not None for one in textures):
        warnings.warn(f"{path}: several materials: textures become colours at the corners of faces", stacklevel=4)
    filled = [_grey(part) if one is None else one for part, one in zip(parts, colors, strict=True)]
    return Surface(vertices, faces, np.concatenate(filled), uv, uv_faces)


def _uv(part):
    uv = getattr(part.visual, "uv", None)
    return uv if np.shape(uv) == (len(part.vertices), 2) else None


def _texture(part):
    """The part's base colour texture times its factor, linear; None without."""
    material = getattr(part.visual, "material", None)
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if image is None:
        return None
    factor = getattr(material, "baseColorFactor", None)
    tint = np.ones(3) if factor is None else np.asarray(factor[:3]) / 255
    return srgb_to_linear(np.asarray(image.convert("RGB")) / 255) * tint


def _corner_colors(part, uv, texture, suffix):
    """(F, 3, 3) linear, or None where the file gives no colour.  Colours in GLB files are linear, elsewhere sRGB."""
    if texture is not None:
        return sample_texture(texture, uv[part.faces])
    visual = part.visual
    extra = getattr(visual, "vertex_attributes", {}).get("color")
    if visual.kind == "vertex" or extra is not None:
        rows = (visual.vertex_colors if extra is None else trimesh.visual.color.to_rgba(extra))[part.faces]
    elif visual.kind == "face":
        rows = np.repeat(visual.face_colors[:, None], 3, axis=1)
    elif visual.kind == "texture" and getattr(visual.material, "baseColorFactor", None) is not None:
        rows = np.tile(visual.material.baseColorFactor, (len(part.faces), 3, 1))
    else:
        return None
    colors = rows[:, :, :3] / 255
    return colors if suffix == ".glb" else srgb_to_linear(colors)


def _grey(part):
    return np.tile(np.array(GREY), (len(part.faces), 3, 1))


def encode(mesh, index, suffix, unlit=False):
    """The bytes of a file of this suffix that holds one mesh of the batch; ``unlit`` marks the texture of a GLB so."""
    made = {".glb": _to_glb, ".ply": _to_ply}.get(suffix, _to_shape)(mesh, index)
    options = {"tree_postprocessor": _mark_unlit} if unlit and suffix == ".glb" else {}
    data = made.export(file_type=suffix[1:], **options)
    return data.encode() if isinstance(data, str) else data


def _mark_unlit(tree):
    for material in tree.get("materials", []):
        material["extensions"] = {"KHR_materials_unlit": {}}
        tree["extensionsUsed"] = ["KHR_materials_unlit"]


def _to_shape(mesh, index):
    return trimesh.Trimesh(mesh.numpy("vertices")[index], mesh.topology.faces, process=False)


def _to_ply(mesh, index):
    made = _to_shape(mesh, index)
    if not mesh.has("texture") and mesh.colors_per == "face":
        made.visual.face_colors = _bytes(linear_to_srgb(_clipped(mesh.numpy("colors")[index])))
    else:
        surface = Surface(made.vertices, mesh.topology.faces, corner_colors(mesh, index))
        made.visual.vertex_colors = _bytes(linear_to_srgb(_clipped(surface.vertex_colors())))
    return made


def _to_glb(mesh, index):
    vertices, faces = mesh.numpy("vertices")[index], mesh.topology.faces
    if mesh.has("texture"):
        pairs = np.stack([faces.reshape(-1), mesh.uv_faces.reshape(-1)], axis=1)
        pairs, split = np.unique(pairs, axis=0, return_inverse=True)
        material = trimesh.visual.material.PBRMaterial(
            baseColorTexture=Image.fromarray(image_bytes(mesh.numpy("texture"), "texture")),
            metallicFactor=0.0,
            roughnessFactor=1.0,
        )
        visual = trimesh.visual.TextureVisuals(uv=mesh.numpy("uv")[pairs[:, 1]], material=material)
        return trimesh.Trimesh(vertices[pairs[:, 0]], split.reshape(-1, 3), visual=visual, process=False)
    colors = mesh.numpy("colors")[index]
    if mesh.colors_per == "face":  # the format has colours at vertices only
        vertices, colors = vertices[faces.reshape(-1)], np.repeat(colors, 3, axis=0)
        faces = np.arange(len(vertices)).reshape(-1, 3)
    return trimesh.Trimesh(vertices, faces, vertex_colors=_bytes(_clipped(colors)), process=False)


def _clipped(colors):
    return np.clip(colors.astype(np.float64), 0, 1)


def _bytes(colors):
    """8-bit RGBA of colours in [0, 1]."""
    rgb = quantized(colors)
    return np.concatenate([rgb, np.full((len(rgb), 1), 255, dtype=np.uint8)], axis=1)
