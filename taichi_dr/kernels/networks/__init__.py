"""Networks as kernel pairs over arrays: products of matrices, and what is looked up in grids.

Door: ``dense.dense``, a layer.
"""
