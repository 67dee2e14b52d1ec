"""Renderers of surfaces that a function of space defines, met by marching along rays.

Door: ``sphere_tracer.SphereTracer``.
"""
