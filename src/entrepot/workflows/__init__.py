"""The story: the only place where order is written, what happens after what. Sees Protocols only."""
