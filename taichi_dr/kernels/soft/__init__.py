"""The soft rasterizer: every face near a pixel contributes, by its distance and its depth.

Door: ``soft_pass.SoftPass``, which owns the buffers and runs forward and adjoint.  ``modes`` says what the modes mean.
Its files are these, in groups:

* forward: ``forward`` (pixel by pixel) and ``forward_tiles`` (face by face, on CPUs) have the loops, ``blend`` the
  running sums of a pixel;
* background: ``background`` has its share of a pixel, and pictures without it;
* adjoint: ``adjoint`` has the loop over faces, ``pixel_adjoints`` what each pixel passes back to them, ``sums`` what a
  face adds up;
* faces: ``face_records`` is what is known of a face, ``cut_records`` of one that is cut or vast, ``whole_face`` and
  ``cut_face`` are its distance, its barycentrics and their derivatives, at a packet of pixels;
* pairs of a packet and a face: ``packets``, ``pair``, ``weights`` (coverage and depth softmax) and ``coloring``.

They are more than a room should have, and stay in one: forward and adjoint compute a pair by the very same functions,
down to the last bit, so every group needs those of the last two, and rooms of their own would cut through what is read
together.
"""
