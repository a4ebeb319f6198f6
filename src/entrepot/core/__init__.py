"""Decides. Pure: no network, database, clock or chance; what it needs comes in as arguments."""
