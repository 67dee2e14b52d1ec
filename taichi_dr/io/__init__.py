"""Files, read and written whole or not at all.

Doors: ``meshes.load_mesh``, ``meshes.save_mesh``, ``images.load_image``, ``images.save_image``,
``images.save_animation``, ``posed_images.PosedImages``; the room ``posed`` reads and writes those, ``obj`` is
for Wavefront's meshes, ``gltf`` for those of Khronos, ``hdr`` decodes pictures of any brightness.
"""
