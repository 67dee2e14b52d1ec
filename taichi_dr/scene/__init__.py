"""What is rendered, as users own it: meshes, cameras and lights whose every parameter is a field with a gradient.

Doors: ``mesh.Mesh``, ``camera.Camera``, ``light.Lights``, ``material.Material``, ``shapes`` (procedural meshes);
``analytic.Sphere``, ``analytic.Plane``, ``analytic.Rectangle`` and ``area_light.RectangleLight``,
``area_light.SphereLight`` for ray tracing; ``topology.Topology`` is how a mesh's faces hang together.
"""
