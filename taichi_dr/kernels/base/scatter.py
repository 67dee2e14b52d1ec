"""Sums of rows that belong to anybody, in a fixed order: what single samples imply for vertices, solids and cameras.

On the host, by NumPy, in double precision: the samples of a picture's edges are few (some for each pixel that an edge
crosses), and who owns which of them is known only once they are traced.
"""

import numpy as np

from taichi_dr.kernels.base.arrays import write_array


def scatter_rows(values, owner, out):
    """``out[owner[i]] += values[i]`` for all rows i of ``values`` (M, C) in ascending order; an owner of -1 is nobody.

    ``values``, ``out`` (R, at least C: the first C columns) and ``owner`` (M,) of i32 are arrays for kernels.
    """
    rows, given = owner.to_numpy(), values.to_numpy()
    owned = rows >= 0
    rows, given = rows[owned], given[owned]
    if len(rows):
        columns = [np.bincount(rows, given[:, c], minlength=out.shape[0]) for c in range(values.shape[1])]
        total = out.to_numpy()
        total[:, : len(columns)] += np.stack(columns, axis=1)
        write_array(out, total)
