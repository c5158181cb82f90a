"""Write scalar code, get matrix code: `compile` turns a function of Values into a NumPy program for whole batches.

Four passes, each in its own module, data flowing one way: `trace` runs the function once and reads the graph,
`normalise` rewrites it as sums of products, `schedule` arranges equal scalars as blocks and finds the matrix products,
`emit` writes straight-line NumPy code. Between the last two, `differentiate` adds the backward pass.
"""
