"""The page in the machine's own Chromium."""
