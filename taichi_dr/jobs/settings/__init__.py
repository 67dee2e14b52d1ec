"""What the commands can be told: a dataclass per command and per kind of reconstruction, which tyro makes options of.

Their docstrings and comments are the ``--help`` texts.  A help text is a comment above its field (tyro keeps the line
breaks of indented docstrings).  Nothing here imports Taichi.

Doors: ``dataset.DatasetSettings``, ``render.RenderSettings``, ``compare_mesh.CompareMeshSettings``,
``doctor.DoctorSettings``, ``reconstruct.ReconstructSettings`` and what it becomes for a mesh, ``mesh.MeshSettings``.
"""
