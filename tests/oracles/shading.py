"""Blinn-Phong shading in NumPy, float64, written from the formula; any shapes that broadcast."""

import numpy as np

AMBIENT, DIRECTIONAL, POINT, SPOT = range(4)
COLOR, IRRADIANCE, BOTH = range(3)


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def dot(a, b):
    return np.sum(a * b, axis=-1, keepdims=True)


def light_at(normal, position, to_eye, lights, shininess=32.0, two_sided=True):
    """(irradiance, highlight): ambient + sum c max(n.l, 0), and sum c max(n.h, 0)^shininess where n.l > 0.

    ``lights``: a list of (kind, color, vector), of spot lights with a vector (8,): place, axis, cosines.
    """
    n, e = unit(normal), unit(to_eye)
    if two_sided:
        n = np.where(dot(n, e) < 0, -n, n)
    irradiance, highlight = 0.0, 0.0
    for kind, color, vector in lights:
        if kind == AMBIENT:
            irradiance = irradiance + color * np.ones_like(n)
            continue
        light = unit((vector[:3] if kind == DIRECTIONAL else vector[:3] - position) + np.zeros_like(position))
        if kind == SPOT:
            color = color * cone_share(-dot(light, unit(vector[3:6])), *vector[6:])
        cosine, reflected = dot(n, light), dot(n, unit(light + e))
        irradiance = irradiance + color * np.maximum(cosine, 0)
        highlight = highlight + np.where(cosine > 0, color * np.maximum(reflected, 0) ** shininess, 0.0)
    return irradiance, highlight


def cone_share(cosine, inner, outer):
    """t^2 (3 - 2 t) of how far a cosine is from that of the outer to that of the inner angle."""
    t = np.clip((cosine - outer) / (inner - outer), 0, 1)
    return t**2 * (3 - 2 * t)


def spot_vectors(rng, count):
    """(count, 8): vectors of spot lights some way off, that shine on the origin and around it, in and out of cones."""
    places = unit(rng.normal(size=(count, 3))) * 4
    axes = rng.uniform(0.5, 2, (count, 1)) * unit(-places + 0.5 * rng.normal(size=(count, 3)))
    return np.concatenate([places, axes, np.broadcast_to([0.97, 0.8], (count, 2))], axis=1)


def shade(albedo, normal, position, to_eye, lights, specular=0.0, shininess=32.0, two_sided=True):
    """albedo irradiance + specular highlight."""
    irradiance, highlight = light_at(normal, position, to_eye, lights, shininess, two_sided)
    return albedo * irradiance + specular * highlight


def shade_term(albedo, *arguments, settings):
    """``shade``, or the light alone (irradiance, or irradiance and highlight side by side), as settings.term says."""
    color = shade(albedo, *arguments, settings.specular, settings.shininess, settings.two_sided)
    if settings.term == COLOR:
        return color
    irradiance, highlight = light_at(*arguments, settings.shininess, settings.two_sided)
    parts = (irradiance,) if settings.term == IRRADIANCE else (irradiance, settings.specular * highlight)
    return np.broadcast_to(np.concatenate(parts, axis=-1), (*color.shape[:-1], 3 * len(parts)))


def towards_eye(camera, position, orthographic):
    """camera (16,) packed, position (..., 3)."""
    return camera[6:9] + np.zeros_like(position) if orthographic else camera[9:12] - position


def shade_vertices(x, settings):
    """(V, N, 3 or 6): the term of ``x``: albedo, vertices, normals (B, N, 3), camera (V, 16), color (L, 3),
    vector (L, 3 or 8)."""
    lights = list(zip(settings.kinds, x["light_color"], x["light_vector"], strict=True))
    return np.stack(
        [
            shade_term(
                x["albedo"][b],
                x["normals"][b],
                x["vertices"][b],
                towards_eye(x["camera"][v], x["vertices"][b], settings.orthographic),
                lights,
                settings=settings,
            )
            for v, b in enumerate(settings.view_mesh)
        ]
    )


def shade_corners(x, settings, faces, albedo_index):
    """(V, F, 3, 3 or 6): the term of ``x`` as in ``shade_vertices``, with normals (B, F, 3) and albedo (B, M, 3)."""
    lights = list(zip(settings.kinds, x["light_color"], x["light_vector"], strict=True))
    views = []
    for v, b in enumerate(settings.view_mesh):
        centre = x["vertices"][b][faces].mean(axis=1)[:, None]
        views.append(
            shade_term(
                x["albedo"][b][albedo_index],
                x["normals"][b][:, None],
                centre,
                towards_eye(x["camera"][v], centre, settings.orthographic),
                lights,
                settings=settings,
            )
        )
    return np.stack(views)
