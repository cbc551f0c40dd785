"""What faults are made of: helper processes, a proxy in between, and what a person puts back by hand."""
