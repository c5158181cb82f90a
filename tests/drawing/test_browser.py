"""The player's page in a browser: each button and key, themes, hostile labels, and no network."""

import os
import shutil

import pytest

from autograd_lite import Graph, Value, log, play, relu, steps

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LAST = 12  # the last step of small_graph()
TURN = 5  # its last forward step
HOSTILE = ["<script>alert(1)</script>", '"]}', "</script><b>x", "<img src=x>"]


def missing(what):
    if os.environ.get("CI"):
        pytest.fail(f"the browser tests must run in CI: {what}")
    pytest.skip(f"the browser tests need {what}")


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright: pip install playwright")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        missing("a browser: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Watch:
    """A window in which time passes when a test says so; it notes what its pages complain of and ask for."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(**{"viewport": {"width": 1000, "height": 720}, **options})
        self.context.set_default_timeout(15_000)
        self.complaints, self.requests = [], []
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.clock.install()


@pytest.fixture(scope="module")
def window(browser):
    watch = Watch(browser)
    yield watch
    watch.context.close()


@pytest.fixture
def open_page(browser, window, tmp_path):
    """Open HTML from a file; afterwards no page may have complained, nor have asked for anything but its file."""
    watches = []

    def open_page(html, **options):
        watches.append(Watch(browser, **options) if options else window)
        file = tmp_path / f"page{len(watches)}.html"
        file.write_text(html, "utf-8")
        watches[-1].page.goto(file.as_uri())
        return watches[-1].page

    window.complaints.clear()
    window.requests.clear()
    yield open_page
    for watch in watches:
        if watch is not window:
            watch.context.close()
        assert watch.complaints == []
        assert [url for url in watch.requests if not url.startswith((tmp_path.as_uri(), "data:", "about:srcdoc"))] == []


def named(value, label):
    value.label = label
    return value


def small_graph():
    w, x, b, y = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b"), Value(2.0, "y")
    d = named(named(named(w * x, "c") + b, "a") - y, "d")
    return named(0.5 * d**2, "J")


def shared_graph():
    x = Value(3.0, "x")
    return named(x * 12345.0 + relu(x) * -12340.0, "y")


@pytest.fixture
def page(open_page):
    return open_page(steps(small_graph()).html())


def step_of(page):
    return int(page.locator("#slider").input_value())


def panel(page):
    return " ".join(page.locator("#panel").inner_text().split())


def go(page, step):
    page.locator("#slider").fill(str(step))
    page.evaluate("document.activeElement.blur()")
    assert step_of(page) == step


def grad(page, node):
    return page.locator(f"#n{node} text.grad").text_content()


# --- the controls -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("button", "before", "after"),
    [
        ("first", 7, 0),
        ("previous", 7, 6),
        ("next", 7, 8),
        ("last", 7, LAST),
        ("finish", 0, TURN),
        ("finish", 3, TURN),
        ("finish", TURN, LAST),
        ("finish", 8, LAST),
        ("reset", 7, 0),
    ],
)
def test_button(page, button, before, after):
    go(page, before)
    page.click(f"#{button}")
    assert step_of(page) == after


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [("ArrowRight", 7, 8), ("ArrowLeft", 7, 6), ("Home", 7, 0), ("End", 7, LAST), ("ArrowLeft", 0, 0)],
)
def test_key(page, key, before, after):
    go(page, before)
    page.keyboard.press(key)
    assert step_of(page) == after


@pytest.mark.parametrize("start", ["button", "space"])
def test_play_walks_to_the_end_and_stops(page, start):
    page.click("#play") if start == "button" else page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.clock.run_for(1700 * 3)
    assert step_of(page) == 3
    page.clock.run_for(1700 * 20)
    assert step_of(page) == LAST
    assert page.locator("#play").get_attribute("aria-label") == "Play"


def test_space_pauses_also_when_the_play_button_has_the_focus(page):
    page.click("#play")
    page.clock.run_for(1700)
    page.keyboard.press("Space")
    page.clock.run_for(1700 * 5)
    assert step_of(page) == 1


def test_play_at_the_end_starts_again(page):
    go(page, LAST)
    page.click("#play")
    assert step_of(page) == 0


def test_speed_changes_the_pace_at_once(page):
    page.click("#play")
    page.select_option("#speed", "4")
    page.clock.run_for(1700)
    assert step_of(page) == 4


def test_reset_brings_back_normal_speed_and_stops(page):
    page.select_option("#speed", "4")
    page.click("#play")
    page.click("#reset")
    page.clock.run_for(1700 * 5)
    assert (step_of(page), page.locator("#speed").input_value()) == (0, "1")


def test_a_step_by_hand_stops_the_play(page):
    page.click("#play")
    page.keyboard.press("ArrowRight")
    page.clock.run_for(1700 * 5)
    assert step_of(page) == 1


def test_the_slider_follows_its_own_keys_once(page):
    page.locator("#slider").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert step_of(page) == 2
    assert page.locator("#count").inner_text() == f"step 2 of {LAST}"


def test_buttons_that_lead_nowhere_are_disabled(page):
    assert page.locator("#first").is_disabled()
    assert page.locator("#previous").is_disabled()
    go(page, LAST)
    for button in ("next", "last", "finish"):
        assert page.locator(f"#{button}").is_disabled()


# --- what is seen -----------------------------------------------------------------------------------------------------


def test_forward_shows_symbols_numbers_and_result(page):
    go(page, 1)
    assert "c = w * x = 2 × −2 = −4" in panel(page)
    assert page.locator("#n2 text.data").is_visible()
    assert not page.locator("#n4 text.data").is_visible()


def test_backward_shows_the_chain_rule_and_the_gradients_it_found(page):
    go(page, 11)
    assert "∂c/∂w = x = −2 dJ/dw = dJ/dc · ∂c/∂w = 2 × −2 = −4" in panel(page)
    assert (grad(page, 0), grad(page, 1)) == ("-4", "4")


def test_a_gradient_that_is_not_known_yet_is_a_dash(page):
    go(page, 9)
    assert (grad(page, 4), grad(page, 0)) == ("2", "–")


def test_going_back_takes_numbers_back(page):
    go(page, LAST)
    go(page, 0)
    assert grad(page, 0) == "–"
    assert not page.locator("#n2 text.data").is_visible()


def test_the_current_node_and_its_edges_are_lit(page):
    go(page, 9)
    assert page.locator(".node.now").evaluate_all("all => all.map(g => g.id)") == ["n6"]
    assert sorted(page.locator(".edge.now").evaluate_all("all => all.map(g => g.id)")) == ["e4", "e5"]


def test_a_sum_over_paths_is_seen_to_grow_and_stays_in_its_box(open_page):
    page = open_page(steps(shared_graph()).html())
    seen = []
    for step in range(6, 10):
        go(page, step)
        seen.append(grad(page, 0))
        text, box = page.locator("#n0 text.grad").bounding_box(), page.locator("#n0 > path").bounding_box()
        assert text["x"] + text["width"] <= box["x"] + box["width"]
        if "path 1 of 2" in panel(page):
            assert "partly" in page.locator("#n0").get_attribute("class")
    assert list(dict.fromkeys(seen)) == ["–", "-12340", "5"]
    assert "dy/dx = −12340 + 12345 = 5" in panel(page)


def test_nothing_moves_from_step_to_step(page):
    where = "[...document.querySelectorAll('.node')].map(g => JSON.stringify(g.getBBox()) + g.getScreenCTM().e + g.getScreenCTM().f)"
    places = set()
    for step in range(LAST + 1):
        go(page, step)
        places.add(tuple(page.evaluate(where)))
    assert len(places) == 1


def test_clicking_a_node_shows_its_formulas_and_dims_the_others(page):
    page.locator("#n2").click()
    assert "c = w * x = 2 × −2 = −4 ∂a/∂c = 1 dJ/dc = dJ/da · ∂a/∂c = 2 × 1 = 2" in panel(page)
    lit = sorted(page.locator(".node.lit").evaluate_all("all => all.map(g => g.id)"))
    assert lit == ["n0", "n1", "n2", "n4"]
    page.keyboard.press("Escape")
    assert page.locator(".inspecting").count() == 0
    assert "What is J" in panel(page)


@pytest.mark.parametrize("width", [400, 1000])
def test_the_page_fits_the_window(open_page, width):
    page = open_page(steps(small_graph()).html(), viewport={"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.scrollHeight") <= 700


def test_the_current_node_is_scrolled_into_view(open_page):
    page = open_page(steps(small_graph()).html(), viewport={"width": 400, "height": 700}, reduced_motion="reduce")
    go(page, TURN)
    box = page.locator("#n8 > :is(path, polygon)").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 400


def test_two_players_on_one_page_do_not_interfere(open_page):
    frames = steps(small_graph())._repr_html_() + steps(shared_graph())._repr_html_()
    page = open_page(f"<!doctype html><html><body>{frames}</body></html>")
    first, second = [page.frame_locator(f"iframe >> nth={i}") for i in (0, 1)]
    second.locator("#next").click()
    second.locator("#next").click()
    page.keyboard.press("ArrowRight")
    assert first.locator("#slider").input_value() == "0"
    assert second.locator("#slider").input_value() == "3"
    first.locator("#last").click()
    assert "Done" in first.locator("#panel").inner_text()
    assert second.locator("#slider").input_value() == "3"


# --- themes, keyboard, screen readers ---------------------------------------------------------------------------------

LUMINANCE = """(element, property) => {
  const channels = getComputedStyle(element)[property].match(/[\\d.]+/g).slice(0, 3)
    .map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2];
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_contrast_in_both_themes(open_page, theme):
    page = open_page(steps(small_graph()).html(), color_scheme=theme)
    go(page, 9)
    luminance = lambda selector, what: page.locator(selector).first.evaluate(LUMINANCE, what)
    paper, card = luminance("html", "backgroundColor"), luminance("#panel", "backgroundColor")
    assert (paper < 0.05) == (theme == "dark")
    pairs = [
        ("#heading", "color", card),
        ("td.result", "color", card),
        ("#panel td", "color", card),
        ("#count", "color", paper),
        ("#n6 text.data", "fill", luminance("#n6 > polygon", "fill")),
        ("#n6 text.grad", "fill", luminance("#n6 > polygon", "fill")),
    ]
    for selector, what, background in pairs:
        dark, light = sorted([luminance(selector, what), background])
        assert (light + 0.05) / (dark + 0.05) >= 4.5, selector


def test_motion_is_left_out_where_it_is_not_wanted(open_page):
    names = {}
    for motion in ("reduce", "no-preference"):
        page = open_page(steps(small_graph()).html(), reduced_motion=motion)
        go(page, 9)
        names[motion] = page.locator(".edge.now path").first.evaluate("path => getComputedStyle(path).animationName")
    assert names == {"reduce": "none", "no-preference": "flow"}


def test_tab_reaches_everything(page):
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached[:2] == ["n0", "panel"]
    assert {"play", "next", "last", "slider", "finish", "reset", "speed"} <= set(reached)


def test_the_graph_can_be_read_with_the_keyboard(page):
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.id") == "n1"
    page.keyboard.press("Enter")
    assert page.locator("#n1").get_attribute("aria-pressed") == "true"
    assert "x = −2" in panel(page)
    page.keyboard.press("ArrowRight")
    assert step_of(page) == 1


def test_a_screen_reader_hears_each_step(page):
    assert page.locator("#panel").get_attribute("aria-live") == "polite"
    go(page, 9)
    assert page.locator("#slider").get_attribute("aria-valuetext").startswith(f"step 9 of {LAST}: Backward: d sends")
    assert page.locator("#n6").get_attribute("aria-label") == "d, sub: data 2, gradient 2"
    assert page.locator("#n0").get_attribute("aria-label") == "w, leaf: data 2"
    assert page.locator('[aria-current="step"]').inner_text() == "← Backward"


# --- labels -----------------------------------------------------------------------------------------------------------


def test_labels_are_shown_literally(open_page):
    y = named(sum([Value(1.0, label) for label in HOSTILE], Value(0.0, "z")), HOSTILE[0])
    page = open_page(steps(y).html())
    scripts = page.locator("script").count()
    for label in HOSTILE:
        assert f"{label} = 1" in panel(page)
    shown = page.locator("#stage text").all_text_contents()
    assert all(any(label[:16] in text for text in shown) for label in HOSTILE[1:])
    for step in range(int(page.locator("#slider").get_attribute("max")) + 1):
        go(page, step)
    page.locator("#n0").click()
    assert page.locator("script").count() == scripts == 2
    assert page.locator("img, b").count() == 0


INTRUDERS = [
    "<script>document.title = 'owned'</script>",
    "<img src=x onerror=\"document.title = 'owned'\">",
    "<svg onload=\"document.title = 'owned'\"></svg>",
    "<iframe srcdoc=\"<script>parent.document.title = 'owned'</script>\"></iframe>",
    "<script src='data:text/javascript,document.title = `owned`'></script>",
]


@pytest.mark.parametrize("intruder", INTRUDERS)
def test_the_page_runs_no_script_but_its_own(browser, intruder, tmp_path):
    watch = Watch(browser)
    file = tmp_path / "page.html"
    file.write_text(steps(small_graph()).html().replace("</main>", intruder + "</main>"), "utf-8")
    watch.page.goto(file.as_uri())
    watch.page.keyboard.press("ArrowRight")
    assert step_of(watch.page) == 1  # its own does
    assert watch.page.title() != "owned"
    assert any("Content Security Policy" in complaint for complaint in watch.complaints)
    watch.context.close()


# --- the page computes ------------------------------------------------------------------------------------------------


def call(page, expression):
    return page.evaluate(f"window.autogradLite.players[0].{expression}")


@pytest.fixture
def live(open_page):
    return open_page(play(small_graph()).html())


def test_a_moved_leaf_changes_both_passes(live):
    assert call(live, "set('w', 3)") == 0.0
    assert (call(live, "value('c')"), call(live, "grad('b')")) == (-6.0, 0.0)
    assert call(live, "set('b', 9)") == 0.5
    assert [live.locator(f"#n{i} text.data").text_content() for i in (0, 2, 3)] == ["3", "-6", "9"]
    assert (grad(live, 0), grad(live, 1)) == ("-2", "3")
    assert "dJ/dw = −2" in panel(live)


def test_a_slider_and_a_field_move_a_leaf(live):
    live.locator("#movers input[type=range]").first.fill("5")
    assert live.locator("#n0 text.data").text_content() == "5"
    field = live.locator("#movers input[type=number]").nth(1)
    field.fill("-1")
    field.press("Enter")
    assert live.locator("#n2 text.data").text_content() == "-5"


def test_formulas_and_edges_follow_a_moved_leaf(live):
    call(live, "set('x', 4)")
    assert live.locator("#e0 text").text_content() == "4"
    go(live, 11)
    assert "∂c/∂w = x = 4 dJ/dw = dJ/dc · ∂c/∂w = 14 × 4 = 56" in panel(live)
    live.locator("#e0 .wide").hover(force=True)
    assert "∂c / ∂w = 4" in live.locator("#e0 title").text_content()


def test_a_number_that_was_positive_has_parentheses_once_it_is_negative(live):
    call(live, "set('y', -2)")
    go(live, 3)
    assert "d = a - y = 4 − (−2) = 6" in panel(live)


def test_a_hundred_steps_downhill_are_those_of_python(live):
    live.locator("#rate").fill("0.05")
    J = small_graph()
    w, b = (leaf for leaf in Graph(J).leaves if leaf.label in "wb")
    for _ in range(100):
        J.zero_grad()
        J.backward()
        for leaf in (w, b):
            leaf.data -= 0.05 * leaf.grad
        assert call(live, "step()") == pytest.approx(J.forward(), rel=1e-14)  # the C library's squares are off by a bit
    assert [call(live, f"value('{name}')") for name in "wb"] == pytest.approx([w.data, b.data], rel=1e-14)


def test_a_step_downhill_shows_each_parameter_and_the_fall(live):
    live.locator("#downhill").click()
    assert "w ← w − 0.1 · dJ/dw = 2 − 0.1 × (−4) = 2.4" in panel(live)
    assert live.locator("#fall").inner_text() == "J: 2 → 0.5"
    live.locator("#restore").click()
    assert call(live, "value('w')") == 2.0


def test_a_nudge_is_compared_with_the_gradient(live):
    live.locator("#movers button").first.click()
    assert "ΔJ/ε = −3.998 the gradient was dJ/dw = −4" in panel(live)


def test_a_number_without_a_result_leaves_the_picture_as_it_was(open_page):
    page = open_page(play(named(log(Value(2.0, "p")), "y")).html())
    with pytest.raises(Exception, match="has no number"):
        call(page, "set('p', -1)")
    assert page.locator("#problem").inner_text() == "log(-1) has no number: the leaves stay as they were"
    assert call(page, "value('p')") == 2.0


def test_long_numbers_stay_in_their_boxes(live):
    call(live, "set('w', -1.23456e-10)")
    call(live, "set('b', -1.23456e12)")
    for i in range(8):
        outline = live.locator(f"#n{i} > :is(path, polygon)").first.bounding_box()
        for kind in ("data", "grad"):
            text = live.locator(f"#n{i} text.{kind}").bounding_box()
            assert text["x"] + text["width"] <= outline["x"] + outline["width"]


def test_scripts_learn_the_names_and_what_cannot_be_moved(live):
    assert sorted(call(live, "names()")) == sorted(
        ["w", "x", "b", "y", "c", "a", "d", "v1", "J"][: len(call(live, "names()"))]
    )
    with pytest.raises(Exception, match="J cannot be moved in the page"):
        call(live, "set('J', 1)")
    with pytest.raises(Exception, match="there is no node q"):
        call(live, "value('q')")


def test_arrows_point_back_in_the_backward_pass(live):
    go(live, LAST)
    shown = "[...document.querySelectorAll('.edge')].map(g => [...g.querySelectorAll('polygon')].filter(p => getComputedStyle(p).display !== 'none').map(p => p.classList.contains('back')))"
    assert live.evaluate(shown) == [[True]] * live.locator(".edge").count()
    go(live, 0)
    assert live.evaluate(shown) == [[False]] * live.locator(".edge").count()


def test_predicting_hides_a_result_until_it_is_asked_for(page):
    page.locator("#predict").check()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    result = page.locator("#panel .result")
    assert (step_of(page), result.is_visible()) == (1, False)
    page.keyboard.press("ArrowRight")
    assert (step_of(page), result.is_visible()) == (1, True)
    page.keyboard.press("ArrowRight")
    assert (step_of(page), result.is_visible()) == (2, False)


def test_the_address_says_step_theme_and_speed(open_page, tmp_path):
    page = open_page(steps(small_graph()).html())
    page.goto(page.url + "#step=7&theme=dark&speed=2&embed")
    page.reload()
    assert (step_of(page), page.locator("#speed").input_value()) == (7, "2")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(21, 24, 30)"
    assert not page.locator("header").is_visible()


def test_a_theme_that_python_fixed_is_the_pages(open_page):
    page = open_page(steps(small_graph(), theme="dark").html())
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(21, 24, 30)"


def test_a_large_picture_is_fitted_and_zoomed(open_page):
    y = Value(1.0, "x")
    for _ in range(12):
        y = (y * 2.0).tanh()
    page = open_page(steps(named(y, "y")).html())
    width = "document.querySelector('#stage svg').getBoundingClientRect().width"
    whole = page.evaluate(width)
    assert whole > 1000
    page.locator("#whole").click()
    assert page.evaluate(width) <= 1000
    page.locator("#closer").click()
    page.locator("#closer").click()
    assert page.evaluate(width) == pytest.approx(min(1.0, 976 / whole) * 1.25**2 * whole, rel=0.02)
