"""Steps of fitting grids, of distances and of colours, to pixels of many views at once.

Numbers are (X, Y, Z, C) at nodes ``lower + spacing (i, j, k)``.  Doors: ``approach.approach``, where the rays of some
pixels meet the surface and come closest to it; ``sample.sample_rays`` and its adjoint, the numbers there;
``update.move``, a step of an optimiser over some of the nodes; ``sight.agreement``, whether views agree about the
surface's colours.
"""
