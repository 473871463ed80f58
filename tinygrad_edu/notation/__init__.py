"""How mathematics is written: in Python, in Unicode, in LaTeX."""
