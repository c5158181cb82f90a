"""Seeing: a graph as a picture, and both passes over it step by step."""
