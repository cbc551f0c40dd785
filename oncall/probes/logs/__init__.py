"""Containers' logs: error lines, known signatures, and which lines our own requests have caused."""
