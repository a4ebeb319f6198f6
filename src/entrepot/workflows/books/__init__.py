"""Books held against chain, messages and bank; days closed; another ledger engine told."""
