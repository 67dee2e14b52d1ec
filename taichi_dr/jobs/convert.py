"""``taichi-dr convert``: posed images of any format that is read, in the format of the NeRF (Blender) data sets."""

from taichi_dr.io.files import check_creatable
from taichi_dr.io.folders import whole_folder
from taichi_dr.io.posed.load import load_posed_images, splits
from taichi_dr.io.posed.transforms import save_posed_images
from taichi_dr.jobs.dataset import OWN_NAMES
from taichi_dr.jobs.terminal.output import alone_in, claim
from taichi_dr.jobs.terminal.progress import progress_bar

SPLITS = ("train", "test")


def convert(settings):
    """Reads and writes what ``settings`` (ConvertSettings) says; returns ``{split: PosedImages}`` as written.

    Raises:
        InputError: a setting outside its domain.
        FileError: OUT may not be written.
        DataSetError: data that cannot be read.
    """
    settings.check()
    with alone_in(settings.out):
        return _convert(settings)


def _convert(settings):
    claim(settings.out, OWN_NAMES, settings.overwrite)
    check_creatable(settings.out.resolve())
    options = {"largest": settings.size, "skip_missing": settings.skip_missing, "background": settings.background}
    named = [split for split in SPLITS if split in splits(settings.data)] or ["train"]
    written = {}
    with whole_folder(settings.out) as folder, progress_bar("converting") as update:
        for number, split in enumerate(named):
            for part, step in enumerate(("reading", "writing")):

                def tell(done, total, part=part, step=step, number=number, split=split):
                    share = (number + (part + done / total) / 2) / len(named)
                    update(share, f"{step} {done} of {total} {split} images")

                if step == "reading":
                    written[split] = load_posed_images(settings.data, split, progress=tell, **options)
                else:
                    save_posed_images(folder, written[split], split, progress=tell)
    return written
