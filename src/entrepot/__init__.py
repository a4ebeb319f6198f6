"""Entrepot settles cross-border trade with digital assets: no payment without proof."""
