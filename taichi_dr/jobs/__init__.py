"""The commands of ``taichi-dr`` as functions; nothing below imports them.

Doors: ``dataset.make_dataset``, ``reconstruct.run.reconstruct``, ``render.render_picture``, ``compare.run.compare``,
``compare_mesh.judge``, ``doctor.examine``, each with a class of ``settings``.
"""
