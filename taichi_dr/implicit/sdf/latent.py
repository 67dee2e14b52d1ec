"""Shapes as codes: a network that has learned the distances to many of them (DeepSDF)."""

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from taichi_dr.errors import FileError, InputError, ShapeError
from taichi_dr.fields.group import FieldGroup
from taichi_dr.fields.owner import FieldOwner
from taichi_dr.fields.variable import Variable
from taichi_dr.implicit.networks import MLP, Activation
from taichi_dr.implicit.wavefront import WavefrontFunction
from taichi_dr.io.archives import DAMAGED, in_words, read_arrays
from taichi_dr.io.files import atomic_path, parse_json, read_bytes
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.launch import is_serial
from taichi_dr.kernels.networks.dense import Block, Flat
from taichi_dr.kernels.networks.regression import clamped_l1_adjoint, prior_adjoint
from taichi_dr.optim import schedules
from taichi_dr.optim.optimizers import Adam
from taichi_dr.tape import off_tape
from taichi_dr.types import Array, ArrayLike, Field, PathLike

HEADER = "header.json"

WEIGHT_RATE, CODE_RATE = 2e-3, 5e-3
"""Adam's learning rates."""

PRIOR = 1e-4
"""Weight of a code's squared length beside the mean difference of distances: ``1 / sigma^2`` of the paper."""

CODE_SPREAD = 0.01
"""Standard deviation of the numbers of codes at the beginning of training."""

SERIAL_ROWS = 1 << 16


class LatentProgress(NamedTuple):
    """How far training, or the search for a code, is: the step that was done, of how many, and its mean difference."""

    step: int
    steps: int
    loss: float


class Latent(FieldOwner, WavefrontFunction):
    """Distances ``f(p; z)`` by a network that has learned many shapes, of which a code z is one (DeepSDF).

    ``Latent(code_size=16, hidden=(64,) * 4)`` is quick, ``hidden=(512,) * 8, skips=(4,)`` is the paper's.  Before it
    has learned anything it is a ball of ``radius`` (``networks.MLP.initial_ball``).  ``fit`` trains weights and a code
    for each of many shapes from samples of their distances; then ``find`` looks for the code of a shape from samples
    of it, or a renderer does from images, with an optimiser over ``variable("code")``.

    Fields with gradients:
        code (D,): of the shape that the function is now; zeros are in the midst of those that it has learned.
        weights (N,): of the network, layer by layer.

    Attributes:
        codes: (S, D) NumPy array, of the shapes that ``fit`` was given; (0, D) before.
        fixed_weights: the weights get no gradient, which saves a third of the way back; set by ``fit``.
        reach: beyond it the values are no distances, only no nearer; set by ``fit``.

    The value is a learned distance, whose slope is about 1 where it has been trained, and seldom up to 1.4: a
    renderer's ``scale`` of 0.8 is on the safe side.  Softplus, as the nonlinearity, has smooth normals; ReLU makes
    facets.

    Arguments:
        code_size: D.
        hidden: widths of the layers.
        skips: layers that are given point and code once more.
        activation, beta: the nonlinearity, and the sharpness of softplus.
        radius: of the ball.
        seed: of the weights.

    Raises:
        InputError: a size below 1, a skip that is no hidden layer behind the first, an unknown nonlinearity, a radius
            that is not above 0.

    >>> import numpy as np
    >>> latent = Latent(code_size=4, hidden=(32, 32, 32))
    >>> points = np.random.default_rng(0).uniform(-1, 1, (8, 2048, 3))  # of balls of 8 radii
    >>> distances = np.linalg.norm(points, axis=-1) - np.linspace(0.3, 0.7, 8)[:, None]
    >>> losses = latent.fit(points, distances, steps=200, batch=(8, 256))
    >>> latent.set("code", latent.codes[7])
    >>> bool(abs(latent.at((0.7, 0, 0))) < 0.05)
    True

    Source: Park et al., DeepSDF, CVPR 2019.
    """

    def __init__(
        self,
        code_size: int = 16,
        hidden: Iterable[int] = (64, 64, 64, 64),
        *,
        skips: Iterable[int] = (2,),
        activation: Activation = "softplus",
        beta: float = 100.0,
        radius: float = 0.5,
        seed: int = 0,
    ) -> None:
        if int(code_size) != code_size or code_size < 1:
            raise InputError(f"code_size: expected a whole number of at least 1, got {code_size}")
        if not radius > 0:
            raise InputError(f"radius: expected a number above 0, got {radius}")
        self._mlp = MLP(3, 1, hidden, skips=skips, code=code_size, activation=activation, beta=beta)
        self.fields = FieldGroup("latent", weights=((self._mlp.size,), 0), code=((code_size,), 0))
        self.inputs = (self.fields,)
        self.codes = np.zeros((0, code_size))
        self.fixed_weights, self.reach = False, np.inf
        self.fields.set("weights", self._mlp.initial_ball(radius, seed))
        self.fields.set("code", 0.0)

    def __repr__(self):
        mlp = self._mlp
        return (
            f"Latent(code_size={mlp.code}, hidden={mlp.hidden}, activation={mlp.activation!r},"
            f" {len(self.codes)} shapes; fields: weights, code)"
        )

    @property
    def code(self) -> Field:
        """(D,) field: the code of the shape that the function is now."""
        return self.fields.field("code")

    @property
    def weights(self) -> Field:
        """(N,) field: the network's weights and biases, layer by layer."""
        return self.fields.field("weights")

    def numpy(self, name: str) -> Array:
        """The numbers of ``"code"`` or ``"weights"`` as a NumPy array.

        Raises:
            InputError: there is no such field.
        """
        return self.fields.get(self.fields.known(name))

    def set(self, name: str, values: ArrayLike) -> None:
        """Writes ``"code"`` or ``"weights"``: ``latent.set("code", latent.codes[0])`` is the first shape of ``fit``.

        Raises:
            InputError: there is no such field.
            ShapeError: the values do not fit.
        """
        self.fields.set(self.fields.known(name), values)

    def _setting(self, name):
        return f'latent.set("{name}", values)' if self.fields.has(name) else None

    def check(self) -> None:
        """Raises RuntimeStateError if ``ti.init`` was called since the function was made."""
        self.fields.check()

    @off_tape
    def forward(self, points: Any, values: Any, count: int) -> None:
        """Writes ``values`` (count, 1) at ``points`` (count, 3)."""
        arrays = self.fields.arrays
        self._mlp.forward(arrays["weights"], points, values, count, Flat(arrays["code"]))

    @off_tape
    def adjoint(self, points: Any, values_adjoint: Any, points_adjoint: Any | None, count: int) -> None:
        """Adds to ``points_adjoint`` (count, 3), and to the adjoints of code and weights, what the values' implies."""
        arrays, adjoints = self.fields.arrays, self.fields.adjoints
        self._mlp.adjoint(
            arrays["weights"],
            points,
            values_adjoint,
            count,
            code=Flat(arrays["code"]),
            x_adjoint=points_adjoint,
            weights_adjoint=None if self.fixed_weights else adjoints["weights"],
            code_adjoint=Flat(adjoints["code"]),
        )

    @off_tape
    def at(self, points: ArrayLike) -> Array:
        """The values (...,) at points (..., 3), as NumPy arrays: for ``skimage.measure.marching_cubes`` and the like.

        Raises:
            ShapeError: the last axis is not of 3.
        """
        points = np.asarray(points)
        if points.ndim == 0 or points.shape[-1] != 3:
            raise ShapeError(f"points: expected shape (..., 3), got {points.shape}")
        self.fields.pull()
        values = make_array((points.size // 3, 1))
        self.forward(array_from(points.reshape(-1, 3)), values, values.shape[0])
        return values.to_numpy().reshape(points.shape[:-1])

    def fit(
        self,
        points: ArrayLike,
        distances: ArrayLike,
        *,
        steps: int = 3000,
        reach: float = np.inf,
        batch: tuple[int, int] = (8, 1024),
        prior: float = PRIOR,
        seed: int = 0,
        on_step: Callable[[LatentProgress], object] | None = None,
    ) -> list[float]:
        """Trains the weights, and a code for each of S shapes, from N samples of the distance to each.

        The loss is the mean of ``|f(p; z_s) - d|``, clamped at ``reach``: beyond that distance f has to be no nearer,
        nothing more, so that the network spends itself near the surfaces.  The paper has 0.1, and it makes what is near
        more accurate; but rays step by what f says, which a clamped one says too large.  Codes are drawn to zero by
        ``prior |z|^2``, as a Gaussian would have them.  Both are found by Adam, whose steps shrink along a cosine; the
        same seed gives the same network.  At the end the weights are fixed, ``codes`` has the shapes' codes, and
        ``code`` is zero.

        Args:
            points: (S, N, 3); more of them near the surface than far from it.
            distances: (S, N) signed, negative inside.
            steps: of the optimiser.
            reach: where distances are clamped.
            batch: shapes that a step looks at, and samples of each.
            prior: weight of the codes' squared lengths.
            seed: of the codes to begin with, and of what is looked at when.
            on_step: called with a ``LatentProgress`` after every step.

        Returns:
            The mean differences of the steps.

        Raises:
            ShapeError: points and distances do not fit together.
            InputError: a number that is not finite, no shapes or samples, a setting outside its domain.
        """
        samples = _Samples(points, distances, batch, reach, seed)
        self.fixed_weights, self.reach = False, float(reach)
        codes = Variable("codes", (samples.shapes, self._mlp.code))
        codes.from_numpy(np.random.default_rng(seed).normal(0, CODE_SPREAD, codes.shape))
        groups = {"parameters": [self.variable("weights")]}, {"parameters": [codes], "lr": CODE_RATE}
        losses = self._descend(samples, codes, groups, steps, prior, on_step)
        self.codes, self.fixed_weights = codes.to_numpy(), True
        self.set("code", 0.0)
        return losses

    def find(
        self,
        points: ArrayLike,
        distances: ArrayLike,
        *,
        steps: int = 300,
        batch: int = 1024,
        prior: float = PRIOR,
        seed: int = 0,
        on_step: Callable[[LatentProgress], object] | None = None,
    ) -> list[float]:
        """Finds the code of a shape from N samples of its distance, wherever they are, with the weights as they are.

        From ``code`` as it is, clamped as ``fit`` was; arguments, result and errors as those of ``fit``, for points
        (N, 3) and distances (N,).
        """
        points, distances = np.asarray(points)[None], np.asarray(distances)[None]
        samples = _Samples(points, distances, (1, batch), self.reach, seed)
        groups = ({"parameters": [self.variable("code")], "lr": CODE_RATE},)
        return self._descend(samples, self.variable("code"), groups, steps, prior, on_step, weights_move=False)

    @off_tape
    def _descend(self, samples, codes, groups, steps, prior, on_step, weights_move=True):
        """Adam's steps over the groups; returns the losses."""
        if int(steps) != steps or steps < 1:
            raise InputError(f"steps: expected a whole number of at least 1, got {steps}")
        if not (np.isfinite(prior) and prior >= 0):
            raise InputError(f"prior: expected a number of at least 0, got {prior}")
        optimizer = Adam(list(groups), lr=WEIGHT_RATE, schedule=schedules.cosine(steps, 0.02))
        self.variable("weights").read()
        losses = []
        for step in range(steps):
            optimizer.zero_grad()
            gradient = self.variable("weights").gradient if weights_move else None
            losses.append(self._step(samples, step, codes, gradient, prior))
            optimizer.step()
            if on_step is not None:
                on_step(LatentProgress(step + 1, steps, losses[-1]))
        return losses

    def _step(self, samples, step, codes, weights_adjoint, prior):
        """The mean difference of a batch; adds to the adjoints of codes and weights."""
        weights, size = self.fields.arrays["weights"], self._mlp.code
        batch = samples.batch(step)
        for place, (shape, first) in enumerate(batch):
            code, code_adjoint = Flat(codes.read(), shape * size), Flat(codes.gradient, shape * size)
            self._mlp.condition(weights, code)
            for start, rows in self._mlp.chunks(samples.rows):
                x, y = Block(samples.points, first + start), Block(samples.values, place * samples.rows + start)
                self._mlp.forward_chunk(weights, x, y, rows)
                adjoint = samples.differ(y, first + start, rows, len(batch))
                self._mlp.adjoint_chunk(weights, x, adjoint, rows, None, weights_adjoint)
            self._mlp.condition_adjoint(weights, code, code_adjoint, weights_adjoint)
            prior_adjoint(codes.array, code.first, size, codes.gradient, prior / len(batch))
        return float(samples.losses.to_numpy().mean(dtype=np.float64))

    def save(self, path: PathLike) -> None:
        """Writes network, code and codes to an ``.npz`` file: whole, or not at all.

        Raises:
            FileError: it cannot be written.
        """
        mlp = self._mlp
        header: dict[str, Any] = {name: getattr(mlp, name) for name in ("hidden", "skips", "activation", "beta")}
        header |= {"fixed_weights": self.fixed_weights, "reach": None if np.isinf(self.reach) else self.reach}
        arrays: dict[str, Any] = {name: self.numpy(name) for name in ("weights", "code")}
        arrays |= {"codes": self.codes, HEADER: np.frombuffer(json.dumps(header).encode(), np.uint8)}
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: PathLike) -> "Latent":
        """What ``save`` wrote.

        Raises:
            FileError: no such file, it is cut short, or it is none that ``save`` wrote.
        """
        read_bytes(path)
        try:
            arrays = read_arrays(path)
            header = parse_json(arrays[HEADER].tobytes())
            fixed_weights, reach = header.pop("fixed_weights"), header.pop("reach")
            latent = cls(len(arrays["code"]), header.pop("hidden"), **header)
            latent._restore(arrays, bool(fixed_weights), np.inf if reach is None else float(reach))
        except DAMAGED as error:
            raise FileError(
                f"{path}: is no Latent that can be read ({in_words(error)}); Latent.save writes them"
            ) from error
        return latent

    def _restore(self, arrays, fixed_weights, reach):
        for name in ("weights", "code"):
            if arrays[name].shape != self.numpy(name).shape or not np.isfinite(arrays[name]).all():
                raise ValueError(f"{name}: expected {self.numpy(name).shape} finite numbers")
            self.set(name, arrays[name])
        if arrays["codes"].shape[1:] != (self._mlp.code,):
            raise ValueError(f"codes: expected shape (S, {self._mlp.code}), got {arrays['codes'].shape}")
        self.codes, self.fixed_weights, self.reach = arrays["codes"], fixed_weights, reach


class _Samples:
    """Distances at points of several shapes, in an order of their own, and what a step looks at of them."""

    def __init__(self, points, distances, batch, reach, seed):
        points, distances = np.asarray(points), np.asarray(distances)
        if points.ndim != 3 or points.shape[-1] != 3 or points.shape[:-1] != distances.shape:
            raise ShapeError(
                "expected points (..., 3) and distances (...) of the same points, shapes first where there are several;"
                f" got {points.shape} and {distances.shape}"
            )
        if not distances.size:
            raise InputError(f"expected at least one sample, got {distances.shape}")
        for name, values in (("points", points), ("distances", distances)):
            wrong = np.argwhere(~np.isfinite(values))
            if len(wrong):
                at = tuple(wrong[0].tolist())
                raise InputError(f"{name}: {len(wrong)} numbers are not finite, the first is {values[at]} at {at}")
        if not reach > 0:
            raise InputError(f"reach: expected a number above 0, got {reach}")
        if min(batch) < 1:
            raise InputError(f"batch: expected at least 1 of each, got {batch}")
        self.shapes, self.count = distances.shape
        self.at_once, self.rows = min(batch[0], self.shapes), min(batch[1], self.count)
        self.reach, self._random = min(float(reach), 1e30), np.random.default_rng([seed, 1])
        order = self._random.permutation(self.count)
        self.points = array_from(points[:, order].reshape(-1, 3))
        self._distances = array_from(distances[:, order].reshape(-1, 1))
        self.values, self.losses, self._adjoint = (make_array((self.at_once * self.rows, 1)) for _ in range(3))
        self._queue = []

    def batch(self, step):
        """(shape, first of its rows) of what a step looks at: every shape in turn, and of each the next rows."""
        while len(self._queue) < self.at_once:
            self._queue += self._random.permutation(self.shapes).tolist()
        chosen, self._queue = self._queue[: self.at_once], self._queue[self.at_once :]
        windows = self.count // self.rows
        window = step * self.at_once // self.shapes % windows
        return [(shape, shape * self.count + window * self.rows) for shape in chosen]

    def differ(self, y, first, rows, shapes):
        """Notes how far Block ``y`` is off the distances from a row on; returns the adjoint's Block."""
        seed = 1 / (shapes * self.rows)
        arrays = y.array, y.row, self._distances, first, self.losses, self._adjoint
        clamped_l1_adjoint(*arrays, rows, self.reach, seed, is_serial(rows, SERIAL_ROWS))
        return Block(self._adjoint)
