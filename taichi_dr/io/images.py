"""Pictures and animations: linear floating-point colours in memory, in files sRGB bytes or, OpenEXR, the same."""

import importlib.util
import io
import logging
import threading
import warnings
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageColor, ImageOps

from taichi_dr.errors import FileError, InputError, ShapeError
from taichi_dr.io.files import atomic_path, check_creatable, read_bytes
from taichi_dr.io.hdr import exr, rgbe
from taichi_dr.memory import lacking
from taichi_dr.types import Array, ArrayLike, Field, PathLike

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
SAVED = (*PICTURES, ".exr")
WITHOUT_ALPHA = (".jpg", ".jpeg", ".bmp")
ANIMATIONS = (".gif", ".mp4")
PNG_BITS = 24  # the byte of a PNG that has the bits of a number
MOST_PIXELS_PER_BYTE = 10_000  # of a file: deflate packs 8,256 pixels of one bit into a byte, LZW 2,730
ALWAYS_ALLOWED = 1 << 24  # pixels, of however few bytes
BYTES_PER_PIXEL = 24  # of a picture while it is decoded: four bytes as stored, up to five floats
ORIENTATION, QUARTER_TURNS = 0x0112, (5, 6, 7, 8)  # the EXIF tag, and its values that exchange width and height

logging.getLogger("PIL").addHandler(logging.NullHandler())  # it tells the terminal of damage that is an error here


class _Silent(threading.local):
    """Matches all messages of warnings in a thread while that is silent."""

    holds = False

    def match(self, message):
        return self.holds


_SILENT = _Silent()
_NOTHING = ("ignore", _SILENT, Warning, None, 0)  # one of ``warnings.filters``


@contextmanager
def _silence():
    """For the length of the block nothing that its thread warns of is told: Pillow does of damaged tags, and of many
    pixels, in pictures that it can read.

    ``warnings.catch_warnings`` is the process's: it would lose what other threads warn of meanwhile, and put back
    filters that are no longer theirs.  So a filter stays, which matches in the block alone.
    """
    if warnings.filters[:1] != [_NOTHING]:
        with suppress(ValueError):
            warnings.filters.remove(_NOTHING)
        warnings.filters.insert(0, _NOTHING)
    _SILENT.holds = True
    try:
        yield
    finally:
        _SILENT.holds = False


def srgb_to_linear(values: ArrayLike) -> Array:
    """sRGB (IEC 61966-2-1) to linear: ``c/12.92`` up to 0.04045, ``((c + 0.055)/1.055)^2.4`` above.

    >>> float(srgb_to_linear(0.5).round(6))
    0.214041
    """
    values = np.asarray(values)
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0.04045) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(values: ArrayLike) -> Array:
    """Linear to sRGB, inverse of ``srgb_to_linear``: ``12.92 c`` up to 0.0031308, ``1.055 c^(1/2.4) - 0.055`` above.

    >>> float(linear_to_srgb(0.5).round(6))
    0.735357
    """
    values = np.asarray(values)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * np.maximum(values, 0.0031308) ** (1 / 2.4) - 0.055)


_LINEAR_OF_BYTE = srgb_to_linear(np.arange(256) / 255).astype(np.float32)


def display_color(name):
    """Display values (3,) in [0, 1] of a colour's name or ``#rrggbb``.

    Raises:
        InputError: neither.
    """
    try:
        red, green, blue = ImageColor.getrgb(name)
    except ValueError:  # also of four channels
        raise InputError(f"{name}: no colour: expected a name (white, steelblue, ...) or #rrggbb") from None
    return np.array([red, green, blue]) / 255


def load_image(path: PathLike) -> Array:
    """A picture as linear float32 (H, W, 3), or (H, W, 4) with straight alpha if the file has transparency.

    Grey pictures get three equal channels; a photograph's orientation tag is obeyed.  OpenEXR (scan lines, without
    compression or by RLE, ZIP or PIZ) and Radiance's ``.hdr`` are linear as they are, and may be brighter than 1.

    Raises:
        FileError: missing, empty, or not a picture that can be decoded.
    """
    return decode_image(read_bytes(path), path)


def decode_image(data, name, upright=True):
    """``load_image`` from the bytes of a file called ``name``; as stored, whatever its orientation tag says, if not
    ``upright``."""
    suffix = Path(name).suffix.lower()
    if data.startswith(exr.MAGIC) or suffix == ".exr":
        return _of_channels(exr.decode_exr(data, name), name)
    if data.startswith(rgbe.MAGIC) or suffix == ".hdr":
        return rgbe.decode_rgbe(data, name)
    try:
        with _silence():
            _check_room(name, data)
            pixels = _stored_pixels(data, upright)
    except FileError:
        raise
    except Exception as error:  # Pillow raises a dozen different types for broken files
        raise FileError(f"{name}: not a PNG or JPEG, or damaged") from error
    if pixels.ndim not in (2, 3) or pixels.size == 0:
        raise FileError(f"{name}: cannot be read as an image: its pixels have shape {pixels.shape}")
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    if pixels.dtype == np.uint8:
        return _linear_from_bytes(pixels)
    shares = pixels.astype(np.float32) / 65535
    shares[:, :, :3] = srgb_to_linear(shares[:, :, :3])
    return shares


def _stored_pixels(data, upright):
    """The first picture of a file's bytes: (H, W), (H, W, 3) or (H, W, 4) of 8 or 16 bits.

    A colour that a PNG keys out (tRNS) is transparent; alpha that shows everything is left out, but of RGBA.
    """
    picture = Image.open(io.BytesIO(data))
    mode, key = picture.mode, picture.info.get("transparency")
    if upright:
        picture = ImageOps.exif_transpose(picture)
    if mode in ("L", "RGB") or mode.startswith("I"):
        pixels = np.asarray(picture)
        return _keyed(pixels, key, data) if isinstance(key, int | tuple) else pixels
    pixels = np.asarray(picture.convert("RGBA"))
    return pixels[:, :, :3] if mode != "RGBA" and (pixels[:, :, 3] == 255).all() else pixels


def _keyed(pixels, key, data):
    """Grey or RGB pixels of a PNG as (H, W, 4), transparent where they have the colour ``key``, which has the file's
    own number of bits."""
    bits, whole = data[PNG_BITS], 255 if pixels.dtype == np.uint8 else 65535
    colors = pixels[:, :, None] if pixels.ndim == 2 else pixels
    wanted = np.atleast_1d(key)
    if pixels.dtype == np.uint8:
        wanted = wanted >> 8 if bits == 16 else wanted * (255 // (2**bits - 1))
    alpha = np.where((colors == wanted).all(axis=2, keepdims=True), 0, whole)
    return np.concatenate([np.broadcast_to(colors, (*pixels.shape[:2], 3)), alpha], axis=2).astype(pixels.dtype)


def _of_channels(channels, name):
    """(H, W, 3) of OpenEXR's channels, (H, W, 4) if any of it is transparent: colours there are multiplied by alpha."""
    colors = "RGB" if "R" in channels else "YYY"
    if not set(colors) <= channels.keys():
        raise FileError(f"{name}: expected channels R, G and B, or Y, got {', '.join(channels)}")
    pixels = np.stack([channels[color] for color in colors], axis=-1)
    alpha = channels.get("A")
    if alpha is None or (alpha == 1).all():
        return pixels
    return straight(np.concatenate([pixels, alpha[..., None]], axis=-1))


def picture_sizes(path):
    """(width, height) of a picture in pixels, as stored, and upright as its orientation tag says; reads its header.

    Raises:
        FileError: missing, empty, or not a picture.
    """
    try:
        with _silence(), Image.open(path) as picture:
            tags = Image.Image.getexif(picture)  # that of PNG would decode the picture
            turned = tags.get(ORIENTATION, 1) in QUARTER_TURNS
            return picture.size, picture.size[::-1] if turned else picture.size
    except Image.DecompressionBombError as error:
        raise FileError(f"{path}: has too many pixels to be read: {error}; make it smaller") from error
    except Exception as error:
        read_bytes(path)  # says so if it is missing or empty
        raise FileError(f"{path}: not a PNG or JPEG, or damaged") from error


def _check_room(name, data):
    """Raises FileError if the pixels of a picture, which its header has the number of, take more memory than there is,
    or are more than its bytes can say.

    Pillow refuses more than 178,956,970 by itself.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            packs_any = picture.format in ("WEBP", "AVIF")  # one colour of any size in a few bytes
    except Image.DecompressionBombError as error:
        raise FileError(f"{name}: has too many pixels to be read: {error}; make it smaller") from error
    if not packs_any and width * height > max(ALWAYS_ALLOWED, MOST_PIXELS_PER_BYTE * len(data)):
        raise FileError(f"{name}: its {width} × {height} pixels cannot be in {len(data):,} bytes: it is damaged")
    if missing := lacking(width * height * BYTES_PER_PIXEL):
        raise FileError(f"{name}: its {width} × {height} pixels {missing}: make it smaller")


def load_mask(path):
    """A mask as it is stored, (H, W) in [0, 1]: alpha in a file of its own.

    It is the alpha of a picture that has alpha and one colour, else the brightness; a picture of the numbers 0 and 1
    alone says those.

    Raises:
        FileError: missing, empty, or not a picture that can be decoded.
    """
    data = read_bytes(path)
    try:
        with _silence():
            _check_room(path, data)
            picture = Image.open(io.BytesIO(data))
            pixels = _mask_pixels(picture)
    except FileError:
        raise
    except Exception as error:  # Pillow raises a dozen different types for broken files
        raise FileError(f"{path}: not a PNG or JPEG, or damaged") from error
    whole = 1 if pixels.max() == 1 else 65535 if picture.mode.startswith("I") else 255
    return (pixels / np.float32(whole)).astype(np.float32)


def _mask_pixels(picture):
    if picture.mode.startswith("I"):
        return np.asarray(picture)
    if picture.mode == "P" and "transparency" not in picture.info and np.asarray(picture).max() <= 1:
        return np.asarray(picture)  # numbers of classes: 0 is the background, whatever the palette shows
    grey = np.asarray(picture.convert("L"))
    if grey.min() == grey.max() and (picture.mode.endswith("A") or "transparency" in picture.info):
        return np.asarray(picture.convert("RGBA"))[:, :, 3]
    return grey


def _linear_from_bytes(pixels):
    result = np.empty(pixels.shape, dtype=np.float32)
    result[..., :3] = _LINEAR_OF_BYTE[pixels[..., :3]]
    result[..., 3:] = pixels[..., 3:] * np.float32(1 / 255)
    return result


def save_image(path: PathLike, pixels: ArrayLike | Field, *, alpha: ArrayLike | Field | None = None) -> None:
    """Writes linear colours as an 8-bit sRGB picture (PNG, JPEG, BMP, TIFF by suffix), or as they are (``.exr``).

    ``pixels`` is a NumPy array or a field of shape (H, W) grey, (H, W, 3), or (H, W, 4) with straight alpha; ``alpha``
    (H, W) is an alpha channel given apart.  Values are clipped to [0, 1], but in OpenEXR, which holds single precision.
    In formats without alpha, transparency shows white.

    Raises:
        InputError: a pixel is not finite (the message says which).
        ShapeError: not one picture.
        FileError: unknown suffix, or the file cannot be written.
    """
    path = Path(path)
    _check_suffix(path, SAVED)
    pixels = _with_alpha(_as_array(pixels), alpha)
    if path.suffix.lower() == ".exr":
        with atomic_path(path) as temporary:
            temporary.write_bytes(_exr_bytes(pixels, path.name))
        return
    if path.suffix.lower() in WITHOUT_ALPHA:
        pixels = over_white(pixels)
    _write(path, image_bytes(pixels, path.name), plugin="pillow")


def image_bytes(pixels, name="picture"):
    """Linear colours (H, W), (H, W, 3) or (H, W, 4) as 8-bit sRGB, rounded to nearest; alpha is not transformed.

    Raises:
        InputError, ShapeError: as ``save_image``.
    """
    pixels = _as_array(pixels)
    _check_pixels(pixels, name)
    values = np.clip(pixels, 0, 1).astype(np.float64)
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        values = linear_to_srgb(values)
    else:
        values[..., :3] = linear_to_srgb(values[..., :3])
    return quantized(values)


def _check_pixels(pixels, name):
    if pixels.ndim not in (2, 3) or pixels.size == 0 or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ShapeError(f"{name}: expected pixels of shape (H, W), (H, W, 3) or (H, W, 4), got {pixels.shape}")
    finite = np.isfinite(pixels)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise InputError(f"{name}: pixel {index} is {pixels[index]}; {(~finite).sum()} values are not finite")


def _exr_bytes(pixels, name):
    """Linear colours as OpenEXR has them: multiplied by alpha, where there is one."""
    _check_pixels(pixels, name)
    if pixels.ndim == 2:
        return exr.encode_exr({"Y": pixels})
    if pixels.shape[2] == 4:
        pixels = np.concatenate([pixels[..., :3] * pixels[..., 3:], pixels[..., 3:]], axis=-1)
    return exr.encode_exr(dict(zip("RGBA", np.moveaxis(pixels, -1, 0), strict=False)))


def png_bytes(pixels):
    """The bytes of a PNG file of linear colours, as ``save_image`` takes them."""
    return iio.imwrite("<bytes>", image_bytes(pixels), extension=".png", plugin="pillow")


def quantized(values):
    """Numbers in [0, 1] (others clipped) as bytes, rounded to nearest.

    >>> quantized([-1.0, 0.5, 1.0]).tolist()
    [0, 128, 255]
    """
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)


def save_animation(path: PathLike, frames: Iterable[ArrayLike | Field], fps: float = 20) -> None:
    """Writes pictures of one size (as for ``save_image``) as a GIF that repeats, or an MP4 (H.264), by suffix.

    MP4 needs ``pip install av`` or ``pip install imageio-ffmpeg``.  Transparency shows white.  GIF frames last a whole
    number of 1/100 s.

    Raises:
        InputError: no frames, a pixel that is not finite, or ``fps`` not in (0, 100].
        ShapeError: frames of differing size.
        FileError: unknown suffix, no MP4 encoder, or the file cannot be written.
    """
    path = Path(path)
    _check_suffix(path, ANIMATIONS)
    if not 0 < fps <= 100:
        raise InputError(f"save_animation: expected fps in (0, 100], got {fps!r}")
    movie = []
    for i, frame in enumerate(frames):
        pixels = image_bytes(over_white(_with_alpha(_as_array(frame), None)), f"{path.name}, frame {i}")
        movie.append(np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else pixels)
        if movie[i].shape != movie[0].shape:
            raise ShapeError(f"{path.name}, frame {i}: expected shape {movie[0].shape} as frame 0, got {pixels.shape}")
    if not movie:
        raise InputError(f"{path.name}: an animation needs at least one frame")
    if path.suffix.lower() == ".gif":
        _write(path, np.stack(movie), plugin="pillow", duration=round(100 / fps) * 10, loop=0)
    else:
        _write(path, _even_sized(np.stack(movie)), **_mp4_options(path, fps))


def _mp4_options(path, fps):
    if importlib.util.find_spec("av"):
        return {"plugin": "pyav", "codec": "libx264", "fps": fps}
    if importlib.util.find_spec("imageio_ffmpeg"):
        return {"plugin": "FFMPEG", "codec": "libx264", "fps": fps, "macro_block_size": 2}
    raise FileError(f"{path}: writing MP4 needs an encoder: pip install av (or save a .gif)")


def _even_sized(movie):
    """H.264 wants even sides: repeats the last row and column where needed."""
    return np.pad(movie, [(0, 0), (0, movie.shape[1] % 2), (0, movie.shape[2] % 2), (0, 0)], mode="edge")


def _as_array(pixels):
    return pixels.to_numpy() if hasattr(pixels, "to_numpy") else np.asarray(pixels)


def _with_alpha(pixels, alpha):
    if alpha is None:
        return pixels
    alpha = _as_array(alpha)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or alpha.shape != pixels.shape[:2]:
        raise ShapeError(f"alpha: expected (H, W, 3) pixels and (H, W) alpha, got {pixels.shape} and {alpha.shape}")
    return np.concatenate([pixels, alpha[:, :, None]], axis=2)


def straight(premultiplied):
    """RGBA whose colours were multiplied by alpha, with that undone; black where alpha is 0."""
    alpha = premultiplied[..., 3:]
    colors = premultiplied[..., :3] / np.where(alpha > 0, alpha, 1)
    return np.concatenate([np.where(alpha > 0, colors, 0), alpha], axis=-1)


def over_white(pixels):
    """Linear RGB (H, W, 3) of pixels (H, W, 4) over white; others as they are."""
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        return pixels
    return pixels[:, :, :3] * pixels[:, :, 3:] + (1 - pixels[:, :, 3:])


def check_picture(path, known=SAVED):
    """Checks, before the work, that ``save_image`` can write ``path``.

    Raises:
        FileError: unknown suffix, or a folder that cannot be made or written to.
    """
    _check_suffix(Path(path), known)
    check_creatable(path)


def check_animation(path):
    """Checks, before the work, that ``save_animation`` can write ``path``.

    Raises:
        FileError: unknown suffix, no MP4 encoder, or a folder that cannot be made or written to.
    """
    path = Path(path)
    _check_suffix(path, ANIMATIONS)
    if path.suffix.lower() == ".mp4":
        _mp4_options(path, 20)
    check_creatable(path)


def _check_suffix(path, known):
    if path.suffix.lower() not in known:
        raise FileError(f"{path}: unknown suffix {path.suffix!r}: expected one of {', '.join(known)}")


def _write(path, data, **options):
    try:
        encoded = iio.imwrite("<bytes>", data, extension=path.suffix.lower(), **options)
    except Exception as error:  # plugins raise their own types
        raise FileError(f"{path}: cannot be written: {error}") from error
    with atomic_path(path) as temporary:  # imageio would not say that a file could not be written to its end
        temporary.write_bytes(encoded)
