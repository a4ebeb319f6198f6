"""What we say to banks: ISO 20022 messages about payments that are final on a rail, and reading them back."""
