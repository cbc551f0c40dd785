"""The report that pytest-html writes, and what stands in it."""
