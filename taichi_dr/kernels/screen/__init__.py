"""The screen, whichever rasterizer draws on it: pixels, barycentrics, tiles.

Doors: ``pixels.pixel_center``, ``projected_mesh.ProjectedMesh`` (what is drawn), ``barycentric.edge_values``
(perspective-correct barycentrics without clipping), ``tile_bins.TileBins`` (which faces may touch which square of
pixels), ``coverage.cover_channel``, ``background.composite`` (what is behind a picture), ``blit.blit_array`` (pictures
for windows), ``average.average_squares`` (pictures of many samples per pixel).
"""
