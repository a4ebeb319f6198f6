"""Who signs: one key per purpose."""
