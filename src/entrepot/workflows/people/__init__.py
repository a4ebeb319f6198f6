"""Who somebody is, and for how long."""
