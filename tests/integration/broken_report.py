"""A plugin for runs under test: the HTML report has a bug."""

from oncall.reporting.html import report as html


def broken(*_):
    raise ZeroDivisionError("a chart without a height")


html.section = broken
