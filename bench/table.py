"""Timings as a table: seconds for the eye, ratios for the comparison with another machine."""


def rows(timings, unit):
    """One line a candidate; `unit` is the name of the one that counts as 1."""
    width = max(map(len, timings))
    yield f"{'':{width}}     median        min   x {unit}"
    for name, timing in timings.items():
        ratio = timing.median / timings[unit].median
        over = ">" if timing.cut else " "
        used = f"   cpu {sum(timing.cpu) / len(timing.cpu):5.2f} s, {timing.peak:4.0f} MB" if timing.cpu else ""
        yield f"{name:{width}} {over} {timing.median:6.2f} s   {timing.least:6.2f} s   {over}{ratio:5.2f}{used}"


def bar(what, value, limit, because, unit=" s"):
    """A promise and whether it is kept, in words."""
    verdict = "met" if value <= limit else f"FALLS SHORT by {value - limit:.2f}{unit}"
    return f"{what}: {value:.2f}{unit}, at most {limit:.2f}{unit} ({because}): {verdict}"


def count(what, value, limit):
    """The same for what is counted."""
    return f"{what}: {value:.0f}, at most {limit:.0f}: {'met' if value <= limit else 'FALLS SHORT'}"
