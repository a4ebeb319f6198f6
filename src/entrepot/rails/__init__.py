"""Where money moves: the Rail Protocol, and the rails that keep it. Decides nothing; knows no store and no workflow."""
