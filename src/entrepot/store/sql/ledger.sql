-- name: open
SELECT ledger_open(%(ids)s::uuid[], %(classes)s::text[], %(owners)s::text[], %(assets)s::text[]);

-- name: post
SELECT ledger_post(%(ids)s::uuid[], %(debits)s::uuid[], %(credits)s::uuid[], %(amounts)s::numeric[], %(phases)s::text[],
                   %(pendings)s::uuid[], %(events)s::text[], %(ats)s::bigint[], %(settlements)s::uuid[]) AS answers;

-- name: balances
SELECT id, debits_posted, credits_posted, debits_pending, credits_pending
  FROM ledger_accounts WHERE id = ANY (%(ids)s::uuid[]);

-- What stands now, less what came later than the time asked for.
-- name: balances_at
SELECT a.id,
       a.debits_posted - later.debits_posted AS debits_posted,
       a.credits_posted - later.credits_posted AS credits_posted,
       a.debits_pending - later.debits_pending AS debits_pending,
       a.credits_pending - later.credits_pending AS credits_pending
  FROM ledger_accounts a
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(moved) FILTER (WHERE is_debit), 0) AS debits_posted,
              coalesce(sum(moved) FILTER (WHERE NOT is_debit), 0) AS credits_posted,
              coalesce(sum(held) FILTER (WHERE is_debit), 0) AS debits_pending,
              coalesce(sum(held) FILTER (WHERE NOT is_debit), 0) AS credits_pending
         FROM (SELECT leg.is_debit,
                      CASE WHEN leg.phase IN ('posted', 'post') THEN leg.amount_minor ELSE 0 END AS moved,
                      CASE leg.phase WHEN 'posted' THEN 0 WHEN 'pending' THEN leg.amount_minor
                                     ELSE -leg.amount_minor END AS held
                 FROM (SELECT true AS is_debit, phase, amount_minor FROM ledger_transfers
                        WHERE debit = a.id AND at > %(at)s
                       UNION ALL
                       SELECT false, phase, amount_minor FROM ledger_transfers
                        WHERE credit = a.id AND at > %(at)s) AS leg) AS amounts) AS later
 WHERE a.id = ANY (%(ids)s::uuid[]);

-- name: transfers_of
SELECT * FROM ledger_transfers WHERE settlement = %(settlement)s::uuid ORDER BY id;

-- name: accounts
SELECT id, class, owner, asset FROM ledger_accounts
 WHERE (%(owner)s::text = '' OR owner = %(owner)s::text) AND (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
 ORDER BY id LIMIT %(limit)s;

-- Recomputes the books from the transfers alone; every row is a difference, so a sound ledger gives none.
-- name: check
WITH legs AS (
       SELECT side.account, side.is_debit, t.id,
              CASE WHEN t.phase IN ('posted', 'post') THEN t.amount_minor ELSE 0 END AS moved,
              CASE t.phase WHEN 'posted' THEN 0 WHEN 'pending' THEN t.amount_minor ELSE -t.amount_minor END AS held
         FROM ledger_transfers t
        CROSS JOIN LATERAL (VALUES (t.debit, true), (t.credit, false)) AS side (account, is_debit)),
     computed AS (
       SELECT account,
              coalesce(sum(moved) FILTER (WHERE is_debit), 0) AS debits_posted,
              coalesce(sum(moved) FILTER (WHERE NOT is_debit), 0) AS credits_posted,
              coalesce(sum(held) FILTER (WHERE is_debit), 0) AS debits_pending,
              coalesce(sum(held) FILTER (WHERE NOT is_debit), 0) AS credits_pending
         FROM legs GROUP BY account)
SELECT 'totals' AS about, coalesce(a.id, c.account)::text AS subject,
       format('%%s %%s %%s %%s', a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending) AS kept,
       format('%%s %%s %%s %%s', coalesce(c.debits_posted, 0), coalesce(c.credits_posted, 0),
              coalesce(c.debits_pending, 0), coalesce(c.credits_pending, 0)) AS computed
  FROM ledger_accounts a FULL JOIN computed c ON c.account = a.id
 WHERE a.id IS NULL
    OR (a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending)
       <> (coalesce(c.debits_posted, 0), coalesce(c.credits_posted, 0), coalesce(c.debits_pending, 0),
           coalesce(c.credits_pending, 0))
UNION ALL
SELECT 'asset does not add up to zero', asset,
       format('%%s %%s', sum(credits_posted - debits_posted), sum(credits_pending - debits_pending)), '0 0'
  FROM ledger_accounts GROUP BY asset
HAVING sum(credits_posted - debits_posted) <> 0 OR sum(credits_pending - debits_pending) <> 0
UNION ALL
SELECT 'limited account below zero', id::text, (credits_posted - debits_posted - debits_pending)::text, '0'
  FROM ledger_accounts WHERE class <> 'outside' AND credits_posted - debits_posted - debits_pending < 0
UNION ALL
SELECT 'two assets in one transfer', t.id::text, d.asset, c.asset
  FROM ledger_transfers t JOIN ledger_accounts d ON d.id = t.debit JOIN ledger_accounts c ON c.id = t.credit
 WHERE d.asset <> c.asset
UNION ALL
SELECT 'end of a hold differs from the hold', e.id::text, format('%%s %%s %%s', e.debit, e.credit, e.amount_minor),
       format('%%s %%s %%s', h.debit, h.credit, h.amount_minor)
  FROM ledger_transfers e LEFT JOIN ledger_transfers h ON h.id = e.pending_id AND h.phase = 'pending'
 WHERE e.pending_id IS NOT NULL
   AND (h.id IS NULL OR (e.debit, e.credit, e.amount_minor) <> (h.debit, h.credit, h.amount_minor))
 LIMIT %(limit)s;
