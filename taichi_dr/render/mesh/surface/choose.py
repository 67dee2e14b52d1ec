"""Which surface shows a mesh under its material and lights."""

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
    if shading == "none":
        return OwnColors(buffers, mesh) if mesh.texture is None else PixelSurface(buffers, mesh)
    lit_colors = FaceLitColors if shading == "flat" or mesh.colors_per == "face" else VertexLitColors
    return lit_colors(buffers, mesh) if mesh.texture is None else PixelSurface(buffers, mesh, light_of=lit_colors)
