"""A coloured mesh from one image: ``taichi-dr train-reconstructor`` and ``taichi-dr reconstruct --as network``.

Doors: ``shape_views.make_shape_views``, ``train.train_reconstructor``, ``reconstruct.reconstruct_image``,
``evaluation.evaluate``.
"""
