"""Fuzz what stands in pictures and pages: any text is text there, all of it, and nothing else.

The labels of two leaves and of their result, and the name of the operation between them, are cut from the input at each
record separator (U+001E). The SVG is read as XML and the pages as HTML: the elements and their attributes are those of
harmless labels, and the labels stand in the text.
"""

import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

from harness import Guard, in_memory, instrumented, main

with instrumented():
    from autograd_lite import Value, define_op, draw, explain, steps
    from autograd_lite.drawing.scene.typesetting import clean
    from autograd_lite.drawing.svg import picture


class Renderer:
    """The system's `dot`, started once: it draws what comes, graph by graph, ten times as fast as a process for each.

    A graph that a label could end early, or keep open, would show as one picture too many or as a hang.
    """

    def __init__(self, program):
        self.program = program
        self.process = None
        self.complaints, _ = in_memory()

    def __call__(self, source, format):
        if self.process is None:
            self.process = subprocess.Popen(
                [self.program, "-Tsvg"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.complaints
            )
        self.process.stdin.write(source.encode())
        self.process.stdin.flush()
        lines = []
        while not lines or not lines[-1].startswith(b"</svg>"):
            lines.append(self.process.stdout.readline())
            assert lines[-1], f"dot gave up on {source}"
        complaints = os.pread(self.complaints, 1000, 0)
        assert not complaints, f"{complaints}\n{source}"
        return b"".join(lines)


if program := shutil.which("dot"):
    picture.render = Renderer(program)

TOKENS = [
    *"<>&\"'\\|{}%\0\x1b\x1e\u2028\ud7ff",
    "<script>",
    "</script>",
    "]]>",
    "-->",
    "<!--",
    "&lt;",
    "&#60;",
    "</svg>",
    "\\N",
]
TOKENS += [
    "onload=",
    "javascript:",
    "<img src=x onerror=alert(1)>",
    "${x}",
    "%%svg%%",
    "\\n",
    "</title>",
    "</TABLE>",
    "e0",
    "n1",
]
guard = Guard()


def graph(labels):
    a, b, result, name = labels
    op = define_op(name or "op", lambda x, y: x * y, lambda x, y, z: (y, x))
    y = op(Value(2.0, a), Value(3.0, b))
    y.label = result
    y.backward()
    return y


class Page(HTMLParser):
    """The elements of a page with the names of their attributes, those inside its SVG apart; its scripts; its text."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.attributes, self.scripts, self.text = [], {}, [], []
        self.feed(re.sub(r"<svg.*</svg>", "", page, flags=re.DOTALL))
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, [name for name, _ in attributes]))
        self.attributes |= {(tag, name): value for name, value in attributes}
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.lasttag == "script":
            self.scripts[-1] += data
        self.text.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")


def svg_parts(svg):
    """All elements with their attributes' names, and the text."""
    root = ET.fromstring(svg)
    found = {(element.tag, *element.attrib) for element in root.iter()}
    for element in root.iter():
        for name, value in element.attrib.items():
            assert name.lower() in KNOWN_ATTRIBUTES, name
            assert "script:" not in value or name == "aria-label"
    return found, "".join(root.itertext())


KNOWN_ATTRIBUTES = {
    "class",
    "role",
    "aria-label",
    "style",
    "width",
    "height",
    "viewbox",
    "id",
    "transform",
    "fill",
    "stroke",
    "points",
    "text-anchor",
    "x",
    "y",
    "font-family",
    "font-size",
    "font-weight",
    "font-style",
    "stroke-width",
    "stroke-dasharray",
    "d",
    "stroke-opacity",
    "fill-opacity",
    "{http://www.w3.org/xml/1998/namespace}space",  # of the embedded renderer
}


def squeezed(text):
    """Without spaces, and without the marks that keep formulas left to right around words that are not."""
    return re.sub(r"[\s\xa0\u200e]+", "", text)


def outputs(y):
    player = steps(y)
    return (
        draw(y, partials=True).svg(),
        player,
        player.html(),
        player._repr_html_(),
        explain(y),
    )


PLAIN = ["a", "b", "c", "op"]


def baseline():
    svg, _, page, frame, explanation = outputs(graph(PLAIN))
    return svg_parts(svg)[0], Page(page), Page(frame), Page(explanation.html())


SVG, PAGE, FRAME, EXPLANATION = baseline()  # and all is loaded that is loaded on first use


def allowed(event, arguments):
    if event == "subprocess.Popen":
        program, command, *_ = arguments
        return program.endswith(("/dot", "graphviz-pure")) and command[1:] == ["-Tsvg"]
    if event == "open":  # the pipes to the renderer; where it is; the page's template
        file, mode, _ = arguments
        return isinstance(file, int) or (
            mode in ("r", "rb") and str(file).endswith(("RECORD", ".zip", "player.html", "engine.js"))
        )
    return event in ("os.listdir", "os.scandir", "builtins.id", "sys._getframe", "object.__getattr__")


def one_input(data):
    labels = (data.decode("utf-8", "surrogateescape").split("\x1e") + PLAIN)[:4]
    y = graph(labels)
    svg, player, page, frame, explanation = guard.run(outputs, y, allowed=allowed)
    found, text = svg_parts(svg)
    assert found <= SVG | {(tag, *rest) for tag, *rest in SVG}, found - SVG
    for label in labels[:3]:
        assert squeezed(clean(label)) in squeezed(text), (label, text)
    read = Page(page)
    assert read.elements == PAGE.elements
    assert read.scripts[1] == PAGE.scripts[1]
    assert "<" not in read.scripts[0]
    passes = json.loads(read.scripts[0])
    # The page fills in the numbers by itself.
    assert squeezed(json.dumps(passes["steps"], ensure_ascii=False)) == squeezed(
        json.dumps(player._page()["steps"], ensure_ascii=False)
    )
    framed = Page(frame)
    assert framed.elements == FRAME.elements
    assert framed.attributes["iframe", "srcdoc"] == page
    explained = Page(explanation.html())
    assert set(map(str, explained.elements)) <= set(map(str, EXPLANATION.elements))


if __name__ == "__main__":
    main(one_input, TOKENS)
