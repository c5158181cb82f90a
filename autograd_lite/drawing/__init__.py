"""Seeing: a graph as a picture, and both passes over it step by step."""

from autograd_lite.drawing.explanation import Explanation as Explanation
from autograd_lite.drawing.explanation import explain as explain
from autograd_lite.drawing.live import play as play
from autograd_lite.drawing.picture import Picture as Picture
from autograd_lite.drawing.picture import draw as draw
from autograd_lite.drawing.player import Player as Player
from autograd_lite.drawing.player import steps as steps
