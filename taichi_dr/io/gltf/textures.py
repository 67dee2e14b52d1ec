"""Textures: their pictures, how they go on beyond their borders, and the coordinates to look them up with.

Sources: glTF 2.0 (Khronos, 2021), 3.8; KHR_texture_transform; EXT_texture_webp.
"""

import math

import numpy as np

from taichi_dr.io.images import decode_image
from taichi_dr.scene.texture import Texture

WRAPS = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
DECODED = ("EXT_texture_webp", "EXT_texture_avif")
UNKNOWN = ("KHR_texture_basisu", "MSFT_texture_dds")
"""Extensions that name a picture: of a format that Pillow has, and of one that it has not."""


class Textures:
    """The textures of a document, each picture decoded once."""

    def __init__(self, document):
        self._document = document
        self._pixels, self._textures = {}, {}

    def picture(self, info):
        """The pixels (H, W, 3), or (H, W, 4) with alpha, linear, of a texture info; None without any, or with a
        warning where its file is missing."""
        texture = info.refers("index", "textures") if info else None
        if info and not texture:
            raise info.error("index", "is missing")
        return self._of(texture)[0] if texture else None

    def texture(self, info):
        """(``Texture``, its alpha (H, W) or None) of a texture info; (None, None) without a picture."""
        pixels = self.picture(info)
        if pixels is None:
            return None, None
        texture = info.refers("index", "textures")
        wrap = _wrap(texture)
        key = self._of(texture)[1], wrap
        if key not in self._textures:
            alpha = pixels[:, :, 3] if pixels.shape[2] == 4 else None
            self._textures[key] = Texture(pixels[:, :, :3], wrap), alpha
        return self._textures[key]

    def _of(self, texture):
        """(pixels or None, place of the image) of a ``textures`` entry: of the first source that can be decoded."""
        for owner in [texture.extension(name) for name in DECODED] + [texture]:
            image = owner.refers("source", "images") if owner else None
            if image:
                if image.place not in self._pixels:
                    self._pixels[image.place] = self._decoded(image)
                if self._pixels[image.place] is not None:
                    return self._pixels[image.place], image.place
        if not texture.has("source"):
            self._warn_of_no_source(texture)
        return None, None

    def _warn_of_no_source(self, texture):
        found = next((name for name in UNKNOWN if texture.extension(name)), None)
        if found in self._document.required:
            raise texture.error(None, f"its picture is of {found}, which is not supported: export it as PNG or JPEG")
        kind = f"is of {found}, which is not supported: export it as PNG or JPEG" if found else "is missing"
        self._document.warn(f"{texture.place}: its picture {kind}; the colours without it are shown")

    def _decoded(self, image):
        """The pixels of an ``images`` entry; None, with a warning, if its file is missing."""
        if image.has("bufferView"):
            view = image.refers("bufferView", "bufferViews")
            return decode_image(bytes(self._document.view(view)), f"{image.path}: {image.place}", upright=False)
        if not image.has("uri"):
            raise image.error(None, "expected a bufferView or a uri")
        data = self._document.picture_data(image)
        if data is None:
            return None
        return decode_image(data, f"{image.path}: {image.place}", upright=False)


def _wrap(texture):
    sampler = texture.refers("sampler", "samplers")
    if not sampler:
        return ("repeat", "repeat")
    codes = sampler.integer("wrapS", 10497), sampler.integer("wrapT", 10497)
    for key, code in zip(("wrapS", "wrapT"), codes, strict=True):
        if code not in WRAPS:
            raise sampler.error(key, f"expected one of {', '.join(map(str, WRAPS))}", code)
    return WRAPS[codes[0]], WRAPS[codes[1]]


def coordinate_set(info):
    """The name of the attribute with the coordinates of a texture info (``TEXCOORD_0`` without any)."""
    transform = info.extension("KHR_texture_transform") if info else None
    number = info.integer("texCoord", 0, most=999) if info else 0
    return f"TEXCOORD_{transform.integer('texCoord', number, most=999) if transform else number}"


def transformed(info, coordinates):
    """Coordinates (N, 2), v down, as KHR_texture_transform of a texture info moves them: ``T R S uv``."""
    transform = info.extension("KHR_texture_transform") if info else None
    if not transform:
        return coordinates
    angle = transform.number("rotation", 0.0)
    c, s = math.cos(angle), math.sin(angle)
    turn = np.array([[c, s], [-s, c]])
    scaled = coordinates * transform.numbers("scale", 2, [1.0, 1.0])
    return scaled @ turn.T + transform.numbers("offset", 2, [0.0, 0.0])
