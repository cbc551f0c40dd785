"""Whether a line tells of an error by its own words: the level that it states first, or the exception it begins with.

Pure. A line that merely mentions an error ("INFO: retried after error") states another level first.
"""

from oncall.gate.patterns import Pattern

HEAD = 120  # characters in which a line states its level
WORDS = "critical|crit|fatal|panic|alert|emerg|error|err|warn|warning|info|notice|debug|trace|log|verbose|detail|hint"
STATED = Pattern(
    r"(?i)\b(?:level|lvl|severity)[=:] ?\"?(?P<said>[a-z]+)|<(?P<priority>\d{1,3})>"
    rf"|[\[( ](?P<bracketed>{WORDS})[\])]"
    rf"|(?:^|[^\w.'\"/-])(?P<word>{WORDS})(?::|\s*\|| - )"
)
SHOUTED = Pattern(
    r"\b(?:FATAL|PANIC|CRITICAL|CRIT|ALERT|EMERG|ERROR|ERR|SEVERE|WARN|WARNING|INFO|NOTICE|DEBUG|TRACE|VERBOSE|LOG)\b"
)
ERRORS = ("fatal", "panic", "crit", "alert", "emerg", "err", "severe")
ERROR_PRIORITY = 3  # of syslog: emergency, alert, critical, error
EXCEPTION = Pattern(
    r"^(?:\S{0,60} ){0,3}?(?:Uncaught |Unhandled )?(?:[\w$]+[.\\:]{1,2}){0,8}(?:[A-Z][\w$]*)?(?:Error|Exception)"
    r"(?: \[\w+\])?(?::|\z| at )"
)
TRACE = Pattern(
    r"^(?:\s+(?:at |File \"|\.\.\. |\^|[|~+-]|~~)|\t|Caused by: |Traceback \(most recent call last\)|goroutine \d+ \["
    r"|\s{2,}\S|[})\]]+,?\z)"
)


def is_error(text: str) -> bool:
    """Whether plain text states the level error or worse, or begins with an exception's name."""
    head = text[:HEAD]
    stated, shouted = STATED.search(head), SHOUTED.search(head)
    if shouted and (not stated or shouted.start() < stated.start()):
        return shouted[0].lower().startswith(ERRORS)
    if stated:
        if number := stated["priority"]:
            return int(number) % 8 <= ERROR_PRIORITY
        return (stated["said"] or stated["bracketed"] or stated["word"] or "").lower().startswith(ERRORS)
    return EXCEPTION.search(head) is not None


def continues(text: str) -> bool:
    """Whether a line only goes on with what the one before it tells: a frame of a stack trace, an indented line."""
    return TRACE.search(text[:HEAD]) is not None
