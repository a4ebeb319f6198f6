"""Law as code. Pure: every rule is data, a small function and a citation, in force from a date."""
