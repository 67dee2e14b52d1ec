"""PLY files (the Stanford triangle format) of every common exporter.

Doors: ``read.read_ply`` and ``read.read_points``; ``write.encode_ply`` and ``write.encode_points``.  ``header`` is what
a file says of itself, ``rows`` its numbers, ``polygons`` the faces among them, ``pictures`` its textures.
"""
