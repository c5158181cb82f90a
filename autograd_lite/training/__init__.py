"""Training a net on data, and watching it."""
