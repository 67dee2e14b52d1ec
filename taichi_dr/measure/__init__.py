"""What shapes are like, and how far two of them differ in 3-D.  NumPy and SciPy on the host.

Doors: ``comparison.compare_meshes`` (distances, normals, overlap), ``connectivity.connectivity`` (parts, genus,
watertightness), ``nearest.NearestPoints``, ``volume.enclosed_volume``, ``alignment.alignment``.
"""
