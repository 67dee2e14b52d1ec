"""What was found, and how well it is known: covariance, standard errors, and what is not determined at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.types import Array

RELEVANT = 0.05
"""The parts of an undetermined combination that are said: those of more than so much of the largest."""


@dataclass(frozen=True, repr=False)
class Estimate:
    """Numbers found by least squares, with their covariance.

        C = s^2 (J^T J)^-1,  s^2 = |residuals|^2 / (M - P)

    or, where the noise sigma was given, ``C = (J^T J)^-1`` of the residuals over sigma.  ``standard_errors``, the roots
    of the diagonal, are how much the numbers would scatter (one sigma) if the measurement were repeated with new noise.

    What it assumes: the noise of all M numbers (pixels) is independent, and of one size or of the given sizes; the
    program is linear over a few standard errors; P is far less than M.  What is wrong with the model itself (light that
    is not as rendered, a blur, a physics that is not the real one) is not in it.  ``chi_square`` near ``freedom``, give
    or take ``sqrt(2 freedom)``, says that noise alone explains the residuals.

    Sources: Press et al., Numerical Recipes, 3rd edition, 15.4 and 15.6; Nocedal and Wright, Numerical Optimization,
    10.3.

    Attributes:
        names: P names: ``"throw[0]"``.
        values: (P,) what was found.
        covariance: (P, P), in products of the parameters' units.  A number that is not determined has an infinite
            variance and covariances that are NaN.
        freedom: M - P + the number of undetermined combinations.
        chi_square: the sum of the squared residuals, in units of the noise if that was given.
        noise: the standard deviation s of the residuals; in units of the noise if that was given, 1 if all is well.
        undetermined: combinations of parameters that can change without anything shown changing: ``"0.71 eye[0, 2] +
            0.71 target[0, 2]"``.
    """

    names: tuple[str, ...]
    values: Array
    covariance: Array
    freedom: int
    chi_square: float
    noise: float
    undetermined: tuple[str, ...] = ()

    def __repr__(self):
        count, undetermined = len(self.names), len(self.undetermined)
        residuals = self.freedom + count - undetermined
        return f"Estimate({count} number{'s' * (count != 1)} of {residuals:,} residuals)\n{self.table()}"

    @property
    def standard_errors(self) -> Array:
        """(P,) ``sqrt(C_jj)``, in the parameters' units."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def correlation(self) -> Array:
        """(P, P) ``C_jk / sqrt(C_jj C_kk)``, from -1 to 1; NaN where a number is not determined."""
        errors = self.standard_errors
        with np.errstate(invalid="ignore"):
            correlation = self.covariance / np.outer(errors, errors)
        np.fill_diagonal(correlation, np.where(np.isfinite(errors), 1.0, np.nan))
        return correlation

    def table(self) -> str:
        """A line for each number: ``name  value +- standard error``; then what is not determined."""
        width = max(map(len, self.names))
        numbers = zip(self.names, self.values, self.standard_errors, strict=True)
        lines = [f"{name.ljust(width)}  {value: .6g} +- {error:.2g}" for name, value, error in numbers]
        return "\n".join(lines + [f"not determined: {combination}" for combination in self.undetermined])

    def ellipse(self, one: int | str, other: int | str, share: float = 0.6827, points: int = 100) -> Array:
        """(points, 2): the outline that holds a ``share`` of repeated estimates of two numbers, around the values.

        ``p + k L (cos t, sin t)`` with ``L L^T`` their covariance and ``k = sqrt(-2 ln(1 - share))``: 1.52 for 68.3 %,
        2.49 for 95.4 % (Press et al., 15.6).

        Raises:
            InputError: a number that there is none of, or that is not determined; a share outside (0, 1).
        """
        if not 0 < share < 1:
            raise InputError(f"share: expected a number between 0 and 1, got {share}")
        pair = [self._index(one), self._index(other)]
        block = self.covariance[np.ix_(pair, pair)]
        if not np.isfinite(block).all():
            raise InputError(f"ellipse: not determined: {', '.join(self.undetermined)}")
        angle = np.linspace(0, 2 * np.pi, points)
        circle = np.sqrt(-2 * np.log1p(-share)) * np.stack([np.cos(angle), np.sin(angle)])
        values, vectors = np.linalg.eigh(block)
        return self.values[pair] + (vectors @ (np.sqrt(np.maximum(values, 0))[:, None] * circle)).T

    def _index(self, which):
        if isinstance(which, str) and which in self.names:
            return self.names.index(which)
        if isinstance(which, int) and -len(self.names) <= which < len(self.names):
            return which % len(self.names)
        raise InputError(f"expected a name or index of {', '.join(self.names)}, got {which!r}")


def combinations(names: Sequence[str], null: Array) -> tuple[str, ...]:
    """The columns of ``null`` (P, K), directions in which nothing changes, in words.

    Each is said with as few numbers as there are: the columns are combined so that each has a number that the others
    do not have.

    >>> combinations(["a", "b", "c"], np.array([[1.0, 1.0], [1.0, 1.0], [1.0, -1.0]]))
    ('0.71 a + 0.71 b', '1.00 c')
    """
    from scipy.linalg import qr  # here, because it would slow the import of the package

    if not null.shape[1]:
        return ()
    pivots = np.sort(qr(null.T, mode="r", pivoting=True)[1][: null.shape[1]])  # in the order of the numbers
    columns = (null @ np.linalg.inv(null[pivots])).T
    return tuple(_words(names, column / np.linalg.norm(column)) for column in columns)


def _words(names, column):
    """``"0.97 a - 0.24 b"``, with the sign that makes the largest part positive."""
    column = column * np.sign(column[np.argmax(np.abs(column))])
    parts = [(c, name) for c, name in zip(column, names, strict=True) if abs(c) > RELEVANT * column.max()]
    words = " ".join(f"{'-' if c < 0 else '+'} {abs(c):.2f} {name}" for c, name in parts)
    return words.removeprefix("+ ").replace("- ", "-", words.startswith("- "))
