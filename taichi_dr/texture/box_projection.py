"""An atlas by box projection: charts of faces that look the same way along an axis, each seen along that axis."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from taichi_dr.scene.topology import build_twins
from taichi_dr.texture.packing import pack
from taichi_dr.texture.texels import claims

DIRECTIONS = np.concatenate([np.eye(3), -np.eye(3)])
ACROSS = ((1, 2), (2, 0), (0, 1)), ((2, 1), (0, 2), (1, 0))  # the axes that are u and v, seen from + and from -
ROUNDS = 8
NEIGHBOR = 0.4  # what a neighbour of the same direction is worth, in cosines
INSET = 1e-6  # texels; centres on an edge belong to both its faces and show no overlap
STEEPEST = 0.35  # smallest cosine between a face and the direction it is seen from


def box_projection(vertices, faces, size, gutter):
    """``(uv, uv_faces, chart)`` of ``vertices`` (N, 3) and ``faces`` (F, 3): texture coordinates (T, 2), their indices
    (F, 3), and the chart (F,) of each face.

    Faces go to that of six directions that their normal is nearest to, changed where most neighbours have another one,
    and those that hang together are a chart.  What another part of its chart hides, seen from there, becomes a chart of
    its own, so that no texel belongs to two faces.  Charts have one scale, a square of ``size`` texels being filled,
    and ``gutter`` texels around each.

    Raises:
        InputError: too many charts for the size.
    """
    direction = directions(vertices, faces)
    chart = _components(faces, direction)
    sign, axis = np.divmod(direction, 3)
    across = np.array(ACROSS)[sign, axis]
    seen = np.take_along_axis(vertices[faces], across[:, None], axis=2)  # (F, 3, 2)
    toward = (vertices[faces].mean(axis=1) * DIRECTIONS[direction]).sum(axis=1)
    while True:
        corners = _placed(seen, chart, size, gutter)
        hidden = _hidden(corners, chart, toward, size)
        if not hidden.any():
            break
        chart = _components(faces, 2 * chart + hidden)
    vertex_of_chart = chart[:, None] * len(vertices) + faces
    _, first, uv_faces = np.unique(vertex_of_chart, return_index=True, return_inverse=True)
    uv = corners.reshape(-1, 2)[first] / size
    return uv, uv_faces.reshape(-1, 3), chart


def directions(vertices, faces):
    """(F,): the row of ``DIRECTIONS`` that each face is seen from."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    cosine = normal @ DIRECTIONS.T / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    usable = np.where(cosine >= STEEPEST, cosine, -1)
    chosen = usable.argmax(axis=1)
    twin = build_twins(faces)
    beside = np.where(twin >= 0, twin // 3, np.arange(len(faces))[:, None])
    for _ in range(ROUNDS):
        votes = np.eye(6)[chosen[beside]].sum(axis=1)
        chosen = (usable + NEIGHBOR * votes).argmax(axis=1)
    return chosen


def _components(faces, label):
    """(F,): faces with one label that hang together by edges share a number; numbers count from 0."""
    twin = build_twins(faces)
    face, edge = np.nonzero(twin >= 0)
    other = twin[face, edge] // 3
    same = label[face] == label[other]
    links = coo_array((np.ones(same.sum()), (face[same], other[same])), shape=(len(faces), len(faces)))
    return connected_components(links, directed=False)[1]


def _placed(seen, chart, size, gutter):
    """Corners (F, 3, 2) of faces in texels, packed."""
    lowest = np.full((chart.max() + 1, 2), np.inf)
    np.minimum.at(lowest, chart, seen.min(axis=1))
    own = seen - lowest[chart][:, None]
    scale, place = pack(own.min(axis=1), own.max(axis=1), chart, size, gutter)
    return own * scale + place[chart][:, None]


def _hidden(corners, chart, toward, size):
    """(F,): whether a face of the same chart that is nearer covers the centre of one of its texels."""
    face, texel = claims(corners, size, INSET)
    order = np.lexsort((face, -toward[face], texel))
    behind = texel[order[1:]] == texel[order[:-1]]
    hidden = np.zeros(len(corners), bool)
    hidden[face[order[1:]][behind]] = True
    return hidden
