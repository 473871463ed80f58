"""Programs written out: the text to read, the text that runs, and JAX's."""
