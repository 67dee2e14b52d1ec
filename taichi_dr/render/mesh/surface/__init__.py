"""What is interpolated over the faces of a mesh: its colours, lit at vertices or faces, or what pixels need to be lit.

================  ======================================================  ===========
file              used for                                                lit
================  ======================================================  ===========
``own_colors``    no lights, no texture                                   not at all
``at_vertices``   Gouraud shading of vertex colours                       at vertices
``at_corners``    Gouraud shading of face colours                         at vertices
``at_faces``      flat shading                                            at faces
``at_pixels``     Phong shading                                           at pixels
                  textures                                                as above
``normals``       the output "normal", and normals for shading            not at all
================  ======================================================  ===========

Door: ``choose.choose_surface``, which picks one by the mesh's material, texture and lights; ``base.Surface`` is what
each of them is, ``lights`` what those that are lit share.
"""
