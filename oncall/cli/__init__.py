"""`oncall`: what one asks of a suite beside running it. Thin: every answer comes from another room."""
