"""Derivatives as graphs and as functions, their checks, and what they are good for."""
