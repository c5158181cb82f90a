"""Write scalar code, get matrix code.

`compile` turns a function of Values into a program for whole batches. Data flows one way through the folders:

* `front`: `trace` runs the function once and reads the graph, `normalise` rewrites it as sums of products.
* `ir`: `schedule` arranges equal scalars as blocks and finds the matrix products, `differentiate` adds the backward pass.
* `numpy`: `emit` writes straight-line NumPy code, `bind` runs it. `text` writes the same program to be read.
"""
