"""Remembers: PostgreSQL and its in-memory twin behind one Protocol (store.py), passed by one conformance suite."""
