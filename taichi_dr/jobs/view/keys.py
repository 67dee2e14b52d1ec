"""Sliders, switches and keys of ``taichi-dr view``."""

import math

from taichi_dr.gui.windows.panel import Check, Choice, Controls, Slider, Text
from taichi_dr.jobs.view.content import LOOKS, RENDERERS

LOW, HIGH = -6.0, -1.0  # powers of ten that sigma and gamma may be
STEP = 0.25  # of the power, for a key
OPACITIES = 0.0, 0.5, 1.0  # of posed images, for a key


class Keys(Controls):
    """Sets what ``choice`` shows of a ``Content``."""

    def __init__(self, content, choice):
        self._content, self._choice = content, choice

    def items(self):
        choice = self._choice
        fault = self._content.album.fault(choice.current)
        items = [Text(fault)] if fault else []
        items.append(Choice("renderer", choice.renderer, RENDERERS, self._content.missing))
        if choice.renderer == "soft":
            items += [
                Slider(f"log10 {name}", math.log10(getattr(choice, name)), LOW, HIGH) for name in ("sigma", "gamma")
            ]
        items.append(Choice("show", choice.look, LOOKS, self._content.missing_looks(choice.renderer)))
        switches = self._content.switches(choice.renderer)
        items += [Check(label, getattr(choice, name)) for name, label in _LABELS.items() if name in switches]
        return [*items, Slider("photographs", choice.images, 0.0, 1.0)] if self._content.poses else items

    def set(self, name, value):
        choice = self._choice
        if name.startswith("log10 "):
            setattr(choice, name.removeprefix("log10 "), 10**value)
        elif name == "renderer":
            choice.renderer = value
            if choice.look in self._content.missing_looks(value):
                choice.look = "colour"
        else:
            setattr(choice, {label: field for field, label in _LABELS.items()}[name], value)

    def press(self, key, viewer):
        choice, content = self._choice, self._content
        if key == "r":
            self.set("renderer", _next(choice.renderer, RENDERERS, content.missing))
        elif key == "v":
            choice.look = _next(choice.look, LOOKS, content.missing_looks(choice.renderer))
        elif key == "i" and content.poses:
            choice.images = next((part for part in OPACITIES if part > choice.images + 0.01), OPACITIES[0])
        elif key in _SWITCHES and _SWITCHES[key] in content.switches(choice.renderer):
            setattr(choice, _SWITCHES[key], not getattr(choice, _SWITCHES[key]))
        elif key in _STEPS:
            name, sign = _STEPS[key]
            power = min(max(math.log10(getattr(choice, name)) + sign * STEP, LOW), HIGH)
            setattr(choice, name, 10**power)
        elif key == "Tab" and content.poses:
            step = -1 if viewer.is_shifted else 1
            choice.current = (0 if choice.current is None else choice.current + step) % len(content.poses)
            viewer.pose = content.poses[choice.current]
        elif key == "b":
            choice.current = None
        else:
            return False
        return True

    def help(self):
        lines, missing = ["R  V               renderer, what is shown"], self._content.missing
        if any(self._content.switches(name) for name in RENDERERS if name not in missing):
            lines.append("L  M               light, edges of faces")
        if "soft" not in missing:
            lines.append("Z X  C K           sigma, gamma (soft): less, more")
        if self._content.poses:
            lines.append("Tab, Shift + Tab   next camera, the one before")
            lines.append("I                  photographs: none, half, opaque")
        return lines

    def status(self):
        choice = self._choice
        parts = [choice.renderer] if choice.look == "colour" else [choice.renderer, choice.look]
        if choice.current is not None:
            parts.append(f"camera {choice.current + 1} of {len(self._content.poses)}")
        note = self._content.album.note(choice.current) if choice.images else ""
        return ", ".join([*parts, note] if note else parts)


_SWITCHES = {"l": "lit", "m": "edges"}
_LABELS = {"look": "show", "lit": "light", "edges": "edges of faces", "images": "photographs"}
_STEPS = {"z": ("sigma", -1), "x": ("sigma", 1), "c": ("gamma", -1), "k": ("gamma", 1)}


def _next(name, names, missing):
    """The name after another one, those that are missing left out."""
    able = [one for one in names if one not in missing]
    return able[(able.index(name) + 1) % len(able)]
