"""The z-buffer: which face each pixel shows, and what is interpolated over it.

Doors: ``zbuffer.ZBuffer`` (chooses the faces; not differentiated), ``interpolate.interpolate`` and its adjoint.  Which
pixels a face covers is in ``edge_lines`` (``edge_lines.top_left_rule``), the z-test in ``draw_tiles`` (CPU) and
``zbuffer`` (GPU).
"""
