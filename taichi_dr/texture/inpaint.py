"""Values at the vertices of a mesh where none are known, from those around them."""

import numpy as np
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import splu

PULL = 1e-6  # of the values that were there, which decides where no value is known anywhere near


def inpaint(values, known, edges):
    """``values`` (N, C) in which those of rows that are not ``known`` (N,) are the means of their neighbours'.

    The result x makes ``sum |x_i - x_j|^2`` over ``edges`` (E, 2) plus ``PULL sum |x_i - values_i|^2`` as small as it
    goes: where values are known in some part of a surface it is harmonic in the rest of it, as smooth as can be.

    >>> row = np.array([[0.0], [9.0], [9.0], [6.0]])
    >>> inpaint(row, np.array([True, False, False, True]), np.array([[0, 1], [1, 2], [2, 3]])).round(3).T.tolist()
    [[0.0, 2.0, 4.0, 6.0]]
    """
    count = len(values)
    ends = np.concatenate([edges, edges[:, ::-1]]).T
    links = coo_array((np.ones(ends.shape[1]), ends), shape=(count, count)).tocsr()
    free = np.flatnonzero(~known)
    result = np.array(values, np.float64)
    if len(free):
        pull = diags_array(links.sum(axis=1)[free] + PULL)
        given = links[free][:, known] @ result[known] + PULL * result[free]
        result[free] = splu((pull - links[free][:, free]).tocsc()).solve(given)
    return result
