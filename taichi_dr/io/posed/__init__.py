"""Posed images in every format that is read, as one ``taichi_dr.io.posed_images.PosedImages``.

``load`` finds out which format a folder has and reads the pictures; ``transforms`` (NeRF's Blender scenes, nerfstudio,
instant-ngp), ``colmap``, ``llff``, ``dtu`` (NeuS, IDR) and ``record3d`` read cameras, each into a ``capture.Capture``;
``lens`` takes distortion out of photographs; ``bounds`` finds what cameras look at.

Doors: ``load.load_posed_images``, ``load.open_posed_images``, ``transforms.save_posed_images``,
``bounds.scene_bounds``.
"""
