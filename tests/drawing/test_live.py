"""play: sliders that move the leaves of a graph."""

import re

import pytest

from autograd_lite import Value, log, play, relu
from autograd_lite.drawing.pages.live import LivePicture

ipywidgets = pytest.importorskip("ipywidgets", reason="play() needs ipywidgets: pip install ipywidgets")


def shown(svg, node, kind):
    group = re.search(rf'<g id="n{node}".*?</g>', svg, re.DOTALL)[0]
    return re.search(rf'class="mono {kind}"[^>]*>([^<]*)<', group)[1]


def parts(panel):
    *sliders, message, picture = panel.children
    return {slider.description: slider for slider in sliders}, message, picture


def test_moving_a_slider_redraws_data_and_gradients():
    sliders, _, picture = parts(play(lambda w, x: w * x, w=2.0, x=-3.0))
    assert [shown(picture.value, 0, kind) for kind in ("data", "grad")] == ["2", "-3"]
    sliders["w"].value = 5.0
    assert [shown(picture.value, 0, kind) for kind in ("data", "grad")] == ["5", "-3"]
    assert [shown(picture.value, 1, kind) for kind in ("data", "grad")] == ["-3", "5"]
    assert [shown(picture.value, 2, kind) for kind in ("data", "grad")] == ["-15", "1"]


def test_nothing_but_the_numbers_changes():
    sliders, _, picture = parts(play(lambda a, b: relu(a) * b + a, a=1.0, b=(2.0, 0.0, 9.0)))
    text = r'(class="mono (?:data|grad)"[^>]*>)[^<]*'
    before = re.sub(text, r"\1", picture.value)
    sliders["a"].value = -0.37
    assert re.sub(text, r"\1", picture.value) == before


def test_the_function_is_called_once():
    calls = []
    sliders, _, _ = parts(play(lambda w: calls.append(w) or w * 2, w=1.0))
    sliders["w"].value = 0.5
    assert len(calls) == 1


def test_a_number_that_the_function_does_not_take_leaves_the_last_picture_and_says_so():
    sliders, message, picture = parts(play(lambda p: log(p), p=(1.0, -1.0, 2.0)))
    before = picture.value
    sliders["p"].value = -1.0
    assert (picture.value, message.value) == (before, "math domain error, in log(p=-1.0)")
    sliders["p"].value = 2.0
    assert (shown(picture.value, 0, "grad"), message.value) == ("0.5", "")


def test_what_else_the_function_uses_stays_as_it_is():
    weight = Value(3.0, "weight")
    weight.grad = 7.0
    sliders, _, picture = parts(play(lambda x: x * weight, x=1.0))
    sliders["x"].value = 0.5
    assert shown(picture.value, 1, "grad") == "0.5"
    assert (weight.data, weight.grad) == (3.0, 7.0)


def test_the_range_of_a_slider_holds_its_start():
    sliders, _, _ = parts(play(lambda a, b, c: a * b * c, a=0.0, b=25.0, c=(1.0, 0.0, 4.0)))
    assert [(s.min, s.value, s.max) for s in sliders.values()] == [(-1, 0, 1), (-100, 25, 100), (0, 1, 4)]


@pytest.mark.parametrize("spec", [(5.0, 0.0, 1.0), (0.0, 0.0, 0.0), (1.0, 2.0), float("inf"), float("nan")])
def test_a_slider_without_room_is_an_error(spec):
    with pytest.raises(ValueError, match="slider of w"):
        play(lambda w: w, w=spec)


def test_the_function_must_return_a_value():
    with pytest.raises(TypeError, match="returned float"):
        play(lambda w: w.data, w=1.0)


def test_a_picture_with_a_hostile_label_stays_a_picture():
    x = Value(1.0, "<text class='mono data'>7</text>")
    picture = LivePicture(x * 2.0)
    x.data = 4.0
    assert shown(picture.update(), 0, "data") == "4"
    assert "<text class='mono data'>" not in picture.update()
