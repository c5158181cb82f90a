"""Files that other programs convert: each that is installed shows the same picture."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops, ImageStat

from autograd_lite import Value, draw

WIDTH = 90  # px: coarse enough for fonts not to matter


def lecture():
    w, x, b, y = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b"), Value(2.0, "y")
    J = 0.5 * (w * x + b - y) ** 2
    J.backward()
    return J


def by_cairosvg(svg):
    return pytest.importorskip("cairosvg").svg2png(bytestring=svg.encode())


def by_resvg(svg):
    return bytes(pytest.importorskip("resvg_py").svg_to_bytes(svg_string=svg))


def coarse(png):
    image = Image.open(io.BytesIO(png)).convert("RGB")
    return image.resize((WIDTH, round(WIDTH * image.height / image.width)), Image.Resampling.BOX)


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
@pytest.mark.parametrize("convert", [by_cairosvg, by_resvg])
def test_a_converter_shows_what_the_pixels_of_the_picture_are(convert, theme):
    picture = draw(lecture(), partials=True)
    expected = coarse(picture.png(theme="dark" if theme == "dark" else "light"))
    found = coarse(convert(picture.svg(theme))).resize(expected.size)
    assert max(ImageStat.Stat(ImageChops.difference(expected, found)).mean) < 8.0


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_svglib_reads_the_file(theme, tmp_path):
    svglib = pytest.importorskip("svglib.svglib")
    draw(lecture(), partials=True).save(tmp_path / "J.svg", theme=theme)
    drawing = svglib.svg2rlg(str(tmp_path / "J.svg"))
    assert drawing.width > 100
    assert len(drawing.contents[0].contents[0].contents) > 10
