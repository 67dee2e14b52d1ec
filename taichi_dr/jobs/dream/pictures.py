"""Pictures of a dream: the thing from all sides, as a volume and as a mesh, and how it came about."""

import numpy as np

from taichi_dr.io.images import quantized, save_animation, srgb_to_linear
from taichi_dr.jobs.report.metrics import over_white
from taichi_dr.jobs.report.pages import write_grid
from taichi_dr.render.mesh.supersample import Supersampler
from taichi_dr.torch.dreamer.pictures import camera
from taichi_dr.torch.dreamer.words import view_words

SIDE = 160  # pixels
STEP = 0.5  # cells between samples
AZIMUTHS_DEG, ELEVATIONS_DEG = 22.5 + 45.0 * np.arange(8), np.tile([5.0, 40.0], 4)
PORTRAIT_DEG = 60.0, 25.0
FRAMES, FRAMES_PER_SECOND = 48, 16


def looks(grid, azimuth_deg=AZIMUTHS_DEG, elevation_deg=ELEVATIONS_DEG, size=SIDE):
    """``Picture`` of a grid of display values in some views, by default eight from all around."""
    return grid.render(camera(azimuth_deg, elevation_deg), (size, size), STEP)


def portrait(grid):
    """(160, 160, 3) bytes of a grid over white, from before and a little above."""
    return quantized(np.clip(looks(grid, *PORTRAIT_DEG).over(1.0)[0], 0, 1))


def write_dream(path, grid, mesh, caption):
    """The volume from eight sides, and below it the mesh, if there is one."""
    names = [" ".join(view_words(*view)) for view in zip(AZIMUTHS_DEG, ELEVATIONS_DEG, strict=True)]
    volume = quantized(np.clip(looks(grid).over(1.0), 0, 1))
    rows = [list(zip(names, volume, strict=True))]
    if mesh is not None:
        seen = Supersampler(SIDE).render(mesh, camera(AZIMUTHS_DEG, ELEVATIONS_DEG))
        rows.append([("the mesh" if not i else "", quantized(over_white(view))) for i, view in enumerate(seen)])
    write_grid(path, rows, caption)


def write_progress(path, shots, prompt):
    """Portraits ``[(step, (160, 160, 3) bytes), ...]`` in the order in which they were made."""
    write_grid(path, [[(f"step {step}", picture) for step, picture in shots]], f"how {prompt!r} came about")


def write_turntable(path, grid, mesh):
    """The mesh, or the volume if there is none, going round once."""
    azimuth, elevation = 90 + 360 * np.arange(FRAMES) / FRAMES, np.full(FRAMES, 25.0)
    if mesh is not None:
        frames = Supersampler(SIDE).render(mesh, camera(azimuth, elevation))
    else:
        frames = srgb_to_linear(np.clip(looks(grid, azimuth, elevation).over(1.0), 0, 1))
    save_animation(path, frames, fps=FRAMES_PER_SECOND)
