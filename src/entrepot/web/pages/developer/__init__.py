"""For integrating engineers: keys, webhooks, the API itself, the sandbox."""
