"""The pages, by who uses them; each reads and acts through the visitor's door to the API only."""
