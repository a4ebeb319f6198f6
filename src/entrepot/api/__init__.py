"""Doors: REST. Reads through the store, changes things only by writing the inbox; no rule stands here."""
