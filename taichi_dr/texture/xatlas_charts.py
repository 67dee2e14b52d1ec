"""Charts by xatlas (Young, MIT licence), where that is installed: ``pip install taichi-dr[texture]``."""

import importlib.util

import numpy as np


def is_installed():
    """Whether xatlas can be imported."""
    return importlib.util.find_spec("xatlas") is not None


def unwrap(vertices, faces, size, gutter):
    """``(uv, uv_faces, chart)`` as ``box_projection`` gives them; faces without area have chart -1.

    xatlas fills a rectangle of about the size asked for, which is scaled so that its longer side has it.
    """
    import xatlas

    atlas = xatlas.Atlas()
    atlas.add_mesh(vertices.astype(np.float32), faces.astype(np.uint32))
    options = xatlas.PackOptions()
    inner = size - 2 * gutter
    options.resolution, options.padding = inner, 2 * gutter
    atlas.generate(pack_options=options)
    _, uv_faces, uv = atlas.get_mesh(0)
    chart = np.full(len(faces), -1)
    for number in range(atlas.get_mesh_chart_count(0)):
        chart[atlas.get_mesh_chart(0, number).faces] = number
    sides = np.array([atlas.width, atlas.height])
    uv = (uv.astype(np.float64) * sides / sides.max() * inner + gutter) / size
    return uv, uv_faces.astype(np.int64), chart
