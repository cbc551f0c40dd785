"""What is printed while looks run: never more than anybody can read, never what the terminal would obey."""

import pytest

from oncall.diagnosis.cause import Cause, Diagnosis
from oncall.reporting.terminal.live import Live, words
from tests.reporting.runs import ATTACK

LOOKS = ["the page that people open", "certificates", "one SELECT 1", "the health check", "the login"]


class Screen:
    """A stream and a clock, both moved by hand."""

    def __init__(self, width=None, encoding="utf-8"):
        self.now, self.text = 100.0, ""
        self.live = Live(self.write, width, 10.0, encoding, clock=lambda: self.now)

    def write(self, text):
        self.text += text

    def at(self, seconds, *looks):
        """Wait at this second of the run, asked ten times a second as the loop does."""
        while self.now < 100.0 + seconds - 1e-9:
            self.now += 0.1
            self.live.waiting(looks)
        return self.text


def found(component="postgres", symptom="nothing listens", confidence="confirmed"):
    return Cause(component=component, severity="p1", symptom=symptom, confidence=confidence, because="")


def test_a_cause_is_told_once_and_at_once():
    """Each comes when it first appears; a further one below; what is told already stays told."""
    screen = Screen()
    screen.live.causes(Diagnosis(causes=(found(),)))
    screen.live.causes(Diagnosis(causes=(found(), found("frontend", "answers 502"))))

    assert screen.text == "so far: P1 postgres: nothing listens\nso far: P1 frontend: answers 502\n"


def test_a_cause_of_which_more_is_known_is_told_again():
    """The accuser's words first, then what the component itself shows."""
    screen = Screen()
    screen.live.causes(Diagnosis(causes=(found(),)))
    screen.live.causes(Diagnosis(causes=(found(symptom="its container has ended"),)))

    assert screen.text.splitlines()[1] == "so far: P1 postgres: its container has ended"


def test_a_doubtful_cause_is_given_half_a_second_to_be_explained():
    """An accusation comes before the look at the accused; nobody should run to the wrong place for it."""
    screen = Screen()
    doubtful = Diagnosis(causes=(found(confidence="likely"),))
    screen.live.causes(doubtful)
    screen.now += 0.4
    screen.live.causes(doubtful)
    before = screen.text
    screen.now += 0.2
    screen.live.causes(doubtful)

    assert before == ""
    assert screen.text == "so far: P1 postgres (likely): nothing listens\n"


def test_nothing_is_said_while_everything_is_fast():
    """Two seconds are no time to wonder."""
    assert Screen().at(1.9, *LOOKS) == ""
    assert Screen(80).at(1.9, *LOOKS) == ""


def test_without_a_terminal_there_is_one_line_in_two_seconds():
    """A log is not to be filled with waiting."""
    assert Screen().at(7.9, *LOOKS[:2]).splitlines() == [
        f"waiting for the page that people open, certificates ({second} of 10 s)" for second in (2, 4, 6)
    ]


def test_on_a_terminal_one_line_is_rewritten_at_most_twice_a_second():
    """And it is taken away before anything else is written."""
    screen = Screen(80)
    screen.at(5, *LOOKS[:1])
    rewritten = screen.text.count("waiting")
    screen.live.causes(Diagnosis(causes=(found(),)))
    *_, blank, cause = screen.text.rsplit("\r", 2)

    assert 4 <= rewritten <= 7
    assert "\n" not in screen.text.partition("so far")[0]
    assert not blank.strip()
    assert len(blank) >= len("waiting for the page that people open (5 of 10 s)")
    assert cause == "so far: P1 postgres: nothing listens\n"


def test_more_looks_than_anybody_reads_are_counted():
    """Three names, and how many more."""
    line = Screen().at(2.1, *LOOKS)

    assert line == "waiting for the page that people open, certificates, one SELECT 1 and 2 more (2 of 10 s)\n"


@pytest.mark.parametrize("width", [40, 80])
def test_the_waiting_fits_in_one_row(width):
    """What is folded cannot be written over; the time is never what is cut."""
    line = Screen(width).at(2.1, *LOOKS)

    assert len(line) < width
    assert line.endswith("… (2 of 10 s)")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", [None, 80])
def test_foreign_text_cannot_steer_the_terminal(width, encoding):
    """A symptom may hold what a log held, and a look's name what the target file holds."""
    screen = Screen(width, encoding)
    screen.live.causes(Diagnosis(causes=(found(ATTACK, ATTACK),)))
    text = screen.at(2.1, ATTACK).replace("\r", "")

    assert all(line.isprintable() for line in text.split("\n"))
    assert text.encode(encoding)


@pytest.mark.parametrize(
    ("look", "told"),
    [
        (("frontend_page", "", "The page that people open."), "the page that people open"),
        (("jwt_library", "", "PyJWT; the only place that imports it."), "PyJWT"),
        (("response_times", "suites", "The response times."), "the response times (suites)"),
        (("database_attempt", "", "The one connection to the database, or why."), "the one connection to the database"),
        (("certificates", "", "Every certificate that the addresses of the stack show to anybody."), "certificates"),
        (("page_assets", "", None), "page assets"),
    ],
    ids=lambda each: each if isinstance(each, str) else each[0],
)
def test_a_look_is_called_by_words_that_people_know(look, told):
    """Its docstring's beginning, or its name where that is long."""
    assert words(*look) == told
