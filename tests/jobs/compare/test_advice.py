"""Sentences that follow from numbers."""

from types import SimpleNamespace

from taichi_dr.jobs.compare.advice import sentences


def one(name, psnr, iou=0.9, chamfer=None, size=1_000_000, milliseconds=10.0):
    held_out = {"psnr": psnr, "ssim": 0.9} | ({} if iou is None else {"iou": iou})
    return SimpleNamespace(name=name, held_out=held_out, chamfer=chamfer, bytes=size, milliseconds=milliseconds)


def about(found, opaque=False):
    return {line.about: line for line in sentences(found, opaque)}


def test_who_has_the_best_number_is_named_first_and_who_is_near_beside():
    said = about([one("mesh", 25.0), one("grid", 31.0), one("hash", 30.8), one("sdf", 30.0)])["Images from new sides"]
    assert said.names == ("grid", "hash")
    assert said.text == "grid (31.0 dB); hash (30.8 dB) hardly differs."


def test_the_winner_is_another_one_with_other_numbers():
    for best, other in (("mesh", "grid"), ("grid", "mesh")):
        said = about([one(other, 25.0), one(best, 30.0)])["Images from new sides"]
        assert said.names == (best,)
        assert said.text == f"{best} (30.0 dB), then {other} (25.0 dB)."


def test_only_what_has_a_surface_is_a_shape_however_near_a_field_is():
    found = [one("mesh", 20.0, chamfer=0.02), one("sdf", 20.0, chamfer=0.01), one("hash", 20.0, chamfer=0.001)]
    assert about(found)["A shape to measure, print or simulate"].names == ("sdf",)


def test_without_a_true_surface_silhouettes_tell_which_shape_is_best():
    found = [one("mesh", 20.0, iou=0.98), one("sdf", 20.0, iou=0.95), one("hash", 20.0, iou=0.99)]
    said = about(found)["A shape to measure, print or simulate"]
    assert said.names == ("mesh",)
    assert "silhouettes agree by 0.9800" in said.text


def test_the_least_time_and_the_smallest_file_win():
    found = [one("mesh", 20, milliseconds=2, size=9), one("grid", 20, milliseconds=5, size=3)]
    assert about(found)["To draw often"].names == ("mesh",)
    assert about(found)["A small file"].names == ("grid",)
    assert "2.5 times as long for an image as the fastest" in about(found)["grid"].text
    assert "3.0 times the smallest file" in about(found)["mesh"].text


def test_only_light_can_be_lit_anew():
    found = [one("mesh", 30.0), one("light", 20.0)]
    assert about(found)["To light anew"].text == "light (20.0 dB), the only one here that can."
    assert "To light anew" not in about([one("mesh", 30.0), one("grid", 31.0)])


def test_colours_that_change_pay_off_or_not():
    key = "Colours that change with the direction"
    assert about([one("mesh", 25.0), one("hash", 27.0)])[key].names == ("hash",)
    assert "2.0 dB ahead of mesh" in about([one("mesh", 25.0), one("hash", 27.0)])[key].text
    assert about([one("mesh", 27.0), one("hash", 27.2)])[key].names == ()
    assert key not in about([one("grid", 27.0), one("hash", 27.2)])


def test_photographs_are_for_what_needs_no_silhouettes():
    found = [one("grid", 25.0, iou=None), one("hash", 27.0, iou=None)]
    assert about(found, opaque=True)["Opaque photographs"].names == ("hash",)
    assert "The outline" not in about(found, opaque=True)
    assert "Opaque photographs" not in about(found)


def test_nothing_is_said_of_nothing():
    assert sentences([], False) == []
