"""Training a net on data, and pictures of it."""
