"""A picture as text: for a terminal, for Mermaid, for LaTeX."""
