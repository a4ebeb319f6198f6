-- name: volumes
SELECT e.at / 86400 * 86400 AS day, s.asset, count(*) AS count, sum(s.released_minor) AS amount_minor
  FROM events e JOIN settlements s ON s.id = e.settlement
 WHERE e.kind = 'released' AND e.at >= %(since)s AND e.at < %(until)s
 GROUP BY 1, 2 ORDER BY 1, 2;

-- How long each step took of what was paid in the period; per bucket and (bucket NULL) over all. `bounds` rise.
-- name: steps
WITH paid AS (
    SELECT settlement, max(at) AS paid FROM events
     WHERE kind = 'released' AND at >= %(since)s AND at < %(until)s GROUP BY settlement
), times AS (
    SELECT p.settlement, p.paid,
           min(e.at) FILTER (WHERE e.kind = 'countersigned') AS agreed,
           min(e.at) FILTER (WHERE e.kind = 'cleared') AS cleared,
           min(e.at) FILTER (WHERE e.kind = 'funded') AS funded,
           max(e.at) FILTER (WHERE e.kind = 'presented') AS presented
      FROM paid p JOIN events e ON e.settlement = p.settlement
     WHERE e.kind IN ('countersigned', 'cleared', 'funded', 'presented')
     GROUP BY p.settlement, p.paid
), spans AS (
    SELECT v.step, v.seconds, width_bucket(v.seconds::bigint, %(bounds)s::bigint[]) AS bucket
      FROM times CROSS JOIN LATERAL (VALUES
           ('cleared', cleared - agreed), ('funded', funded - cleared), ('presented', presented - funded),
           ('paid', paid - presented), ('all', paid - agreed)) v (step, seconds)
     WHERE v.seconds IS NOT NULL
)
SELECT step, bucket, count(*) AS count,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds) AS median_s,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY seconds) AS p90_s
  FROM spans GROUP BY GROUPING SETS ((step), (step, bucket)) ORDER BY step, bucket NULLS FIRST;

-- Cost all in when it was agreed, in tenths of a basis point of the price: the fee, and the money tied up at a yearly
-- rate until the last day for presentation. Per day and (day NULL) over all.
-- name: costs
WITH agreed AS (
    SELECT settlement, min(at) AS at FROM events
     WHERE kind = 'countersigned' AND at >= %(since)s AND at < %(until)s GROUP BY settlement
), parts AS (
    SELECT a.at / 86400 * 86400 AS day, s.price_minor AS price, s.fee_minor AS fee,
           greatest(0, ceil(((s.rest->'dates'->>'present_by')::numeric - s.created_at) / 86400)) AS days
      FROM agreed a JOIN settlements s ON s.id = a.settlement
     WHERE s.price_minor > 0 AND s.rest->'dates' ? 'present_by'
), figures AS (
    SELECT day, div((fee + div((price + fee) * %(percent)s * days, 36500)) * 200000 + price, price * 2) AS tenths
      FROM parts
)
SELECT day, count(*) AS count,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY tenths) AS median,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY tenths) AS p90
  FROM figures GROUP BY GROUPING SETS ((day), ()) ORDER BY day NULLS FIRST;

-- name: outcomes
SELECT state, count(*) AS count FROM settlements
 WHERE created_at >= %(since)s AND created_at < %(until)s GROUP BY state ORDER BY state;

-- name: open_states
-- A review, a freeze or a block is counted as the state that was left for it, the last one that is shown.
SELECT shown AS state, count(*) AS count
  FROM settlements,
       LATERAL (SELECT CASE WHEN state <> ALL (%(hidden)s) THEN state ELSE coalesce(
                   (SELECT left_for ->> 0
                      FROM jsonb_array_elements(rest -> 'suspended') WITH ORDINALITY AS left_states (left_for, place)
                     WHERE left_for ->> 0 <> ALL (%(hidden)s) ORDER BY place DESC LIMIT 1), state) END AS shown) AS seen
 WHERE due_at IS NOT NULL GROUP BY shown ORDER BY shown;

-- name: archive
-- A segment's name ends in its place in the log, as two numbers of 32 bits; a time line's history file has none.
SELECT extract(epoch FROM clock_timestamp() - coalesce(last_archived_time, stats_reset))::bigint AS age_s,
       coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS is_failing,
       CASE WHEN last_archived_wal ~ '^[0-9A-F]{24}' THEN greatest(0, pg_current_wal_lsn() - '0/0'::pg_lsn
            - ('x' || substring(last_archived_wal FROM 9 FOR 8))::bit(32)::bigint * 4294967296
            - (('x' || substring(last_archived_wal FROM 17 FOR 8))::bit(32)::bigint + 1)
              * pg_size_bytes(current_setting('wal_segment_size')))::bigint END AS waiting_bytes
  FROM pg_stat_archiver WHERE current_setting('archive_mode') <> 'off';

-- name: held
-- What holds money has a dated next act: the index of those is small.
SELECT asset, count(*) AS count, sum(held_minor) AS held_minor FROM settlements
 WHERE due_at IS NOT NULL AND held_minor > 0 GROUP BY asset ORDER BY asset COLLATE "C";

-- name: headroom
SELECT participant, count(*) AS count, sum(amount_minor) AS used_minor, min(at) AS oldest_at,
       (array_agg(amount_minor ORDER BY at, settlement))[1] AS oldest_minor
  FROM reservations WHERE freed_at IS NULL AND at >= %(since)s
 GROUP BY participant ORDER BY used_minor DESC, participant LIMIT %(limit)s;

-- name: reserved_by_day
SELECT at / 86400 * 86400 AS day,
       coalesce(sum(amount_minor) FILTER (WHERE freed_at IS NULL), 0) AS kept_minor,
       coalesce(sum(amount_minor) FILTER (WHERE freed_at IS NOT NULL), 0) AS freed_minor
  FROM reservations WHERE at >= %(since)s AND at < %(until)s GROUP BY 1 ORDER BY 1;

-- name: checkpoints
SELECT size, note, at FROM checkpoints WHERE size < %(before)s ORDER BY size DESC LIMIT %(limit)s;

-- name: decisions
SELECT * FROM papers WHERE kind LIKE 'decision\_%%' AND arrival < %(before)s ORDER BY arrival DESC LIMIT %(limit)s;

-- name: put_disclosure
INSERT INTO disclosures (id, at, person, role, participant, what, about, settlement, whose, purpose, is_confidential)
VALUES (%(id)s, %(at)s, %(person)s, %(role)s, %(participant)s, %(what)s, %(about)s, %(settlement)s, %(whose)s,
    %(purpose)s, %(is_confidential)s)
ON CONFLICT (id) DO NOTHING;

-- name: disclosures
SELECT * FROM disclosures WHERE arrival < %(before)s ORDER BY arrival DESC LIMIT %(limit)s;
