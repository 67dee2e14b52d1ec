"""The losses in NumPy float64, written from their formulas."""

import numpy as np
from skimage.metrics import structural_similarity


def mse(x, y):
    return np.mean((x - y) ** 2)


def l1(x, y):
    return np.mean(np.abs(x - y))


def huber(x, y, delta=0.1):
    d = np.abs(x - y)
    return np.mean(np.where(d <= delta, d * d / 2, delta * (d - delta / 2)))


def iou(a, t, kind="tanimoto"):
    intersection = (a * t).sum(axis=(1, 2))
    union = (a * a + t * t if kind == "tanimoto" else a + t).sum(axis=(1, 2)) - intersection
    return np.mean([0.0 if u == 0 else 1 - i / u for i, u in zip(intersection, union, strict=True)])


def ssim(x, y):
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    axis = -1 if x.ndim == 4 else None
    return 1 - np.mean([structural_similarity(a, b, channel_axis=axis, **options) for a, b in zip(x, y, strict=True)])


def depth(a, t, hit, delta=None):
    """``hit``: which pixels count."""
    d = np.abs(a - t)[hit]
    return np.mean(d * d if delta is None else np.where(d <= delta, d * d / 2, delta * (d - delta / 2)))


def normal(a, t, hit):
    cosines = (a * t).sum(axis=-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(t, axis=-1))
    return np.mean(1 - cosines[hit])


def missed(s, m):
    return np.mean(m * np.maximum(s, 0))


def extra(s, m):
    return np.mean((1 - m) * np.maximum(-s, 0))


def silhouette_cross_entropy(s, m, softness=1.0):
    chance = 1 / (1 + np.exp(s / softness))
    return -np.mean(m * np.log(chance) + (1 - m) * np.log(1 - chance))


def latent_prior(codes, sigma=1.0):
    return np.mean((codes**2).sum(axis=-1)) / (2 * sigma**2)


def eikonal(values, spacing):
    return np.mean((np.linalg.norm(np.gradient(values, *spacing), axis=0) - 1) ** 2)


def grid_laplacian(values, spacing):
    """``values`` (nx, ny, nz, C)."""
    total = np.zeros(values.shape)
    for k in range(3):
        inner = [slice(1, -1) if axis == k else slice(None) for axis in range(3)]
        total[tuple(inner)] += np.diff(values, 2, axis=k) / spacing[k] ** 2
    return np.mean((total**2).sum(axis=-1))


def edge_table(faces):
    """For each edge, once: its vertices and the vertices opposite (one per face)."""
    table = {}
    for face in faces:
        for k in range(3):
            edge = tuple(sorted((face[k], face[(k + 1) % 3])))
            table.setdefault(edge, []).append(face[(k + 2) % 3])
    return table


def edge_length(vertices, faces, target=None):
    lengths = [np.linalg.norm(v[b] - v[a]) for v in vertices for a, b in edge_table(faces)]
    return np.mean(np.square(lengths)) if target is None else np.mean((np.array(lengths) - target) ** 2)


def _dihedral_cosines(v, faces, softness):
    """cos theta as SoftRas computes it, between the parts of both faces perpendicular to their edge; and w_1 w_2."""
    for (a, b), opposite in edge_table(faces).items():
        if len(opposite) == 2:
            edge = (v[b] - v[a]) / np.linalg.norm(v[b] - v[a])
            p, q = (v[c] - v[a] - edge * edge.dot(v[c] - v[a]) for c in opposite)
            shares = [face_share(v[a], v[b], v[c], softness) for c in opposite]
            yield p.dot(q) / (np.linalg.norm(p) * np.linalg.norm(q)), shares[0] * shares[1]


def face_share(a, b, c, softness):
    """What a face counts by, from Heron's formula for its area."""
    x, y, z = (np.linalg.norm(p - q) for p, q in ((a, b), (b, c), (c, a)))
    half = (x + y + z) / 2
    area = np.sqrt(half * (half - x) * (half - y) * (half - z))
    return 2 * area / np.hypot(2 * area, softness**2)


def flatten(vertices, faces, softness=0.0):
    return np.mean([sum((w * (c + 1)) ** 2 for c, w in _dihedral_cosines(v, faces, softness)) for v in vertices])


def normal_consistency(vertices, faces, softness=0.0):
    terms = []
    for v in vertices:
        sides = {}
        for f in faces:
            n = np.cross(v[f[1]] - v[f[0]], v[f[2]] - v[f[0]])
            for k in range(3):
                edge = tuple(sorted((f[k], f[(k + 1) % 3])))
                sides.setdefault(edge, []).append(face_share(*v[f], softness) * n / np.linalg.norm(n))
        terms += [
            np.linalg.norm(m) * np.linalg.norm(n) - m.dot(n) for m, n in (s for s in sides.values() if len(s) == 2)
        ]
    return np.mean(terms)


def laplacian_matrix(v, faces, kind="uniform"):
    """L (N, N) with L v = weighted mean of the neighbours - v."""
    weights = np.zeros((len(v), len(v)))
    for (a, b), opposite in edge_table(faces).items():
        total = 1.0
        if kind == "cotangent":
            angles = [_angle(v[a] - v[c], v[b] - v[c]) for c in opposite]
            total = max(0.0, sum(np.cos(t) / np.sin(t) for t in angles) / 2)
        weights[a, b] = weights[b, a] = total
    return weights / weights.sum(axis=1, keepdims=True) - np.eye(len(v))


def _angle(u, w):
    return np.arccos(u.dot(w) / (np.linalg.norm(u) * np.linalg.norm(w)))


def laplacian(vertices, faces, kind="uniform", weights_at=None):
    """With ``weights_at``, the weights are those of other vertices."""
    at = vertices if weights_at is None else weights_at
    return np.mean([((laplacian_matrix(w, faces, kind) @ v) ** 2).sum() for v, w in zip(vertices, at, strict=True)])


def chamfer(x, y):
    """Of one pair of point sets (P, 3), (Q, 3)."""
    squared = ((x[:, None] - y[None]) ** 2).sum(axis=-1)
    return squared.min(axis=1).mean() + squared.min(axis=0).mean()
