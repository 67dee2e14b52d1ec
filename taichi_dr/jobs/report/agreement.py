"""Whether cameras look at something in common: wrong conventions of poses are a field's commonest failure."""

import warnings

from taichi_dr.io.posed.bounds import common_place, other_readings, stand_together

FEWEST = 0.75  # of the views that must see one place
CLEARLY = 1.5  # times as many views must see one place for another convention to be named


def warn_of_cameras(posed, share=None):
    """Warns of cameras that look at nothing in common, and says which convention of poses would make them.

    ``share``: the part of the views that see one place, as ``common_place`` has it, if that is known already.
    """
    share = common_place(posed)[1] if share is None else share
    if stand_together(posed):
        said, share = "all cameras stand at one place: without parallax nothing can be reconstructed", 0.0
    elif share < FEWEST:
        said = f"the cameras do not look at a common region: no place is in more than {share:.0%} of the images"
    else:
        return
    others = other_readings(posed)
    best = max(others, key=others.__getitem__)
    if others[best] > max(FEWEST, CLEARLY * share):
        advice = f"{others[best]:.0%} would see one place if the matrices were {best}"
    else:
        advice = "a room filmed from its middle looks so, and so do poses in another convention or in another order"
    warnings.warn(f"{said}; {advice}", stacklevel=3)
