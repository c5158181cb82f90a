"""play: the page of steps, opened at its sliders. How the page computes is in test_browser.py."""

import json
import re

import pytest

from autograd_lite import Value, log, play, relu, steps
from autograd_lite.drawing.pages.player import Player


def page_of(player):
    return json.loads(re.search(r'id="passes">(.*?)</script>', player.html(), re.DOTALL)[1])


def sliders(player):
    page = page_of(player)
    return {page["nodes"][leaf["node"]]["name"]: leaf for leaf in page["leaves"]}


def test_a_function_is_played_with_a_slider_for_each_argument():
    player = play(lambda w, x: w * x, w=2.0, x=-3.0)
    assert isinstance(player, Player)
    assert list(sliders(player)) == ["w", "x"]
    assert page_of(player)["opened"] is True


def test_a_result_is_played_with_a_slider_for_each_leaf():
    w, x = Value(2.0, "w"), Value(-3.0)
    assert list(sliders(play(w * x))) == ["w", "x"]


def test_leaves_of_a_result_start_where_they_are_told_to():
    w, x = Value(2.0, "w"), Value(-3.0, "x")
    player = play(w * x, w=(5.0, 0.0, 9.0))
    assert sliders(player) == {"w": {"node": 0, "role": "parameter", "range": [0.0, 9.0]}}
    assert player.steps[1]["lines"][0]["cells"][-1] == "−15"
    assert (w.data, x.data) == (2.0, -3.0)


def test_a_leaf_that_is_not_there_is_named():
    w = Value(2.0, "w")
    with pytest.raises(ValueError, match="there is no leaf 'q' among w"):
        play(w * 2.0, q=1.0)


def test_the_page_of_steps_has_sliders_too_but_closed():
    page = page_of(steps(Value(2.0, "w") * 3.0))
    assert [leaf["range"] for leaf in page["leaves"]] == [[-10.0, 10.0]]
    assert page["opened"] is False


def test_the_function_is_called_once():
    calls = []
    play(lambda w: calls.append(w) or w * 2, w=1.0)
    assert len(calls) == 1


def test_an_argument_that_the_function_ignores_has_no_slider():
    assert list(sliders(play(lambda a, b: relu(a) * 2.0, a=1.0, b=2.0))) == ["a"]


def test_a_start_that_the_function_does_not_take_raises_as_the_operation_does():
    with pytest.raises(ValueError, match="math domain error"):
        play(lambda p: log(p), p=(-1.0, -1.0, 2.0))


def test_what_else_the_function_uses_stays_as_it_is():
    weight = Value(3.0, "weight")
    weight.grad = 7.0
    player = play(lambda x: x * weight, x=1.0)
    assert list(sliders(player)) == ["x"]
    assert (weight.data, weight.grad) == (3.0, 7.0)


def test_the_range_of_a_slider_holds_its_start():
    ranges = sliders(play(lambda a, b, c: a * b * c, a=0.0, b=25.0, c=(1.0, 0.0, 4.0)))
    assert [leaf["range"] for leaf in ranges.values()] == [[-1, 1], [-100, 100], [0, 4]]


@pytest.mark.parametrize("spec", [(5.0, 0.0, 1.0), (0.0, 0.0, 0.0), (1.0, 2.0), float("inf"), float("nan")])
def test_a_slider_without_room_is_an_error(spec):
    with pytest.raises(ValueError, match="slider of w"):
        play(lambda w: w, w=spec)


def test_the_function_must_return_a_value():
    with pytest.raises(TypeError, match="returned float"):
        play(lambda w: w.data, w=1.0)


def test_a_hostile_label_is_text_in_the_page():
    player = play(Value(1.0, "</script><text class='mono data'>7</text>") * 2.0)
    assert "<text class='mono data'>" not in player.html()
