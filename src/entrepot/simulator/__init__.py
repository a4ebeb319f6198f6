"""A simulated world around the real workflows: seeded, with faults, checked at each step, shrunk when it fails."""
