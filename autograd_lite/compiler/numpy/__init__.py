"""The program as NumPy calls that run."""
