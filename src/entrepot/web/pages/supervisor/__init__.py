"""For supervisors: figures, caps and causes, and who looked at what."""
