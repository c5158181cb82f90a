"""A graph as data: view, formulas, text and SymPy."""
