"""A graph as data: its view, its formulas, and its way from and to text and SymPy."""
