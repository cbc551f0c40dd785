"""Verdicts in, causes out. Pure."""
