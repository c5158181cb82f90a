"""Seeing a graph, and both passes over it."""
