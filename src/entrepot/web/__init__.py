"""Pages for five roles. They know the REST API and nothing behind it: no page can do what the API cannot."""
