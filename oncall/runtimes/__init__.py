"""How components run and who can be asked about it; no probe above knows an engine."""
