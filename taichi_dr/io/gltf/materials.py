"""Materials: what colours the faces, and what ray tracing makes of the rest.

Sources: glTF 2.0 (Khronos, 2021), 3.9; KHR_materials_pbrSpecularGlossiness, _ior, _transmission, _emissive_strength,
_unlit.
"""

from dataclasses import dataclass, replace

import numpy as np

from taichi_dr.errors import FileError, InputError
from taichi_dr.io.gltf.document.values import Json, shown
from taichi_dr.io.gltf.textures import Textures
from taichi_dr.io.images import linear_to_srgb, quantized
from taichi_dr.scene.material import Material
from taichi_dr.scene.texture import Texture

OPAQUE, MASK, BLEND = "OPAQUE", "MASK", "BLEND"


@dataclass(frozen=True)
class Look:
    """What colours a material's faces: ``factor`` (4,), linear with alpha, times ``COLOR_0``, times the texture.

    ``info`` is the texture info, if any; ``alpha`` (H, W) that of the texture, if it has any.
    """

    place: str
    name: str
    factor: np.ndarray
    info: Json | None
    texture: Texture | None
    alpha: np.ndarray | None
    mode: str
    cutoff: float


PLAIN = Look("", "", np.ones(4), None, None, None, OPAQUE, 0.5)
"""What faces without a material look like: white."""


def read_look(material, textures: Textures):
    """The ``Look`` of a ``materials`` entry; factors are clipped to [0, 1], beyond which there are none."""
    base, factor, info = _base_color(material)
    mode = material.text("alphaMode", OPAQUE)
    if mode not in (OPAQUE, MASK, BLEND):
        raise material.error("alphaMode", f"expected one of {OPAQUE}, {MASK}, {BLEND}", mode)
    factor = np.clip(base.numbers(factor, 4, [1.0] * 4) if base else [1.0] * 4, 0.0, 1.0)
    info = base.member(info) if base else None
    texture, alpha = textures.texture(info)
    name = material.text("name", "") or material.place
    return Look(material.place, name, factor, info, texture, alpha, mode, material.number("alphaCutoff", 0.5))


def lit_look(material, textures: Textures, warn):
    """``read_look`` for light from outside alone: what is black and sends out light has the colour of that, as an OBJ
    file's; other light that is sent out is left out.  ``warn(text)`` is told of both."""
    look = read_look(material, textures)
    emission = np.array(material.numbers("emissiveFactor", 3, [0.0] * 3))
    if not emission.any():
        return look
    if look.factor[:3].any():
        warn(f"material {shown(look.name)}: its own light (emissiveFactor) is not rendered")
        return look
    warn(f"material {shown(look.name)}: its own light (emissiveFactor) is shown as a colour that is lit")
    info = material.member("emissiveTexture")
    factor = np.append(np.clip(emission, 0.0, 1.0), look.factor[3])
    return replace(look, factor=factor, info=info, texture=textures.texture(info)[0], alpha=None)


def _base_color(material):
    """(object or None, its members for the base colour's factor and texture)."""
    glossy = material.extension("KHR_materials_pbrSpecularGlossiness")
    if glossy:
        return glossy, "diffuseFactor", "diffuseTexture"
    return material.member("pbrMetallicRoughness"), "baseColorFactor", "baseColorTexture"


def is_unlit(material):
    """Whether a ``materials`` entry (or None) is shown as it is, without light: KHR_materials_unlit."""
    return material is not None and material.extension("KHR_materials_unlit") is not None


def read_material(material, textures: Textures):
    """The ``Material`` of a ``materials`` entry (None: a matt one): its factors times the means of its textures."""
    if material is None:
        return Material()
    if is_unlit(material):
        return Material("none")
    look = read_look(material, textures)
    base = look.factor[:3] * (1.0 if look.texture is None else _mean(look.texture.pixels))
    metallic, roughness = _metallic_roughness(material, textures)
    strength, ior, transmission = (
        extension.number(key, default) if (extension := material.extension(name)) else default
        for name, key, default in (
            ("KHR_materials_emissive_strength", "emissiveStrength", 1.0),
            ("KHR_materials_ior", "ior", 1.5),
            ("KHR_materials_transmission", "transmissionFactor", 0.0),
        )
    )
    glow = textures.picture(material.member("emissiveTexture"))
    emission = np.array(material.numbers("emissiveFactor", 3, [0.0] * 3)) * strength
    try:
        return Material.from_metallic_roughness(
            base.tolist(),
            metallic,
            roughness,
            ior=ior,
            transmission=transmission,
            emission=emission if glow is None else emission * _mean(glow[:, :, :3]),
        )
    except InputError as error:
        raise FileError(f"{material.path}: material {material.place[10:-1]}: {error}") from error


def _metallic_roughness(material, textures):
    glossy = material.extension("KHR_materials_pbrSpecularGlossiness")
    if glossy:
        return 0.0, 1.0 - glossy.number("glossinessFactor", 1.0)
    own = material.member("pbrMetallicRoughness")
    if not own:
        return 1.0, 1.0
    picture = textures.picture(own.member("metallicRoughnessTexture"))
    stored = np.ones(3) if picture is None else _mean(quantized(linear_to_srgb(picture[:, :, :3])) / 255)  # no colours
    return own.number("metallicFactor", 1.0) * float(stored[2]), own.number("roughnessFactor", 1.0) * float(stored[1])


def _mean(pixels):
    """The mean (3,) of pixels (H, W, 3)."""
    return np.asarray(pixels, np.float64).mean(axis=(0, 1))
