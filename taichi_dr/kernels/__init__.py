"""Everything that is compiled: Taichi functions and kernel pairs, a room per stage of a renderer.

Public: whoever writes a simulation or a method of their own imports from here; docs/kernels.md says what may be relied
on, with a program for each.  Of the package, kernels import other rooms, ``taichi_dr.runtime``, ``taichi_dr.tape`` and
``taichi_dr.errors``, and nothing else.

=================  ================================================================  ===================================
room               what is in it                                                     door
=================  ================================================================  ===================================
``base``           arrays, fields to arrays and back, sums in fixed order, launches  ``base.arrays``, ``base.bridge``
``optim``          the updates of optimisers                                         ``optim.updates``
``distance``       distances at the nodes of grids                                   ``distance.closest_points.spread``
``fit``            steps of fitting grids to pixels of many views                    ``fit.approach.approach``
``screen``         pixel centres, barycentrics, which faces may touch which tile     ``screen.barycentric.edge_values``
``camera``         camera parameters to packed cameras, world to clip coordinates    ``camera.transform.transform``
``shading``        light, normals, textures; colours at vertices, faces or points    ``shading.light.incident_light``
``zbuffer``        the nearest face of each pixel, and what is interpolated over it  ``zbuffer.zbuffer.ZBuffer``
``antialias``      pixels blended across silhouettes: gradients of visibility        ``antialias.blend.antialias``
``march``          functions of a point in packets of points, for rays that march    ``march.packets.distances``
``soft``           the soft rasterizer: every nearby face, blended                   ``soft.soft_pass.SoftPass``
``volume``         what samples along rays add up to                                 ``volume.composite.composite``
``radiance_grid``  radiance on a grid: rays, and a step of fitting it to pixels      ``radiance_grid.fit.fit``
``rays``           what rays meet, in a hierarchy of boxes                           ``rays.bvh.BVH``
``networks``       layers of networks, grids that are looked up                      ``networks.dense.dense``
=================  ================================================================  ===================================

A kernel pair is a function ``foo`` and its hand-written ``foo_adjoint`` in one file, over arrays that its docstring
gives the shapes of.  Adjoints add to what they are given; shapes flatten views and rows: (V*N, 4) is view v's row n at
v N + n.  docs/FORMULAS.md says which formula is where, and which oracle and test it is held to.
"""
