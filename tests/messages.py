"""What errors say."""


def told(error):
    """The text of an error, and of what caused it: over that of an entry NumPy puts its own."""
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(texts)
