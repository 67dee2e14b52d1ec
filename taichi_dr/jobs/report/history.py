"""What a run remembers for its reports: losses and pictures along the way."""

import io
import operator

import imageio.v3 as iio
import numpy as np
from PIL import Image

from taichi_dr.jobs.report.pages import animation_frame

FRAMES = 25
SHOWN_VIEWS = 3
SHOWN_SIZE = 160  # pixels of each view in the animation


class History:
    """Losses by step: ``rows`` of ``[step, {name: value}]``, and ``marks``, steps at which something changed."""

    def __init__(self, rows=(), marks=()):
        self.rows, self.marks = list(rows), list(marks)

    @classmethod
    def restored(cls, rows, marks):
        """As it was with these; ValueError, TypeError or AttributeError if they are none."""
        known = [
            [operator.index(step), {name: float(value) for name, value in losses.items()}] for step, losses in rows
        ]
        return cls(known, map(operator.index, marks))

    def add(self, step, losses):
        """Notes the losses of a step."""
        self.rows.append([step, losses])

    def latest(self):
        """The last losses, ``{name: value}``."""
        return self.rows[-1][1] if self.rows else {}

    def columns(self):
        """``{"step": [...], name: [...]}``; a loss that a step did not have is NaN there."""
        names = list(dict.fromkeys(name for _, losses in self.rows for name in losses))
        columns = {name: [losses.get(name, np.nan) for _, losses in self.rows] for name in names}
        return {"step": [step for step, _ in self.rows]} | columns


class Animation:
    """Pictures of the model in a few views, above them what they should be, at even fractions of the budget."""

    def __init__(self, posed):
        views = np.unique(np.linspace(0, len(posed) - 1, SHOWN_VIEWS).round().astype(int))
        self._posed = posed.subset(views).resized(min(SHOWN_SIZE, max(posed.height, posed.width)))
        self._targets = np.concatenate([self._posed.images, self._posed.alpha[..., None]], axis=-1)
        self._next = 0.0
        self.frames, self._encoded = [], {}

    def due(self, fraction):
        """Whether the next picture should be taken."""
        return fraction >= self._next

    def add(self, model, fraction, caption):
        """Takes a picture of ``model``."""
        self.frames.append(animation_frame(self._targets, model.pictures(self._posed), caption))
        self._schedule(fraction)

    def arrays(self):
        """Every frame as the bytes of a PNG, by a name that sorts, for the checkpoint."""
        for frame in self.frames[len(self._encoded) :]:
            picture = iio.imwrite("<bytes>", frame, extension=".png", plugin="pillow", compress_level=1)
            self._encoded[f"frames/{len(self._encoded):04d}"] = np.frombuffer(picture, np.uint8)
        return dict(self._encoded)

    def restore(self, arrays, fraction):
        """Takes up frames taken before; ValueError if one is none of these views."""
        self._encoded = {name: arrays[name] for name in sorted(arrays) if name.startswith("frames/")}
        shape = animation_frame(self._targets, self._targets, "").shape
        self.frames = [_frame(name, picture.tobytes(), shape) for name, picture in self._encoded.items()]
        self._schedule(fraction)

    def _schedule(self, fraction):
        # Early on more happens: the k-th picture is due at (k / FRAMES)^2.
        k = int(np.sqrt(fraction) * FRAMES + 1e-9) + 1
        self._next = (k / FRAMES) ** 2


def _frame(name, data, shape):
    """The frame of the bytes of a PNG, which is not unpacked if it has another shape."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            found = picture.height, picture.width, len(picture.getbands())
            frame = np.asarray(picture) if found == shape else None
    except Exception as error:  # Pillow raises a dozen types
        raise ValueError(f"{name}: is no picture ({error})") from error
    if frame is None:
        raise ValueError(f"{name}: expected a picture of shape {shape}, got {found}")
    return frame
