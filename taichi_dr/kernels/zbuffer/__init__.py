"""The z-buffer: which face each pixel shows, and what is interpolated over it.

Doors: ``zbuffer.ZBuffer`` (chooses the faces; not differentiated), ``interpolate.interpolate`` and its adjoint.  The
top-left rule is in ``edge_lines``, the z-test in ``draw_tiles`` (CPU) and ``zbuffer`` (GPU).
"""
