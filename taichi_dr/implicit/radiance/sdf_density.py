"""Densities of signed distances, so that a surface is seen, and found, as a thin fog around it: without silhouettes."""

import taichi as ti


@ti.func
def sdf_density(distance, beta):
    """VolSDF's density of a signed distance: 1/beta inside, falling to 0 outside, half of it on the surface.

    ``(1/beta) Psi(-distance)``, Psi the distribution function of Laplace's with mean 0 and scale ``beta`` (world units,
    > 0): ``exp(-d/beta)/2`` outside, ``1 - exp(d/beta)/2`` inside.  The smaller beta, the sharper the surface.

    Source: Yariv et al., Volume Rendering of Neural Implicit Surfaces, 2021, eq. 2 and 3, with alpha = 1/beta.
    """
    half = 0.5 * ti.exp(-ti.abs(distance) / beta)
    return ti.select(distance > 0.0, half, 1.0 - half) / beta


@ti.func
def neus_density(distance, sharpness, slope):
    """NeuS's density of a signed distance that changes by ``slope`` per unit along the ray (-1: straight at it).

    ``max(-slope, 0) sharpness (1 - Phi(distance))``, ``Phi(d) = 1 / (1 + exp(-sharpness d))``: of light that goes from
    distance a to b towards a surface, Phi(b) / Phi(a) comes through, so that most is seen at the surface itself.

    Source: Wang et al., NeuS, 2021, eq. 10 and 11.
    """
    inside = 1.0 / (1.0 + ti.exp(ti.min(sharpness * distance, 80.0)))
    return ti.max(-slope, 0.0) * sharpness * inside
