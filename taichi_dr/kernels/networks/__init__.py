"""Networks as kernel pairs over arrays: products of matrices, and what is looked up in grids.

Doors: ``dense.dense``, a layer; ``voxel_grid.interpolate``, numbers on a grid between its points;
``hash_grid.encode``, features of grids of several resolutions; ``frequency.positional_encoding``, waves of positions;
``spherical_harmonics.encode``, directions.
"""
