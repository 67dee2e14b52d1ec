"""The soft rasterizer: every face near a pixel contributes, by its distance and its depth.

Door: ``soft_pass.SoftPass``, which owns the buffers and runs forward and adjoint.
"""
