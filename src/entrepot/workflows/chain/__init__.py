"""What the chain says, and the orders and settings that reach it with the keys of authorities and owners."""
