"""How fast the parts are on this machine, beside the physical limits of the same run. Nothing here is a promise."""
