"""Names that only others call: vulture reads this file as if it used them.

The parameters of Protocols have no body that uses them; frameworks call exception handlers and routes by decoration.
"""
# ruff: noqa: B018, F821
# mypy: ignore-errors

# Parameters of Protocol methods (store/store.py, core/ledger.py, rails/rail.py)
accounts
at_least
but_not
cap_minor
confirmed
item_id
lease_s
nonce_min
paper_id
secret_sha256
sender
settlement_ids
with_entities

# Parameters of http.client's own methods that ours overrides (messages/webhooks.py)
skip_accept_encoding
skip_host
