"""``taichi-dr dream`` and ``taichi-dr train-dreamer``: from words to a volume and a mesh, and who knows the words.

Doors: ``run.dream``, ``train.train_dreamer``.

Parts: ``solid``, a mesh of a volume; ``pictures`` and
``samples``, what there is to see.
"""
