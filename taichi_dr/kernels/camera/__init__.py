"""From a camera's parameters and a point of the world to the screen, and back.

Doors: ``pack.pack_camera`` (look-at, lens and pose to 16 numbers), ``transform.transform`` (world to clip
coordinates), each with its ``_adjoint``; ``planes.nearness_plane`` (depth over the screen of a face, from the world).
"""
