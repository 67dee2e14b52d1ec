"""The contract of a kind of reconstruction: what ``run`` asks of a model on its way from a start to posed images."""

from abc import ABC, abstractmethod

from taichi_dr.ranks import ALONE, Ranks


class Kind(ABC):
    """A model that is fitted to posed images, step by step; ``kinds`` lists those that there are.

    Coordinates are those of the unit scene, in which the object has radius 1 about the origin.  Pictures are
    (V, H, W, 4), linear RGB with straight alpha.  What a step does follows from the settings and from what ``state``
    holds (random numbers from the seed and the step), so that a run stopped and resumed ends as one that was not.
    """

    FILES: tuple[str, ...]
    """What the files that ``export`` writes may be called."""

    NEEDS_SILHOUETTES: bool = True
    """Whether images without alpha are refused."""

    SHARED: bool = False
    """Whether several processes can share the steps: the ``ranks``, which are set before ``start`` or ``restore``."""

    ranks: Ranks = ALONE

    @abstractmethod
    def __init__(self, settings, train, fit):
        """Takes the settings of the kind, the training images (PosedImages in the unit scene) and the ``SceneFit``.

        ``start`` or ``restore`` is what follows, and comes before everything else.
        """

    @staticmethod
    @abstractmethod
    def check(settings):
        """Raises an ``Error`` for what is wrong with settings, files they name included, before images are read."""

    @property
    @abstractmethod
    def plan(self):
        """A line on what will be done, for the terminal; known before ``start``."""

    @property
    @abstractmethod
    def caption(self):
        """A few words on what the model is now, for the progress display."""

    @abstractmethod
    def start(self):
        """Begins anew."""

    @abstractmethod
    def step(self, fraction):
        """One step, at this fraction of the budget; returns ``{loss name: weighted value}``, or None: not measured.

        Raises:
            GradientError: the optimisation makes no sense any more.
        """

    @abstractmethod
    def changed(self):
        """Whether, since this was last asked, a step has changed what the losses mean (a finer mesh, larger images).

        Such steps are marked in the curves of the losses.
        """

    @abstractmethod
    def pictures(self, posed):
        """What the model looks like in the cameras of ``posed``."""

    @abstractmethod
    def variants(self, posed):
        """``{name: pictures}``: what simpler forms of the model look like, to be measured beside ``pictures``; {} if
        there are none."""

    @abstractmethod
    def shape(self, posed):
        """``pictures`` of the geometry alone, grey."""

    @abstractmethod
    def portrait(self, near):
        """``(label, (H, W, 4))``: what the model is made of, in a close-up (PosedImages of one image)."""

    @abstractmethod
    def export(self, folder):
        """Writes the result's files, in world units, and returns their names, which are among ``FILES``."""

    @abstractmethod
    def describe(self):
        """What ``metrics.json`` says about the model: a dict that JSON can hold."""

    @abstractmethod
    def state(self):
        """Everything that the next steps depend on: a dict that JSON can hold, and named arrays."""

    @abstractmethod
    def restore(self, header, arrays):
        """Begins where ``state`` left off.

        Contents that are missing or senseless may raise what they raise (KeyError, ValueError, ...): ``checkpoint``
        makes an error of it that names the file.
        """
