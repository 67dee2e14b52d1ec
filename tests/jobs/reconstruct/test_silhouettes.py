"""Alpha channels that are no silhouettes are refused or warned of."""

import numpy as np
import pytest

from taichi_dr.errors import DataSetError
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.reconstruct.silhouettes import check_silhouettes


def posed(*alphas):
    views = len(alphas)
    alpha = np.array(alphas, np.float32)
    images, matrices = np.zeros((*alpha.shape, 3), np.float32), np.tile(np.eye(4), (views, 1, 1))
    names = tuple(f"r_{i}.png" for i in range(views))
    return PosedImages(images, alpha, matrices, np.ones((views, 2)), np.ones((views, 2)), names)


def square(first, last):
    alpha = np.zeros((20, 20))
    alpha[first:last, 5:15] = 1
    return alpha


WHOLE, CUT_OFF, OPAQUE = square(5, 15), square(10, 20), np.ones((20, 20))


def test_silhouettes_pass_without_a_word(recwarn):
    check_silhouettes(posed(WHOLE, WHOLE, CUT_OFF), "here")
    assert not recwarn.list


def test_opaque_images_are_refused_by_name():
    nearly = OPAQUE - 0.4
    nearly[0, 0] = 0
    with pytest.raises(
        DataSetError, match=r"^here: 2 of 3 images are fully opaque \(r_0.png, r_2.png\): .*else remove it"
    ):
        check_silhouettes(posed(OPAQUE, WHOLE, nearly), "here")


def test_a_few_opaque_images_are_warned_of():
    with pytest.warns(UserWarning, match=r"here: 1 of 3 images are fully opaque \(r_1\.png\)"):
        check_silhouettes(posed(WHOLE, OPAQUE, WHOLE), "here")


def test_silhouettes_that_are_cut_off_in_most_images_are_warned_of():
    for cut_off in (CUT_OFF, CUT_OFF[::-1], CUT_OFF.T, CUT_OFF.T[:, ::-1]):
        with pytest.warns(UserWarning, match="here: in 2 of 3 images the silhouette touches the border"):
            check_silhouettes(posed(cut_off, WHOLE, cut_off), "here")
