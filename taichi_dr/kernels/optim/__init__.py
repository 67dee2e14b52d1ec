"""The updates of optimisers, over the fields of users.

Doors: ``updates.sgd``, ``updates.adam``, ``updates.uniform_adam``.  ``taichi_dr.optim`` is made of them.
"""
