"""Which surface shows a mesh under its material and lights."""

from taichi_dr.render.mesh.surface.at_corners import CornerLitColors
from taichi_dr.render.mesh.surface.at_faces import FaceLitColors
from taichi_dr.render.mesh.surface.at_pixels import PixelSurface
from taichi_dr.render.mesh.surface.at_vertices import VertexLitColors
from taichi_dr.render.mesh.surface.own_colors import OwnColors


def choose_surface(buffers, shot):
    """The surface for a shot's mesh, material and lights."""
    mesh = shot.mesh
    shading = "none" if shot.lights is None else mesh.material.shading
    if shading == "phong":
        return PixelSurface(buffers, mesh, lit=True)
    if mesh.has("texture"):
        light_of = {"none": None, "flat": FaceLitColors, "gouraud": VertexLitColors}
        return PixelSurface(buffers, mesh, light_of=light_of[shading])
    if shading == "gouraud":
        return VertexLitColors(buffers, mesh) if mesh.colors_per == "vertex" else CornerLitColors(buffers, mesh)
    return FaceLitColors(buffers, mesh) if shading == "flat" else OwnColors(buffers, mesh)
