"""Radiance on a grid: rows of numbers at the vertices near something, and rays that march through the cells between.

``layout`` says what a row is, ``logistic`` what its numbers mean; ``rows`` reads between vertices, and adds to them.
``march`` walks along a ray, forward and back.  The doors: ``render`` draws pictures, ``fit`` compares them with
photographs and adds the gradient of the error in the same kernel, ``smooth`` adds that of the total variation,
``update`` takes a step, and ``at_points`` is the pair for whoever marches otherwise.
"""
