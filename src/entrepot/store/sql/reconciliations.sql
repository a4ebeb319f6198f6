-- name: put_run
INSERT INTO reconciliations (id, asked_by, asked_at, done_at, settlements, totals, differences, night, open_count, facts)
VALUES (%(id)s, %(asked_by)s, %(asked_at)s, %(done_at)s, %(settlements)s, %(totals)s, %(differences)s,
        nullif(%(night)s, ''), %(open_count)s, %(facts)s);

-- name: runs
SELECT * FROM reconciliations ORDER BY arrival DESC LIMIT %(limit)s;

-- name: run
SELECT * FROM reconciliations WHERE id = %(id)s;

-- name: agreed
SELECT * FROM reconciliations WHERE open_count = 0 ORDER BY arrival DESC LIMIT 1;

-- name: nights
SELECT night FROM reconciliations WHERE night IS NOT NULL ORDER BY night DESC LIMIT %(limit)s;

-- name: open_case
INSERT INTO reconciliation_cases (id, run, settlement, about, opened_at, reference, sides)
VALUES (%(id)s, %(run)s, %(settlement)s, %(about)s, %(opened_at)s, %(reference)s, %(sides)s)
ON CONFLICT (settlement, about, reference) WHERE closed_at IS NULL DO NOTHING;

-- name: close_case
UPDATE reconciliation_cases SET closed_by = %(change)s, closed_at = %(at)s WHERE id = %(id)s AND closed_at IS NULL;

-- name: cases
SELECT * FROM reconciliation_cases WHERE NOT %(is_open)s OR closed_at IS NULL ORDER BY arrival;

-- name: put_statement
INSERT INTO bank_statements (id, paper, sha256, message_id, statement_id, account, currency, first_day, last_day,
    opening_minor, closing_minor, entry_count, taken_by, taken_at)
VALUES (%(id)s, %(paper)s, %(sha256)s, %(message_id)s, %(statement_id)s, %(account)s, %(currency)s, %(first_day)s,
    %(last_day)s, %(opening_minor)s, %(closing_minor)s, %(entry_count)s, %(taken_by)s, %(taken_at)s)
ON CONFLICT ON CONSTRAINT bank_statements_once DO NOTHING;

-- What an entry's end-to-end id names is looked up once, when it arrives: a settlement's id is older than its payment.
-- name: put_entries
INSERT INTO bank_entries (statement, number, is_credit, amount_minor, currency, value_date, booked_on, end_to_end_id,
    uetr, reference, is_reversal, settlement)
SELECT %(statement)s, e.*, s.id
  FROM unnest(%(numbers)s::int[], %(credits)s::boolean[], %(amounts)s::numeric[], %(currencies)s::text[],
              %(value_dates)s::text[], %(booked)s::text[], %(ends)s::text[], %(uetrs)s::text[], %(references)s::text[],
              %(reversals)s::boolean[])
    AS e (number, is_credit, amount_minor, currency, value_date, booked_on, end_to_end_id, uetr, reference, is_reversal)
  LEFT JOIN settlements s
    ON s.id = CASE WHEN e.end_to_end_id ~ '^[0-9a-f]{32}$' THEN e.end_to_end_id::uuid END;

-- name: statements
SELECT * FROM bank_statements WHERE number > %(after)s ORDER BY number;

-- name: entries_to
SELECT e.* FROM bank_entries e JOIN bank_statements s ON s.id = e.statement
 WHERE e.settlement = ANY (%(settlements)s::uuid[]) ORDER BY s.number, e.number;

-- name: strange_entries
SELECT e.* FROM bank_statements s JOIN bank_entries e ON e.statement = s.id
 WHERE s.number > %(after)s AND e.settlement IS NULL ORDER BY s.number, e.number;

-- name: put_closed
INSERT INTO closed_periods (period, run, change, closed_at, log_size, packet, sha256)
VALUES (%(period)s, %(run)s, %(change)s, %(closed_at)s, %(log_size)s, %(packet)s, %(sha256)s);

-- name: closed_periods
SELECT * FROM closed_periods ORDER BY arrival;

-- name: class_sums
SELECT class, asset, sum(debits_posted) AS debits_posted, sum(credits_posted) AS credits_posted,
       sum(debits_pending) AS debits_pending, sum(credits_pending) AS credits_pending
  FROM ledger_accounts GROUP BY class, asset ORDER BY asset, class;
