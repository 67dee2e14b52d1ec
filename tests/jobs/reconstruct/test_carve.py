"""The inside of a bowl, which no silhouette shows, by its colours; and what has to stay as it is."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

import taichi_dr as dr
from taichi_dr.jobs.dataset import _posed_images
from taichi_dr.jobs.pictures.poses import distance_for, spread_angles
from taichi_dr.jobs.reconstruct.carve import carve
from taichi_dr.jobs.reconstruct.grid_start import Nodes, Start
from taichi_dr.jobs.reconstruct.scene_fit import fit_scene

pytestmark = pytest.mark.usefixtures("own_runtime")

INNER = 0.85
"""Radius of the hollow; that of the bowl is 1."""


def bowl(segments=96):
    """A thick half sphere that is open upwards, its rim round: vertices and faces of a profile that is turned."""
    angle = np.linspace(-np.pi / 2, 0, 40)
    arc, rim = np.stack([np.cos(angle), np.sin(angle)], axis=1), np.linspace(0, np.pi, 8)[1:-1]
    width = (1 - INNER) / 2
    edge = np.stack([1 - width + width * np.cos(rim), width * np.sin(rim)], axis=1)
    profile = np.concatenate([arc, edge, INNER * arc[::-1]])
    turn = 2 * np.pi * np.arange(segments) / segments
    x, y = profile[:, :1], np.repeat(profile[:, 1:], segments, axis=1)
    vertices = np.stack([x * np.cos(turn), y, x * np.sin(turn)], axis=-1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(len(profile) - 1), np.arange(segments), indexing="ij")
    p, q = i * segments + j, i * segments + (j + 1) % segments
    faces = np.concatenate([np.stack([p, p + segments, q], -1), np.stack([q, p + segments, q + segments], -1)])
    return vertices, faces.reshape(-1, 3)


def waves(points):
    """Colours that vary over the size of a fifth of the bowl."""
    random = np.random.default_rng(3)
    first, second = np.sin(points @ random.normal(size=(3, 3)) * 5), np.sin(points @ random.normal(size=(3, 3)) * 7)
    return 0.55 + 0.4 * first * second


def grey(points):
    """The same everywhere."""
    return np.full(points.shape, 0.6)


def hull_and_carved(colors):
    """The hull and what is left of it; a function of the errors of either."""
    dr.init("cpu")
    vertices, faces = bowl()
    camera = dr.Camera.orbit(*spread_angles(24), distance_for(40), 40)
    shift = [0, vertices[:, 1].mean(), 0]
    mesh = dr.Mesh(vertices - shift, faces, colors=colors(vertices), material=dr.Material(shading="none"))
    posed = _posed_images(dr.supersampled(mesh, camera, 128, samples=2), camera)
    fit = fit_scene(posed)
    unit, start = fit.to_unit(posed), Start("hull", fit)
    nodes = Nodes.over(start.box, 64)
    hull = start.distances(unit, nodes)
    return hull, carve(unit, hull, nodes, start.box), lambda distances: errors(distances, nodes, fit, shift)


def errors(distances, nodes, fit, shift):
    """How far the inside is from where it should be, along the axis' direction, in diameters of the bowl."""
    x, z = np.meshgrid(np.linspace(-0.7, 0.7, 15), np.linspace(-0.7, 0.7, 15))
    x, z = (numbers[np.hypot(x, z) < 0.7] for numbers in (x, z))
    height = np.linspace(0.2, -1.05, 251)
    points = np.stack(np.broadcast_arrays(x[:, None], height, z[:, None]), axis=-1)
    place = (fit.from_world(points - shift) - nodes.lower) / nodes.spacing
    values = map_coordinates(distances, place.reshape(-1, 3).T, order=1).reshape(points.shape[:2])
    found = height[np.argmax(values < 0, axis=1)]
    return np.abs(found + np.sqrt(INNER**2 - x**2 - z**2)) / 2


def test_the_inside_of_a_bowl_is_found_to_two_percent():
    hull, carved, errors_of = hull_and_carved(waves)
    assert errors_of(hull).mean() > 0.35
    assert errors_of(carved).mean() < 0.01
    assert np.quantile(errors_of(carved), 0.9) < 0.02


def test_a_bowl_without_colors_stays_as_it_is():
    hull, carved, _ = hull_and_carved(grey)
    assert carved is hull
