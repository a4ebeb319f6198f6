"""One trade from proposal to payment or refund, with what each party and its bank is told."""
