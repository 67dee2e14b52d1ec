"""Arrays that a renderer keeps."""

import numpy as np

from taichi_dr.render.buffers import Buffers


def test_constants_of_a_name_share_one_array(any32):
    """A job that draws a random background for every step would otherwise fill the device's memory."""
    buffers = Buffers()
    one, other = buffers.constant("one", (1.0, 2.0, 3.0)), buffers.constant("other", (1.0, 2.0, 3.0))
    assert buffers.constant("one", (4.0, 5.0, 6.0)) is one
    np.testing.assert_array_equal(one.to_numpy(), (4, 5, 6))
    np.testing.assert_array_equal(other.to_numpy(), (1, 2, 3))
    assert buffers.constant("one", ((7.0, 8.0),)).to_numpy().tolist() == [[7, 8]]
