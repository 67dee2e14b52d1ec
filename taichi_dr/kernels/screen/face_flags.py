"""What a z-buffer notes about every (view, face) pair, for itself and for those who work on the image afterwards."""

BACK, SHOWN, VAST, LEFT = 1, 2, 4, 8
"""Flags of a face: its corners run clockwise on the screen; some pixel shows it; its depth is that of its plane; its
edges are left to ``draw_tiles``, which needs those of few of the faces seen from behind.
"""
