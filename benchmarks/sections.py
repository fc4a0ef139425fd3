"""Sections of documents written by programs, between ``<!-- NAME: begin -->`` and its end."""


def markers(name: str) -> tuple[str, str]:
    """The lines around a section."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def with_section(text: str, name: str, section: str) -> str:
    """Replace the text between the markers by `section`."""
    first, last = markers(name)
    head, begin, rest = text.partition(first)
    _, end, tail = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"expected the lines {first} and {last}")
    return f"{head}{first}\n{section}\n{last}{tail}"


def section_of(text: str, name: str) -> str:
    """The text between the markers."""
    begin, end = markers(name)
    return text.partition(begin)[2].partition(end)[0].strip("\n")
