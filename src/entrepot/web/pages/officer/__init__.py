"""For who is asked: officers, examiner, arbiters."""
