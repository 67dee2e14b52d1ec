"""What is shown of a frame: its colours, or its normals, depths, faces and alpha as colours."""

import numpy as np

EDGE = 0.25  # how bright the edges of faces are, relative to the surface
NEAREST, FARTHEST = 1.0, 0.02  # brightness of the depths that a picture has
STEEP = 4.0  # farther for as much across, of a step in depth: more may be the edge of what is in front
HALF = 0.5  # of a pixel that is covered: of less, the depth is that of what is behind


def looked(frame, look):
    """The picture (H, W, 4), linear RGB with straight alpha, of a frame of one view."""
    if look == "colour":
        picture = frame.pictures()[0]
        alpha = picture[..., 3:] if picture.shape[2] == 4 else frame.numpy("alpha")[0][..., None]
        return np.concatenate([picture[..., :3], alpha], axis=-1)
    alpha = frame.numpy("alpha")[0]
    if look == "alpha":
        return alpha_picture(alpha)
    if look == "normals":
        color = normal_color(frame.numpy("normal")[0])
    elif look == "depth":
        color = depth_color(frame.numpy("depth")[0], alpha > HALF)
    else:
        color = face_color(frame.numpy("face_id")[0])
    return np.concatenate([color, alpha[..., None]], axis=-1).astype(np.float32)


def alpha_picture(alpha):
    """The opaque picture (H, W, 4) of how much of each pixel (H, W) is covered: white is all of it."""
    return np.stack([alpha, alpha, alpha, np.ones_like(alpha)], axis=-1).astype(np.float32)


def normal_color(normal):
    """Colours (H, W, 3) of normals in the world's axes, of any length: x is red, y green, z blue, 1/2 where it is 0."""
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    return 0.5 + 0.5 * normal / np.where(length > 0, length, 1)


def depth_normals(places, seen):
    """Normals (H, W, 3) towards the camera, of the places (H, W, 3) that pixels see, in its axes; ``seen`` (H, W).

    They are across the mean differences to the neighbours on both sides; where one of them is steeper than ``STEEP``,
    to the other one alone, so that none reaches over the edge of what is in front.
    """
    right, down = (_step(places, seen, axis) for axis in (1, 0))
    return np.cross(right, -down)


def _step(places, seen, axis):
    """(H, W, 3): the difference along an axis, to the next pixel and from the one before; 0 where neither is seen."""
    step = np.diff(places, axis=axis)
    edge = np.zeros_like(np.take(places, [0], axis=axis))
    before, after = np.concatenate([edge, step], axis=axis), np.concatenate([step, edge], axis=axis)
    both = np.take(seen, range(1, seen.shape[axis]), axis=axis) & np.take(seen, range(seen.shape[axis] - 1), axis=axis)
    none = np.zeros_like(np.take(seen, [0], axis=axis))
    has_before, has_after = np.concatenate([none, both], axis=axis), np.concatenate([both, none], axis=axis)
    steep_before, steep_after = (_steepness(part) for part in (before, after))
    takes_before = has_before & (~has_after | (steep_before < np.maximum(steep_after, STEEP)))
    takes_after = has_after & (~has_before | (steep_after <= np.maximum(steep_before, STEEP)))
    weights = (
        np.stack([takes_before, takes_after])[..., None] / np.maximum(takes_before + 1.0 * takes_after, 1)[..., None]
    )
    return weights[0] * before + weights[1] * after


def _steepness(step):
    """(H, W): how much farther steps (H, W, 3) lead, for as much as they do across."""
    return np.abs(step[..., 2]) / np.maximum(np.linalg.norm(step[..., :2], axis=-1), 1e-12)


def depth_color(depth, seen, percent=(0, 100)):
    """Greys (H, W, 3) of depths: the nearest that is seen is white, the farthest dark; ``percent``: which these are."""
    low, high = np.percentile(depth[seen], percent) if seen.any() else (0.0, 1.0)
    part = np.clip((depth - low) / max(high - low, 1e-12), 0, 1)
    return np.repeat((NEAREST + (FARTHEST - NEAREST) * part)[..., None], 3, axis=-1)


def face_color(face):
    """A colour (H, W, 3) for each index (H, W), another one for the next: three turns of the golden ratio's kind."""
    return 0.15 + 0.8 * ((face[..., None] + 1) * np.array([0.618034, 0.754878, 0.569840]) % 1)


def with_edges(picture, face):
    """A picture with dark lines where one face (H, W) ends and the next begins."""
    edge = np.zeros(face.shape, bool)
    edge[1:] |= face[1:] != face[:-1]
    edge[:, 1:] |= face[:, 1:] != face[:, :-1]
    picture = picture.copy()
    picture[edge, :3] *= EDGE
    return picture


def laid_over(picture, photograph, opacity):
    """The mean of two pictures (H, W, 4) with straight alpha over whatever is behind both, ``opacity`` being the share
    of the photograph; none where it is NaN.

    >>> half = laid_over(np.array([[[1.0, 0, 0, 1]]]), np.array([[[0.0, 1, 0, 0.5]]]), 0.5)
    >>> half.round(4).tolist()  # alpha 3/4: red with 1/2, green with 1/4
    [[[0.6667, 0.3333, 0.0, 0.75]]]
    """
    share = np.where(np.isnan(photograph[..., 3:]), 0.0, opacity)
    mine, its = (1 - share) * picture[..., 3:], share * np.nan_to_num(photograph[..., 3:])
    alpha = mine + its
    color = (mine * picture[..., :3] + its * np.nan_to_num(photograph[..., :3])) / np.maximum(alpha, 1e-6)
    return np.concatenate([color, alpha], axis=-1)
