"""For operators: participants, changes by two, settings, stops, and how it runs."""
