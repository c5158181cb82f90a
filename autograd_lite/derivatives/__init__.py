"""Derivatives as graphs and as functions."""
