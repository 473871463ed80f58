"""What errors say."""


def told(error):
    """The text of an error, and of what caused it: NumPy puts an error of its own over that of an entry."""
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(texts)
