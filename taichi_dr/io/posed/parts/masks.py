"""Masks beside pictures, by the names that programs give them.

    masks/NAME.jpg.png, masks/NAME.png, masks/NAME.jpg  COLMAP, nerfstudio, IDR: beside the pictures or their folder
    NAME.mask.png, NAME.jpg.mask.png, NAME_mask.png     beside the picture
    dynamic_mask_NAME.png                               instant-ngp: white is what is to be left out

All but instant-ngp's are white where the object is.
"""

import os

FOLDERS = ("masks", "mask")
LEFT_OUT = "dynamic_mask_"


def found_mask(picture, root):
    """The mask of the picture at a path of a data set in the folder ``root``, None if there is none."""
    name, stem = picture.name, picture.stem
    beside = [f"{stem}.mask.png", f"{name}.mask.png", f"{stem}_mask.png", f"{LEFT_OUT}{stem}.png"]
    candidates = [picture.with_name(name) for name in beside]
    for folder in _folders(picture, root):
        candidates += [folder / other for other in (f"{name}.png", f"{stem}.png", name)]
    return next((path for path in candidates if os.path.isfile(path)), None)


def is_left_out(mask):
    """Whether a mask is white where there is nothing of interest, by its name."""
    return mask.name.startswith(LEFT_OUT)


def _folders(picture, root):
    """Where masks may be: in ``masks`` beside the picture, beside its folder and so on up to ``root``; pictures in
    folders of their own have masks in folders of their own, named as those below ``masks`` or below the pictures'
    folder: ``train/a.png`` has ``masks/train/a.png``, ``images/left/a.png`` also ``masks/left/a.png``."""
    above = [folder for folder in picture.parents if folder.is_relative_to(root)] or picture.parents[:2]
    for folder in above:
        way = picture.parent.relative_to(folder).parts
        for name in FOLDERS:
            yield folder.joinpath(name, *way)
            yield folder.joinpath(name, *way[1:])
