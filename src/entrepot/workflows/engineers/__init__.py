"""What integrating engineers use: webhooks, and the sandbox of a development chain."""
