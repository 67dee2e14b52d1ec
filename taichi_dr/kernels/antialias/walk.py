"""Walks over a surface, from face to face."""

import taichi as ti

from taichi_dr.kernels.antialias.piece import center_of, cross, in_pixels
from taichi_dr.kernels.screen.projected_mesh import clip_point

WALK_STEPS = 32  # faces between an edge and the centre of a pixel beside it


@ti.func
def leads_to(edge: ti.template(), middle, at, target, scene: ti.template()):
    """Whether the surface leads from a point on an edge of its face to the centre of pixel ``at`` on face ``target``.

    Follows the straight line there from face to face, and stops where the surface ends or folds back.
    """
    current, corner = edge.face, edge.corner
    if target != current:
        center = center_of(at[0], at[1], scene.screen)
        start = in_pixels(middle, center, scene.screen)
        a, b = in_pixels(edge.a, center, scene.screen), in_pixels(edge.b, center, scene.screen)
        fa, fb = cross(start, a), cross(start, b)
        distance = start.xy.dot(start.xy) / start[2]
        walking = 1
        for _ in range(WALK_STEPS):
            if walking == 1 and current != target:
                c = in_pixels(clip_point(scene.mesh, edge.first, current, (corner + 2) % 3), center, scene.screen)
                fc = cross(start, c)
                if (fa < 0.0) == (fc < 0.0):
                    corner, a, fa = (corner + 1) % 3, c, fc
                else:
                    corner, b, fb = (corner + 2) % 3, c, fc
                w = a[2] * fb - b[2] * fa
                new = start.xy.dot(a.xy * fb - b.xy * fa) / w
                twin = scene.twins[current, corner]
                # The surface ends, leaves through the camera's plane, is past the centre, or folds back.
                if twin < 0 or w * (fb - fa) <= 0.0 or new <= 0.0 or new > distance:
                    walking = 0
                else:
                    distance = new
                    current, corner = twin // 3, twin % 3
                    a = in_pixels(clip_point(scene.mesh, edge.first, current, corner), center, scene.screen)
                    b = in_pixels(clip_point(scene.mesh, edge.first, current, (corner + 1) % 3), center, scene.screen)
                    fa, fb = cross(start, a), cross(start, b)
    return current == target
