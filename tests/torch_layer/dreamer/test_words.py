"""Prompts as bags of words, the words for sides, and which pairs training does not show."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.errors import InputError
from taichi_dr.torch.dreamer.training import pairs
from taichi_dr.torch.dreamer.words import (
    COLORS,
    FILLERS,
    HELD_OUT,
    KINDS,
    SHAPES,
    WORDS,
    bags,
    is_held_out,
    view_words,
    with_view,
    words_of,
)

OPPOSITE = {"left": "right", "right": "left", "front": "front", "back": "back", "overhead": "overhead"}


def test_a_prompt_is_its_known_words_in_one_order():
    assert words_of("A small red torus, front left view") == ("small", "red", "torus", "front", "left")
    assert words_of("LEFT front: Torus; red! small?") == ("small", "red", "torus", "front", "left")
    assert words_of("ball ball, ball.") == ("ball",)
    assert words_of("a photo of the picture from an view") == ()
    assert words_of("") == words_of(" ,.;:!? ") == ()


def test_every_word_is_known_and_no_filler_is_a_word():
    assert len(WORDS) == len(set(WORDS)) == 25
    assert [words_of(word) for word in WORDS] == [(word,) for word in WORDS]
    assert [words_of(filler) for filler in FILLERS] == [()] * len(FILLERS)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a red tours", "'a red tours': 'tours' is no word that is known: did you mean 'torus'?"),
        ("a Purpel ball", "'a Purpel ball': 'purpel' is no word that is known: did you mean 'purple'?"),
        ("xyzzy", "'xyzzy': 'xyzzy' is no word that is known; these are:"),
    ],
)
def test_unknown_words_are_named_with_the_nearest_and_all(prompt, said):
    with pytest.raises(InputError) as found:
        words_of(prompt)
    first, *listed = str(found.value).splitlines()
    assert first == said
    assert listed == [f"  {kind}: {', '.join(words)}" for kind, words in KINDS.items()]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a red blue ball", "expected one of the colors, got red and blue"),
        ("a ball of a car", "expected one of the shapes, got ball and car"),
        ("large small", "expected one of the sizes, got small and large"),
    ],
)
def test_two_of_a_kind_are_refused_but_of_views(prompt, said):
    with pytest.raises(InputError, match=f"'{prompt}': {said}"):
        words_of(prompt)
    assert words_of("front left overhead") == ("front", "left", "overhead")


def test_bags_have_a_one_for_each_word():
    found = bags(["", "a small red torus, front left view", "Star"])
    assert (found.shape, found.dtype) == ((3, 25), np.float32)
    assert [[WORDS[i] for i in np.flatnonzero(row)] for row in found] == [
        [],
        ["small", "red", "torus", "front", "left"],
        ["star"],
    ]
    assert set(found.ravel()) == {0, 1}
    np.testing.assert_array_equal(bags(["left front torus"]), bags(["torus front left"]))


@pytest.mark.parametrize(
    ("azimuth", "words"),
    [
        (90, ("front",)),
        (0, ("left",)),
        (270, ("back",)),
        (-90, ("back",)),
        (180, ("right",)),
        (90 + 22.4, ("front",)),
        (90 + 22.6, ("front", "right")),
        (90 + 67.4, ("front", "right")),
        (90 + 67.6, ("right",)),
        (45, ("front", "left")),
        (-45, ("left", "back")),
        (225, ("back", "right")),
    ],
)
def test_the_words_for_a_side(azimuth, words):
    assert view_words(azimuth, 0) == view_words(azimuth + 360, 45) == words
    assert view_words(azimuth, 45.1) == (*words, "overhead")


def test_every_side_has_one_word_or_two_and_mirrored_ones_change_left_and_right():
    for azimuth in np.arange(-360, 720, 0.5):
        words = view_words(azimuth, 10)
        assert 1 <= len(words) <= 2, azimuth
        assert len({"front", "back"} & {*words}) < 2
        assert len({"left", "right"} & {*words}) < 2
        assert {OPPOSITE[word] for word in words} == {*view_words(180 - azimuth, 10)}, azimuth


def test_half_of_all_sides_have_two_words():
    counts = [len(view_words(azimuth, 0)) for azimuth in np.arange(0.25, 360, 0.5)]
    assert (counts.count(1), counts.count(2)) == (360, 360)


def test_the_words_for_a_view_come_behind_the_prompt():
    assert with_view("a red car", 135, 20) == "a red car, front right view"
    assert with_view("a red car", -45, 80) == "a red car, left back overhead view"
    assert words_of(with_view("a red car", -45, 80)) == ("red", "car", "left", "back", "overhead")


def test_what_is_held_out_leaves_every_word_its_partners():
    held_out = [(shape, color) for shape, colors in HELD_OUT.items() for color in colors]
    assert len(held_out) == len(set(held_out)) == 15
    assert 0.15 <= len(held_out) / (len(SHAPES) * len(COLORS)) <= 0.2
    assert set(HELD_OUT) == set(SHAPES)
    assert {color for _, color in held_out} <= set(COLORS)
    for shape in SHAPES:
        assert sum(not is_held_out(shape, color) for color in COLORS) >= 6, shape
    for color in COLORS:
        assert sum(not is_held_out(shape, color) for shape in SHAPES) >= 6, color


def test_pairs_are_those_of_the_table():
    shown, hidden = pairs(held_out=False), pairs(held_out=True)
    assert (shown.shape, hidden.shape) == ((65, 2), (15, 2))
    assert len({*map(tuple, shown), *map(tuple, hidden)}) == 80
    names = list(COLORS)
    assert all(names[j] in HELD_OUT[SHAPES[i]] for i, j in hidden)
    assert (SHAPES.index("torus"), names.index("red")) in set(map(tuple, hidden.tolist()))
