"""Steps that an optimiser has not taken because a gradient was not finite: some are met with, many in a row are not."""

from taichi_dr.errors import GradientError

MOST_IN_A_ROW = 20


class SkippedSteps:
    """Counts them: ``count`` in all.  ``advice`` ends the message of the error, as "a smaller --lr may avoid that"."""

    def __init__(self, advice):
        self.count = 0
        self._advice, self._in_a_row = advice, 0

    def note(self, moved):
        """Takes note of a step that was taken, or was not.

        Raises:
            GradientError: too many in a row were not.
        """
        self._in_a_row = 0 if moved else self._in_a_row + 1
        self.count += not moved
        if self._in_a_row == MOST_IN_A_ROW:
            raise GradientError(f"{MOST_IN_A_ROW} steps in a row had gradients that are not finite; {self._advice}")
