"""The program as text to read, for NumPy, PyTorch and JAX."""
