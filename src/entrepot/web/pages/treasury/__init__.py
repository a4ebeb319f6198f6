"""For treasurers: what needs them, their settlements, a new one, their company, its journal."""
