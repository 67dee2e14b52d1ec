"""What is shown of a frame: its colours, or its normals, depths and faces as colours."""

import numpy as np

EDGE = 0.25  # how bright the edges of faces are, relative to the surface
NEAREST, FARTHEST = 1.0, 0.02  # brightness of the depths that a picture has
HALF = 0.5  # of a pixel that is covered: of less, the depth is that of what is behind


def looked(frame, look):
    """The picture (H, W, 4), linear RGB with straight alpha, of a frame of one view."""
    if look == "colour":
        picture = frame.pictures()[0]
        alpha = picture[..., 3:] if picture.shape[2] == 4 else frame.numpy("alpha")[0][..., None]
        return np.concatenate([picture[..., :3], alpha], axis=-1)
    alpha = frame.numpy("alpha")[0]
    if look == "normals":
        normal = frame.numpy("normal")[0]
        length = np.linalg.norm(normal, axis=-1, keepdims=True)
        color = 0.5 + 0.5 * normal / np.where(length > 0, length, 1)
    elif look == "depth":
        color = depth_color(frame.numpy("depth")[0], alpha > HALF)
    else:
        color = face_color(frame.numpy("face_id")[0])
    return np.concatenate([color, alpha[..., None]], axis=-1).astype(np.float32)


def depth_color(depth, seen):
    """Greys (H, W, 3) of depths: the nearest that is seen is white, the farthest dark."""
    low, high = (depth[seen].min(), depth[seen].max()) if seen.any() else (0.0, 1.0)
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
