"""What two persons of the house or of a company decide, and whom the house admits, asks and tells."""
