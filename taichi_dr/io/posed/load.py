"""Folders of photographs with cameras, of whatever format, as ``PosedImages``."""

import os
import warnings
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from taichi_dr.errors import DataSetError, FileError
from taichi_dr.io.images import decode_image, linear_to_srgb, load_mask, picture_sizes
from taichi_dr.io.posed import colmap, dtu, llff, record3d, transforms
from taichi_dr.io.posed.capture import Capture, contents_of
from taichi_dr.io.posed.lens import straight_lens, undistorted
from taichi_dr.io.posed.parts.background import border_color, keyed, named_background, warn_of_other_borders
from taichi_dr.io.posed.parts.file_names import shown
from taichi_dr.io.posed.parts.masks import found_mask, is_left_out
from taichi_dr.io.posed.parts.poses import rigid_poses
from taichi_dr.io.posed_images import PosedImages, averaged_down, target_size
from taichi_dr.memory import check_memory
from taichi_dr.types import PathLike, Progress, Size

LARGEST_CUT = 0.1  # of a side: photographs that differ by less in size are cut to one, others averaged down
BORDERS = 16  # pictures whose borders are looked at for their colour
MOST_FINER = 16  # times as many pixels on a side as its picture that a mask may have
SQUARE = 0.01  # photographs whose aspect differs by more from what their lens was found for are warned of


def splits(folder):
    """The splits that a data set has: ``["train", "test"]`` for ``transforms_train.json``, ...; ``["train"]`` for one
    ``transforms.json`` and for the other formats; [] where nothing is found."""
    folder = Path(folder)
    found = sorted(transforms.splits_in(folder), reverse=True) if os.path.isdir(folder) else []
    return found or (["train"] if os.path.isfile(folder) or _cameras_in(folder) else [])


def load_posed_images(
    folder: PathLike,
    split: str = "train",
    *,
    size: Size | None = None,
    scale: float = 1.0,
    largest: int | None = None,
    require_alpha: bool = False,
    skip_missing: bool = False,
    background: str | None = None,
    progress: Progress | None = None,
) -> PosedImages:
    """Reads photographs and their cameras: a folder in one of these formats, or the file that has its cameras.

    * NeRF's Blender scenes, nerfstudio, instant-ngp: ``transforms_<split>.json``, for ``"train"`` also
      ``transforms.json``, and the pictures it names, with ``mask_path`` as their alpha;
    * COLMAP: ``sparse/0/cameras.bin`` or ``.txt`` and others, beside ``images`` and, for alpha, ``masks``;
    * LLFF: ``poses_bounds.npy`` beside ``images``;
    * NeuS and IDR (DTU): ``cameras_sphere.npz`` beside ``image`` and ``mask``;
    * Record3D: ``metadata.json`` beside ``rgb``.

    Photographs whose lens is distorted come as their pinhole sees them (``lens``).  Those that differ in size are cut
    to the smallest height and width if that takes less than a tenth of each side, else averaged down to them; lenses
    follow.  If ``w``, ``h`` of a lens differ from its picture's, the lens is scaled to the picture.
    ``size`` ((H, W), or the longer side) or ``scale`` <= 1 average the pictures down over pixel areas, in linear light
    and weighted by alpha; ``largest`` does so where the longer side would be more.  ``skip_missing`` leaves out what
    has no picture.  ``background``, a colour (``"white"``, ``"#rrggbb"``) or ``"auto"``, the one colour of the
    pictures' borders, is keyed: alpha of pictures that have none is how far they are from it (``parts.background``).
    ``progress(done, total)`` is called after each picture.

    Raises:
        DataSetError: no such data, corrupt files, missing keys, missing or unreadable pictures, pictures of differing
            size with one lens, no alpha where ``require_alpha``, a camera that is not finite or not rigid, a fisheye
            lens, borders without one colour where ``background`` is to be found.
        InputError: a size larger than the pictures, or not positive; a ``background`` that is no colour.
    """
    with _told_of_data():
        return _opened(folder, split, (size, scale, largest), skip_missing, background).read(require_alpha, progress)


def open_posed_images(
    folder: PathLike,
    split: str = "train",
    *,
    largest: int | None = None,
    skip_missing: bool = False,
    background: str | None = None,
) -> "Pictures":
    """What ``load_posed_images`` reads, of which only the headers of pictures and masks have been read yet.

    Raises:
        DataSetError, InputError: as ``load_posed_images``, but for what is found out as pictures are decoded.
    """
    with _told_of_data():
        return _opened(folder, split, (None, 1.0, largest), skip_missing, background)


def _opened(folder, split, wanted, skip_missing, background):
    capture = read_capture(Path(folder), split)
    return Pictures(capture, _present(capture, skip_missing), wanted, background)


@contextmanager
def _told_of_data():
    """For the length of the block, errors of files are those of a data set."""
    try:
        yield
    except DataSetError:
        raise
    except FileError as error:
        raise DataSetError(str(error)) from error


def read_capture(folder: Path, split: str = "train") -> Capture:
    """The ``Capture`` of a folder, or of the file that has its cameras.

    Raises:
        DataSetError: as ``load_posed_images``.
    """
    capture = _read(folder, split)
    names, root = [view.name for view in capture.views], capture.file.parent
    poses = rigid_poses(capture.file, names, [view.camera_to_world for view in capture.views])
    pairs = zip(capture.views, poses, strict=True)
    return replace(capture, views=[replace(view, camera_to_world=pose, mask=_mask(view, root)) for view, pose in pairs])


def _mask(view, root):
    """The mask that a format names, else one that lies beside the picture."""
    return view.mask if view.mask or view.missing else found_mask(view.picture, root)


def _read(folder, split):
    """What the reader of its format finds in a folder or a file."""
    if os.path.isfile(folder):
        return _reader_of(folder)(folder)
    if not os.path.isdir(folder):
        raise DataSetError(f"{folder}: no such folder")
    named = transforms.splits_in(folder)
    if split in named:
        return transforms.read(*named[split])
    cameras = _cameras_in(folder) if not named and split == "train" else None
    if cameras is None:
        expected = [f"transforms_{split}.json"] + (["transforms.json"] if split == "train" else [])
        found = ", ".join(sorted(path.name for path in folder.glob("transforms*.json"))) or "none"
        others = "" if named else "; nor has it a COLMAP model (sparse/0), poses_bounds.npy, cameras_sphere.npz or"
        others += "" if named else " Record3D's metadata.json"
        raise DataSetError(f"{folder}: expected {' or '.join(expected)}; transforms files found: {found}{others}")
    return _reader_of(cameras)(cameras)


def _cameras_in(folder):
    """The file with the cameras, of a folder that has no ``transforms``; None if there is none."""
    for name in record3d.FILES:
        if (folder / name).is_file() and record3d.is_metadata(folder / name):
            return folder / name
    for name in dtu.FILES:
        if (folder / name).is_file():
            return folder / name
    if model := colmap.model_in(folder):
        return model
    poses = folder / "poses_bounds.npy"
    return poses if poses.is_file() else None


def _reader_of(path):
    if path.stem in ("cameras", "images", "points3D") and path.suffix in (".bin", ".txt"):
        return lambda file: colmap.read(file.with_stem("cameras"))
    if path.suffix == ".npz":
        return dtu.read
    if path.suffix == ".npy":
        return llff.read
    if path.name in record3d.FILES or (path.suffix == ".json" and record3d.is_metadata(path)):
        return record3d.read
    if path.suffix == ".json":
        return transforms.read
    raise DataSetError(f"{path}: expected a folder, or a file that has cameras: .json, .npz, .npy, cameras.bin or .txt")


def _present(capture, skip_missing):
    """The views whose files are there.

    Raises:
        DataSetError: some are not, and ``skip_missing`` is false; or none is.
    """
    missing = [view.missing for view in capture.views if view.missing]
    present = [view for view in capture.views if not view.missing]
    if missing and (not skip_missing or not present):
        advice = "; skip_missing (--skip-missing) leaves them out" if present else ""
        raise DataSetError(
            f"{capture.file}: {len(missing)} of {len(capture.views)} images are missing:"
            f" {shown(list(dict.fromkeys(missing)))}{advice}; they"
            f" were looked for from {capture.file.parent} in any letter case, with suffixes of pictures,"
            " and by the ends of their paths"
        )
    if missing:
        warnings.warn(f"{capture.file}: {len(missing)} missing images are left out: {shown(missing)}", stacklevel=4)
    return present


class Pictures:
    """The pictures of a capture on their way to one size; what that is is known before any is decoded.

    ``cameras``: their PosedImages without pictures, black and transparent, which take no memory.
    """

    def __init__(self, capture, views, wanted, background):
        self._capture, self._views = capture, views
        stored = [self._stored(view) for view in views]
        self._upright = [upright for _, upright in stored]
        self._lenses = self._scaled([side for side, _ in stored])
        self._check_sizes([side for side, _ in stored])
        for view, side in zip(views, [side for side, _ in stored], strict=True):
            _check_mask(view, side)
        self._straight = [self._checked(view, straight_lens, lens) for view, lens in self._both()]
        sides = np.array([(lens.height, lens.width) for lens in self._straight], dtype=int)
        self._common = tuple(sides.min(axis=0).tolist())
        self._cut = bool((self._common >= (1 - LARGEST_CUT) * sides).all())
        self._keyed, self._background = background, None if background is None else named_background(background)
        self._no_background = None  # why none is found, once that is known
        size, scale, largest = wanted
        self.size = target_size(size, scale, self._common)
        if largest is not None and max(self.size) > largest:
            self.size = target_size(largest, 1.0, self.size)
        shape = (len(views), *self.size)
        nothing = np.zeros((), np.float32)
        self.cameras = self._posed(np.broadcast_to(nothing, (*shape, 3)), np.broadcast_to(nothing, shape), True)

    def _look_at_borders(self):
        """Finds the background that is keyed, if it is ``auto``; warns where borders are of another colour, if not.

        Pictures that cannot be read are passed over: that is said of them when they are asked for.

        Raises:
            DataSetError: ``auto``, and the borders have no one colour.
        """
        if self._no_background is not None:
            raise DataSetError(self._no_background)
        few = np.unique(np.linspace(0, len(self._views) - 1, BORDERS).round().astype(int)).tolist()
        others = (i for i in range(len(self._views)) if i not in few)
        decoded = [*self._readable(few)] or [*islice(self._readable(others), 1)]
        opaque = [linear_to_srgb(colors) for colors, _, transparent in decoded if not transparent]
        where = f"{self._capture.file}: --background {self._keyed}"
        if opaque and self._background is None:
            self._background = self._border_color(opaque, where)
        elif opaque:
            warn_of_other_borders(opaque, self._background, where)
        self._keyed = None  # whether there is anything opaque or not

    def _readable(self, views):
        """What ``_decoded`` has of those views whose pictures can be read."""
        for i in views:
            with suppress(FileError):
                yield self._decoded(i)

    def _border_color(self, pictures, where):
        try:
            return border_color(pictures, where)
        except DataSetError as error:
            self._no_background = str(error)  # the borders are not decoded again for each picture
            raise

    def _both(self):
        return zip(self._views, self._lenses, strict=True)

    def _where(self, view):
        return f"{self._capture.file}: {view.name}"

    def _checked(self, view, function, *arguments):
        try:
            return function(*arguments)
        except DataSetError as error:
            raise DataSetError(f"{self._where(view)}: {error}") from None

    def _stored(self, view):
        """(width, height) of a picture, and whether its orientation tag is obeyed: unless the lens is for it as stored,
        which its size tells."""
        raw, turned = picture_sizes(view.picture)
        portrait = view.lens.height > view.lens.width
        obeyed = not view.is_raw or (raw != turned and (turned[1] > turned[0]) == portrait and raw[0] != raw[1])
        return (turned, True) if obeyed else (raw, False)

    def _scaled(self, sizes):
        """The lenses for the pictures' own sizes (width, height); warns where those are of another aspect."""
        lenses = self._turned([view.lens for view in self._views], sizes)
        self._warn_of_centers(lenses)
        aspects = [lens.width * h / (lens.height * w) for lens, (w, h) in zip(lenses, sizes, strict=True)]
        odd = [i for i, aspect in enumerate(aspects) if abs(aspect - 1) > SQUARE]
        if odd:
            lens, (width, height) = lenses[odd[0]], sizes[odd[0]]
            warnings.warn(
                f"{self._where(self._views[odd[0]])}: its lens is for pictures of {lens.width:g} × {lens.height:g}"
                f" pixels, but it has {width} × {height}, another aspect: its focal lengths are stretched to fit"
                f" ({len(odd)} of {len(lenses)} images)",
                stacklevel=5,
            )
        return [lens.scaled(*side) for lens, side in zip(lenses, sizes, strict=True)]

    def _turned(self, lenses, sizes):
        """The lenses whose width and height are swapped, which pictures' sizes (width, height) tell, put right: focal
        lengths are those of their axes, the principal point is turned where that brings it nearer to the middle."""
        swapped = [
            i
            for i, (lens, (w, h)) in enumerate(zip(lenses, sizes, strict=True))
            if w != h and (lens.width, lens.height) == (h, w)
        ]
        if swapped:
            w, h = sizes[swapped[0]]
            warnings.warn(
                f"{self._where(self._views[swapped[0]])}: its lens is for pictures of {h} × {w} pixels, but it has"
                f" {w} × {h}: width and height are taken to be swapped, focal lengths to be right"
                f" ({len(swapped)} of {len(lenses)} images)",
                stacklevel=6,
            )
        return [lens.with_sides_swapped() if i in swapped else lens for i, lens in enumerate(lenses)]

    def _warn_of_centers(self, lenses):
        """Says so where a principal point is outside its picture."""
        outside = [
            i
            for i, lens in enumerate(lenses)
            if not (0 < lens.center[0] < lens.width and 0 < lens.center[1] < lens.height)
        ]
        if outside:
            lens = lenses[outside[0]]
            warnings.warn(
                f"{self._where(self._views[outside[0]])}: its principal point, {lens.center[0]:g}, {lens.center[1]:g}"
                f" pixels from the upper left corner, is not within the {lens.width:g} × {lens.height:g} pixels of the"
                f" picture ({len(outside)} of {len(lenses)} images): is it of another size, or from the middle?",
                stacklevel=6,
            )

    def _check_sizes(self, sizes):
        """Raises DataSetError if pictures differ in size though one lens is all that is said of them."""
        shared = [i for i, view in enumerate(self._views) if not view.own_lens]
        for i in shared[1:]:
            if sizes[i] != sizes[shared[0]]:
                first, other = (self._relative(self._views[j].picture) for j in (shared[0], i))
                (first_w, first_h), (w, h) = sizes[shared[0]], sizes[i]
                raise DataSetError(
                    f"{self._capture.file}: images differ in size: {first} is {first_w} × {first_h}, {other} is"
                    f" {w} × {h}: each needs w, h and fl_x of its own"
                )

    def _relative(self, path):
        folder = self._capture.file.parent
        return path.relative_to(folder) if path.is_relative_to(folder) else path

    def read(self, require_alpha, progress):
        """The PosedImages."""
        count = len(self._views)
        height, width = self.size
        check_memory(f"{count} images of {width} × {height} pixels", 16 * count * width * height, "read them smaller")
        if self._keyed is not None:
            self._look_at_borders()
        images = np.empty((count, *self.size, 3), dtype=np.float32)
        alpha = np.empty((count, *self.size), dtype=np.float32)
        has_alpha = False
        for i in range(count):
            images[i], alpha[i], transparent = self._picture(i)
            if require_alpha and not transparent:
                path = self._views[i].picture
                raise DataSetError(
                    f"{path}: has no alpha channel, which silhouettes are taken from, and no mask:"
                    " --background auto keys a background of one colour, --background COLOR that colour"
                )
            has_alpha |= transparent
            if progress is not None:
                progress(i + 1, count)
        return self._posed(images, alpha, has_alpha)

    def picture(self, i):
        """Colours (H, W, 3) and alpha (H, W) of one picture, as ``load_posed_images`` has them.

        Raises:
            DataSetError: as ``load_posed_images``.
        """
        with _told_of_data():
            if self._keyed is not None and self._background is None:
                self._look_at_borders()
            return self._picture(i)[:2]

    def _posed(self, images, alpha, has_alpha):
        """The PosedImages that have these pictures."""
        depths = [view.depths or (np.nan, np.nan) for view in self._views]
        lenses = [self._kept(i)[1] for i in range(len(self._views))]
        return PosedImages(
            images,
            alpha,
            np.stack([view.camera_to_world for view in self._views]),
            np.array([lens.focal for lens in lenses]),
            np.array([lens.center for lens in lenses]),
            tuple(view.name for view in self._views),
            has_alpha,
            self._capture.points,
            None if np.isnan(depths).all() else np.array(depths),
            self._capture.region,
        )

    def _picture(self, i):
        """Colours, alpha and whether there was alpha, of picture ``i`` at its final size."""
        colors, alpha, transparent = self._decoded(i)
        if self._background is not None and not transparent:
            colors, alpha = keyed(colors, self._background)
            transparent = True
        lens = self._lenses[i]
        if lens.is_distorted:
            planes = np.concatenate([colors * alpha[:, :, None], alpha[:, :, None]], axis=2) if transparent else colors
            planes = self._checked(self._views[i], undistorted, planes, lens)
            alpha = planes[:, :, 3] if transparent else np.ones(planes.shape[:2], np.float32)
            colors = planes[:, :, :3] / np.where(alpha > 0, alpha, 1)[:, :, None]
            colors = np.clip(colors, 0, 1)
        part = self._kept(i)[0]
        return *averaged_down(colors[part], alpha[part], self.size), transparent

    def _kept(self, i):
        """The part of picture ``i`` that is kept, slices of rows and columns, and its lens at the final size."""
        lens, part = self._straight[i], (slice(None), slice(None))
        if self._cut and (lens.height, lens.width) != self._common:
            height, width = self._common
            top, left = (lens.height - height) // 2, (lens.width - width) // 2
            part = slice(top, top + height), slice(left, left + width)
            lens = lens.cut(left, top, width, height)
        return part, lens.scaled(self.size[1], self.size[0])

    def _decoded(self, i):
        view = self._views[i]
        picture = decode_image(contents_of(view.picture), view.picture, self._upright[i])
        alpha, transparent = np.ones(picture.shape[:2], np.float32), picture.shape[2] == 4
        if transparent:
            alpha = picture[:, :, 3]
        if view.mask is not None:
            mask = _fitting_mask(view, alpha.shape)
            mask = 1 - mask if is_left_out(view.mask) else mask
            alpha, transparent = alpha * mask, True
        return picture[:, :, :3], alpha, transparent


def _check_mask(view, side):
    """Checks the mask of a view, if it has one, by its header: it is not decoded.

    Raises:
        DataSetError: it is of another aspect than the picture of ``side`` (width, height), or more than ``MOST_FINER``
            times as large.
    """
    if view.mask is None:
        return
    (width, height), (wide, tall) = side, picture_sizes(view.mask)[0]
    if abs(wide * height / (tall * width) - 1) > SQUARE:
        raise DataSetError(f"{view.mask}: is {wide} × {tall}, but {view.picture} is {width} × {height}: another aspect")
    if tall > MOST_FINER * height:
        raise DataSetError(
            f"{view.mask}: is {wide} × {tall}, but {view.picture} is {width} × {height}: give it its size"
        )


def _fitting_mask(view, shape):
    """The mask of a view at the size (H, W) of its picture; one of another size but the same aspect is resampled."""
    mask = load_mask(view.mask)
    if mask.shape == shape:
        return mask
    height, width = shape
    resampling = Image.Resampling.BOX if len(mask) > height else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(mask).resize((width, height), resampling))
