"""One settlement: what is true, what may be done, its pictures, papers and proof."""
