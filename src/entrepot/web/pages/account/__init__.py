"""Who you are here, and how you come in."""
