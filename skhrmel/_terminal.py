"""What may be shown in a terminal."""


def printable(text: str) -> str:
    r"""Show what cannot be printed by its code.

    Names of files may hold codes that a terminal would obey.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    shown : str
        The same with, for instance, ``\x1b`` for an escape.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
