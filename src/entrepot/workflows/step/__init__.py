"""What every step of a worker rests on: one transaction of changes, its parts, its answers, its faults and figures."""
