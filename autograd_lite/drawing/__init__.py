"""Seeing: a graph as a picture."""

from autograd_lite.drawing.picture import Picture as Picture
from autograd_lite.drawing.picture import draw as draw
