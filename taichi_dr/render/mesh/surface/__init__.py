"""What is interpolated over the faces of a mesh: its colours, lit at vertices or faces, or what pixels need to be lit.

Door: ``base.choose_surface``, which picks one by the mesh's material, texture and lights.
"""
