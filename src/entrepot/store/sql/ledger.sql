-- name: open
SELECT ledger_open(%(ids)s, %(classes)s, %(owners)s, %(assets)s);

-- name: post
SELECT ledger_post(%(ids)s, %(debits)s, %(credits)s, %(amounts)s, %(kinds)s, %(pendings)s, %(events)s, %(ats)s,
                   %(settlements)s) AS answers;

-- name: turn_page
SELECT ledger_turn_page(%(bytes_max)s) AS turned;

-- name: intend
INSERT INTO ledger_intents (transfer) SELECT * FROM unnest(%(ids)s) ON CONFLICT (transfer) DO NOTHING;

-- name: catch_up
INSERT INTO ledger_intents (transfer)
SELECT t.id FROM ledger_transfers t LEFT JOIN ledger_intents i ON i.transfer = t.id
 WHERE i.no IS NULL ORDER BY t.at, t.id ON CONFLICT (transfer) DO NOTHING;

-- name: open_intents
SELECT i.no, t.*, d.class AS debit_class, d.owner AS debit_owner, c.class AS credit_class, c.owner AS credit_owner, d.asset
  FROM ledger_intents i JOIN ledger_transfers t ON t.id = i.transfer
  JOIN ledger_accounts d ON d.id = t.debit JOIN ledger_accounts c ON c.id = t.credit
 WHERE i.answer IS NULL ORDER BY i.no LIMIT %(limit)s;

-- name: confirm
UPDATE ledger_intents i SET answer = told.answer, answered_at = %(at)s
  FROM unnest(%(numbers)s, %(answers)s) AS told (no, answer) WHERE i.no = told.no AND i.answer IS NULL;

-- name: balances
SELECT id, debits_posted, credits_posted, debits_pending, credits_pending
  FROM ledger_accounts WHERE id = ANY (%(ids)s::uuid[]);

-- The newest entry in order that is not later than the time asked for, and what was added late after it.
-- name: balances_at
SELECT a.id,
       coalesce(e.debits_posted, 0) + late.debits_posted AS debits_posted,
       coalesce(e.credits_posted, 0) + late.credits_posted AS credits_posted,
       coalesce(e.debits_pending, 0) + late.debits_pending AS debits_pending,
       coalesce(e.credits_pending, 0) + late.credits_pending AS credits_pending
  FROM ledger_accounts a
  LEFT JOIN LATERAL (
       SELECT * FROM ledger_entries
        WHERE account = a.no AND NOT is_late AND at <= %(at)s ORDER BY at DESC, seq DESC LIMIT 1) AS e ON true
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(added[1]), 0) AS debits_posted, coalesce(sum(added[2]), 0) AS credits_posted,
              coalesce(sum(added[3]), 0) AS debits_pending, coalesce(sum(added[4]), 0) AS credits_pending
         FROM ledger_entries
        WHERE account = a.no AND is_late AND seq > coalesce(e.seq, 0) AND at <= %(at)s) AS late
 WHERE a.id = ANY (%(ids)s::uuid[]);

-- name: history
SELECT e.seq, e.at, e.debits_posted, e.credits_posted, e.debits_pending, e.credits_pending
  FROM ledger_accounts a JOIN ledger_entries e ON e.account = a.no
 WHERE a.id = %(account)s::uuid AND (e.at, e.seq) > (%(at)s, %(seq)s) ORDER BY e.at, e.seq LIMIT %(limit)s;

-- name: transfers_of
SELECT * FROM ledger_transfers WHERE settlement = %(settlement)s::uuid ORDER BY id;

-- name: accounts
SELECT id, class, owner, asset FROM ledger_accounts
 WHERE (%(owner)s::text = '' OR owner = %(owner)s::text) AND (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
 ORDER BY id LIMIT %(limit)s;

-- Recomputes the books from the transfers alone; every row is a difference, so a sound ledger gives none.
-- name: check
WITH legs AS (
       SELECT side.account, side.is_debit, t.id, t.at,
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
         FROM legs GROUP BY account),
     moved AS (
       SELECT a.no AS account, legs.at,
              coalesce(sum(moved) FILTER (WHERE is_debit), 0) AS debits_posted,
              coalesce(sum(moved) FILTER (WHERE NOT is_debit), 0) AS credits_posted,
              coalesce(sum(held) FILTER (WHERE is_debit), 0) AS debits_pending,
              coalesce(sum(held) FILTER (WHERE NOT is_debit), 0) AS credits_pending
         FROM legs JOIN ledger_accounts a ON a.id = legs.account GROUP BY a.no, legs.at),
     told AS (
       SELECT account, at, sum(debits_posted) AS debits_posted, sum(credits_posted) AS credits_posted,
              sum(debits_pending) AS debits_pending, sum(credits_pending) AS credits_pending
         FROM (SELECT account, at, debits_posted - lag(debits_posted, 1, 0) OVER w AS debits_posted,
                      credits_posted - lag(credits_posted, 1, 0) OVER w AS credits_posted,
                      debits_pending - lag(debits_pending, 1, 0) OVER w AS debits_pending,
                      credits_pending - lag(credits_pending, 1, 0) OVER w AS credits_pending
                 FROM ledger_entries WINDOW w AS (PARTITION BY account ORDER BY seq)) AS step
        GROUP BY account, at)
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
SELECT 'the other engine refuses', i.transfer::text, 'posted', i.answer
  FROM ledger_intents i WHERE i.answer NOT IN ('posted', 'exists')
UNION ALL
SELECT 'history', coalesce(m.account, e.account)::text || ' at ' || coalesce(m.at, e.at),
       format('%%s %%s %%s %%s', e.debits_posted, e.credits_posted, e.debits_pending, e.credits_pending),
       format('%%s %%s %%s %%s', m.debits_posted, m.credits_posted, m.debits_pending, m.credits_pending)
  FROM moved m FULL JOIN told e ON e.account = m.account AND e.at = m.at
 WHERE (m.debits_posted, m.credits_posted, m.debits_pending, m.credits_pending)
       IS DISTINCT FROM (e.debits_posted, e.credits_posted, e.debits_pending, e.credits_pending)
UNION ALL
SELECT 'history has gaps', a.id::text, a.entries::text, count(e.seq)::text
  FROM ledger_accounts a LEFT JOIN ledger_entries e ON e.account = a.no
 GROUP BY a.id HAVING count(e.seq) <> a.entries OR coalesce(max(e.seq), 0) <> a.entries
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
