"""When to use which: sentences that follow from what was measured, and from what can be done with each.

The names of the winners are not in here.  For every use there is what a representation must be able to do, and the
number that decides among those that can; who is within ``NEAR`` of the best is named beside it.
"""

from collections.abc import Callable
from typing import NamedTuple

NEAR_DB = 0.3
NEAR = 0.05  # of a number, that makes no difference
CLEAR_DB = 0.5  # by which colours that depend on where they are seen from have to win

MESH, FIELD = frozenset({"surface", "edit", "export"}), frozenset({"gloss", "soft"})
ABILITIES = {
    "mesh": MESH,
    "sdf": frozenset({"surface", "export", "topology", "solid"}),
    "grid": FIELD,
    "hash": FIELD | {"photographs"},
    "nerf": FIELD | {"photographs"},
    "light": MESH | {"relight"},
}
"""What can be done with each: a surface to measure; edit it vertex by vertex; export it as OBJ, PLY, GLB; find any
topology; combine it with other solids; light it anew; gloss and reflections; smoke and hair; opaque photographs."""

CAN = {
    "edit": "can be edited and textured vertex by vertex in any program",
    "export": "is an OBJ, PLY and GLB file",
    "topology": "finds handles and separate parts by itself",
    "solid": "can be cut, joined and collided with as a solid",
    "relight": "has colours without light, so that it can be lit anew",
    "gloss": "has colours that depend on where they are seen from, as reflections do",
    "soft": "shows what has no sharp surface, as hair and smoke",
    "photographs": "takes opaque photographs, background and all",
}


class Sentence(NamedTuple):
    """What a piece of advice is about, what it says, and whom it names."""

    about: str
    text: str
    names: tuple = ()


class Use(NamedTuple):
    """A purpose: what it needs, and the number that decides; ``low``: the least is best."""

    about: str
    needs: frozenset
    value: Callable
    low: bool
    said: Callable


def _psnr(one):
    return one.held_out["psnr"]


def _decibels(one):
    return f"{_psnr(one):.1f} dB"


def _off(one):
    """How far its surface is from the true one, in diagonals; where that is not known, how far silhouettes are."""
    if one.chamfer is not None:
        return one.chamfer
    return 1 - one.held_out["iou"] if "iou" in one.held_out else None


def _off_in_words(one):
    if one.chamfer is not None:
        return f"{one.chamfer:.2%} of the diagonal off the true surface"
    return f"silhouettes agree by {one.held_out['iou']:.4f}"


USES = (
    Use("Images from new sides", frozenset(), _psnr, False, _decibels),
    Use(
        "A shape to measure, print or simulate",
        frozenset({"surface"}),
        _off,
        True,
        _off_in_words,
    ),
    Use(
        "The outline",
        frozenset(),
        lambda one: one.held_out.get("iou"),
        False,
        lambda one: f"IoU {one.held_out['iou']:.4f}",
    ),
    Use("To edit, or hand on to another program", frozenset({"edit"}), _psnr, False, _decibels),
    Use("To light anew", frozenset({"relight"}), _psnr, False, _decibels),
    Use(
        "To draw often",
        frozenset(),
        lambda one: one.milliseconds,
        True,
        lambda one: f"{duration(one.milliseconds)} for an image",
    ),
    Use("A small file", frozenset(), lambda one: one.bytes, True, lambda one: size(one.bytes)),
)


def sentences(found, opaque):
    """The ``Sentence``s about ``found`` ([Measured, ...]); ``opaque``: whether the images are photographs.

    First one for each use, then one for each of ``found``.
    """
    if not found:
        return []
    uses = [sentence for use in USES if (sentence := _about_use(use, found)) is not None]
    return [*uses, *_about_gloss(found), *_about_photographs(found, opaque), *(_about_one(one, found) for one in found)]


def _about_use(use, found):
    able = [one for one in found if use.needs <= ABILITIES[one.name] and use.value(one) is not None]
    if not able:
        return None
    order = sorted(able, key=use.value, reverse=not use.low)
    best = order[0]
    beside = [one for one in order[1:] if _is_near(use, one, best)]
    text = f"{best.name} ({use.said(best)})"
    if beside:
        text += (
            f"; {_listed([f'{one.name} ({use.said(one)})' for one in beside])} hardly differ{'s' * (len(beside) == 1)}"
        )
    elif len(order) > 1:
        text += f", then {order[1].name} ({use.said(order[1])})"
    elif len(found) > 1:
        text += ", the only one here that can"
    return Sentence(use.about, text + ".", (best.name, *(one.name for one in beside)))


def _is_near(use, one, best):
    apart = abs(use.value(one) - use.value(best))
    return apart <= (NEAR_DB if use.value is _psnr else NEAR * abs(use.value(best)) if use.low else 0.002)


def _about_gloss(found):
    """Whether colours that depend on the direction pay off in these images."""
    able = [one for one in found if "gloss" in ABILITIES[one.name]]
    others = [one for one in found if "gloss" not in ABILITIES[one.name]]
    if not able or not others:
        return []
    best, other = max(able, key=_psnr), max(others, key=_psnr)
    apart = _psnr(best) - _psnr(other)
    if apart > CLEAR_DB:
        said = f"{best.name} is {apart:.1f} dB ahead of {other.name}, the best with one colour for each place"
    else:
        said = f"they gain nothing here: {other.name}, with one colour for each place, has {_decibels(other)}"
        said += f", {best.name} {_decibels(best)}"
    return [Sentence("Colours that change with the direction", f"{said}.", (best.name,) * (apart > CLEAR_DB))]


def _about_photographs(found, opaque):
    able = [one.name for one in found if "photographs" in ABILITIES[one.name]]
    if not opaque or not able:
        return []
    return [Sentence("Opaque photographs", f"{_listed(able)}: no silhouettes are needed.", tuple(able))]


def _about_one(one, found):
    """What speaks for it, what against it, and what it can."""
    said = []
    if (behind := max(map(_psnr, found)) - _psnr(one)) > NEAR_DB:
        said.append(f"{behind:.1f} dB behind the best images")
    slower = one.milliseconds / min(other.milliseconds for other in found)
    if slower > 1.5:
        said.append(f"{slower:.1f} times as long for an image as the fastest")
    larger = one.bytes / min(other.bytes for other in found)
    if larger > 1.5:
        said.append(f"{larger:.1f} times the smallest file")
    best = [use.about.lower() for use in USES if _wins(use, one, found)]
    text = f"best for: {', '.join(best)}; " if best and len(found) > 1 else ""
    text += f"it {'; '.join(what for ability, what in CAN.items() if ability in ABILITIES[one.name])}"
    if said:
        text += f". Against it: {_listed(said)}"
    return Sentence(one.name, f"{text[0].upper()}{text[1:]}.", (one.name,))


def _wins(use, one, found):
    sentence = _about_use(use, found)
    return sentence is not None and sentence.names[0] == one.name


def _listed(words):
    """``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def size(count):
    """Bytes as people read them.

    >>> size(12_345), size(3_456_789)
    ('12 kB', '3.5 MB')
    """
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def duration(milliseconds):
    """A time as people read it.

    >>> duration(8.42), duration(123.4), duration(2345.6)
    ('8.4 ms', '123 ms', '2.3 s')
    """
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"
