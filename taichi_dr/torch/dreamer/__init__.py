"""A small diffusion model of coloured things, told by words what to see.

    "a small red torus, front left view" -> ``words`` -> vector of each word, added up -> ``unet`` <- noisy picture

Doors: ``load_dreamer``; ``Dreamer``, which sees noise as score distillation asks for it; ``camera``, by which its
pictures are taken, over a grey of ``BACKGROUNDS``; ``with_view``, a prompt with the words for a view; ``thing``, the
mesh of a shape.  ``training.Training`` makes such models, of the ``pictures`` of ``things``; ``dream.Dream`` makes a
volume of a prompt, asking a ``model.Model``, and ``terms`` keep it a thing.
"""

from taichi_dr.torch.dreamer.checkpoint import load_dreamer
from taichi_dr.torch.dreamer.network import Dreamer
from taichi_dr.torch.dreamer.pictures import BACKGROUNDS, camera
from taichi_dr.torch.dreamer.things import thing
from taichi_dr.torch.dreamer.words import with_view

__all__ = ["BACKGROUNDS", "Dreamer", "camera", "load_dreamer", "thing", "with_view"]
