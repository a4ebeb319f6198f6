"""The demo: starts everything on this machine and plays four short stories, through the REST API alone."""
