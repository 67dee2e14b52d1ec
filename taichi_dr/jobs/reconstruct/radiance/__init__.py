"""Kinds of reconstruction that are radiance fields: densities and colours, seen through by rays.

``kind.RadianceReconstruction`` is what they share: pictures, depth, the orbit, the scene's file and the mesh; a kind
adds a model, how it starts and what a step does.  ``grid.GridReconstruction`` is one, by ``grid_fit.GridFit``.

``space`` says where a field is, in a box or everywhere; ``path`` has the cameras of the video of photographs, and
``exposure`` gains of theirs.

``display`` has colours as pictures store them, which is what these kinds are fitted in; ``batches`` draws pixels of all
views at random, with their rays; ``orbit`` has the cameras of the video, ``surface`` the mesh of a density, ``scene``
its file, from which ``taichi-dr render`` draws.
"""
