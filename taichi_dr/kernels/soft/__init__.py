"""The soft rasterizer: every face near a pixel contributes, by its distance and its depth.

Door: ``soft_pass.SoftPass``, which owns the buffers and runs forward and adjoint.  ``modes`` says what the modes mean.
What happens between a packet of pixels and a face is in ``whole_face`` and ``cut_face`` (distance, clipped barycentrics
and their derivatives), ``weights`` (coverage and depth softmax) and ``coloring``; the loops over pixels and faces are
in ``forward``, ``forward_tiles`` (CPU) and ``adjoint``.
"""
