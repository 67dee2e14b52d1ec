"""Ray tracing from the formulas: one ray after the other, in double precision, everything tried against everything.

A scene is a list of objects, dicts with ``kind`` and what that needs, and of its material ``albedo``, ``specular``,
``shininess``, ``reflectivity``, ``index``, ``emission``; lights are (kind, color, vector),
spot lights (kind, color, (place, axis, inner, outer angle in degrees)).
"""

import numpy as np
from oracles.shading import cone_share

FAR = 1e30


def unit(v):
    return v / np.linalg.norm(v)


def meet(thing, o, d, first):
    """(t, outward normal) of where a ray meets an object from ``first`` on; t is FAR if it does not."""
    if thing["kind"] == "sphere":
        to = np.subtract(o, thing["center"])
        b = to @ d
        root = b * b - to @ to + thing["radius"] ** 2
        if root < 0:
            return FAR, None
        for t in (-b - np.sqrt(root), -b + np.sqrt(root)):
            if t >= first:
                return t, unit(to + t * d)
        return FAR, None
    if thing["kind"] == "plane":
        n = unit(np.array(thing["normal"], float))
        if n @ d == 0:
            return FAR, None
        t = n @ np.subtract(thing["point"], o) / (n @ d)
        return (t, n) if t >= first else (FAR, None)
    a, b, c = np.array(thing["corners"], float)
    matrix = np.stack([b - a, c - a, -d], axis=1)
    if abs(np.linalg.det(matrix)) < 1e-14:
        return FAR, None
    v, w, t = np.linalg.solve(matrix, o - a)
    if v < 0 or w < 0 or v + w > 1 or t < first:
        return FAR, None
    return t, unit(np.cross(b - a, c - a))


def closest(things, o, d, first=1e-9):
    """(t, normal, object) of what a ray meets first."""
    found = [(*meet(thing, o, d, first), thing) for thing in things]
    return min(found, key=lambda hit: hit[0])


def light_on(thing, p, n, e, things, lights):
    """What lamps make of a place: albedo times irradiance, and the highlight."""
    irradiance, highlight = np.zeros(3), np.zeros(3)
    for kind, color, vector in lights:
        color = np.array(color, float)
        if kind == "ambient":
            irradiance = irradiance + color
            continue
        is_sun = kind == "directional"
        toward = np.array(vector, float) if is_sun else np.subtract(vector[0] if kind == "spot" else vector, p)
        end, light = FAR if is_sun else np.linalg.norm(toward), unit(toward)
        if kind == "spot":
            color = color * cone_share(-light @ unit(np.array(vector[1], float)), *np.cos(np.radians(vector[2:])))
        if n @ light <= 0 or closest(things, p, light)[0] < end:
            continue
        irradiance = irradiance + color * (n @ light)
        reflected = n @ unit(light + e)
        if reflected > 0 and thing["specular"] > 0:
            highlight = highlight + color * thing["specular"] * reflected ** thing["shininess"]
    return thing["albedo"] * irradiance + highlight


def fresnel(c, eta):
    """Reflected share of unpolarised light by the angles: (sin^2(i - r) / sin^2(i + r) + tan^2 / tan^2) / 2."""
    sine = eta * np.sqrt(1 - c * c)
    if sine >= 1:
        return 1.0
    i, r = np.arccos(c), np.arcsin(sine)
    if i < 1e-6:
        return ((eta - 1) / (eta + 1)) ** 2
    return (np.sin(i - r) ** 2 / np.sin(i + r) ** 2 + np.tan(i - r) ** 2 / np.tan(i + r) ** 2) / 2


def radiance(things, lights, o, d, bounces, background):
    """Along a ray, with both ways at every clear surface."""
    t, outward, thing = closest(things, o, d)
    if t == FAR:
        return np.array(background, float)
    side = 1.0 if outward @ d < 0 else -1.0
    n, p = outward * side, o + t * d
    color = np.array(thing["emission"], float) * (side > 0)
    cosine = -(n @ d)
    mirrored = d + 2 * cosine * n
    if thing["index"]:
        if bounces == 0:
            return color
        eta = 1 / thing["index"] if side > 0 else thing["index"]
        share = fresnel(cosine, eta)
        color = color + share * radiance(things, lights, p, mirrored, bounces - 1, background)
        if share < 1:
            onward = eta * d + (eta * cosine - np.sqrt(1 - eta**2 * (1 - cosine**2))) * n
            color = color + (1 - share) * radiance(things, lights, p, onward, bounces - 1, background)
        return color
    k = thing["reflectivity"]
    color = color + (1 - k) * light_on(thing, p, n, -d, things, lights)
    if k > 0 and bounces > 0:
        color = color + k * radiance(things, lights, p, mirrored, bounces - 1, background)
    return color
