"""Whom we deal with: lists from their publishers' files, and explained hits of parties, banks, vessels and wallets.

Decides nothing: it delivers hits, and `core.decision` and the regime say what follows. Knows no store and no network.

- `lists.load_folder(path, *, now) -> list[LoadedList]`, `lists.invented(*, now) -> LoadedList`
- `entity.Subject`: who is screened; `entity.Entity`: who is listed (`to_json`, `from_json` for keeping it)
- `matching.Index(lists)`, built once; `matching.screen(subject, index) -> tuple[Hit, ...]`
- `evaluation.evaluate(raw_csv) -> Evaluation`
"""
