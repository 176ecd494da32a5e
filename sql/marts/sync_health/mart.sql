-- The state of every stream that has run: its last run, its rows and its newest proof.
-- A new stream adds its table to `loaded_rows`.
CREATE OR REPLACE TABLE marts.sync_health AS
WITH ranked_runs AS (
    SELECT
        source,
        stream,
        run_id,
        outcome,
        requests,
        finished_at,
        max(CASE WHEN outcome = 'ok' THEN finished_at END) OVER (PARTITION BY source, stream) AS last_ok_at,
        row_number() OVER (PARTITION BY source, stream ORDER BY finished_at DESC, run_id DESC) AS nth
    FROM meta.stream_runs
),

-- A contact comes with its evaluation and is counted with no stream. Each table is counted by itself: to give every
-- row the name of its stream costs more than to count it.
loaded_rows AS (
    SELECT source, 'evaluations' AS stream, count(*) AS rows_held, count(_deleted_at) AS rows_deleted
    FROM core.evaluations GROUP BY source
    UNION ALL
    SELECT source, 'calls' AS stream, count(*) AS rows_held, count(_deleted_at) AS rows_deleted
    FROM core.calls GROUP BY source
    UNION ALL
    SELECT source, 'departments' AS stream, count(*) AS rows_held, count(_deleted_at) AS rows_deleted
    FROM core.departments GROUP BY source
    UNION ALL
    SELECT source, 'users' AS stream, count(*) AS rows_held, count(_deleted_at) AS rows_deleted
    FROM core.voki_users GROUP BY source
    UNION ALL
    SELECT source, 'quality_evaluations' AS stream, count(*) AS rows_held, count(_deleted_at) AS rows_deleted
    FROM core.quality_evaluations GROUP BY source
    UNION ALL
    SELECT source, 'agents' AS stream, count(*) AS rows_held, count(_deleted_at) AS rows_deleted
    FROM core.agents GROUP BY source
    UNION ALL
    SELECT source, 'groups' AS stream, count(*) AS rows_held, count(_deleted_at) AS rows_deleted
    FROM core.groups GROUP BY source
    UNION ALL
    SELECT source, 'roles' AS stream, count(*) AS rows_held, count(_deleted_at) AS rows_deleted
    FROM core.roles GROUP BY source
    UNION ALL
    SELECT source, 'conversations' AS stream, count(*) AS rows_held, count(_deleted_at) AS rows_deleted
    FROM core.conversations GROUP BY source
),

letters AS (
    SELECT source, stream, count(*) AS dead_letters
    FROM meta.dead_letters
    GROUP BY source, stream
),

-- A window that was compared again counts as it was found last.
window_proofs AS (
    SELECT
        source,
        stream,
        run_id,
        state,
        source_total,
        loaded_total,
        checked_at,
        "to" AS upper_bound,
        max(checked_at) OVER (PARTITION BY source, stream, run_id) AS run_checked_at,
        row_number() OVER (
            PARTITION BY source, stream, run_id, "from", "to" ORDER BY checked_at DESC, state DESC
        ) AS nth_of_window
    FROM meta.proofs
),

-- Of the newest run with proofs, its worst window: a run is as proven as its least proven window.
ranked_proofs AS (
    SELECT
        source,
        stream,
        state,
        source_total,
        loaded_total,
        checked_at,
        row_number() OVER (
            PARTITION BY source, stream
            ORDER BY
                run_checked_at DESC,
                run_id DESC,
                CASE state WHEN 'proven' THEN 2 WHEN 'not_comparable' THEN 1 ELSE 0 END,
                checked_at DESC,
                upper_bound DESC
        ) AS nth
    FROM window_proofs
    WHERE nth_of_window = 1
)

SELECT
    r.source,
    r.stream,
    w.watermark,
    r.run_id AS last_run_id,
    r.outcome AS last_outcome,
    r.finished_at AS last_finished_at,
    r.last_ok_at,
    r.requests AS last_requests,
    coalesce(l.rows_held - l.rows_deleted, 0) AS rows_present,
    coalesce(l.rows_deleted, 0) AS rows_deleted,
    coalesce(d.dead_letters, 0) AS dead_letters,
    p.state AS proof_state,
    p.source_total AS proof_source_total,
    p.loaded_total AS proof_loaded_total,
    p.checked_at AS proof_checked_at
FROM ranked_runs AS r
LEFT JOIN meta.watermarks AS w ON w.source = r.source AND w.stream = r.stream
LEFT JOIN loaded_rows AS l ON l.source = r.source AND l.stream = r.stream
LEFT JOIN letters AS d ON d.source = r.source AND d.stream = r.stream
LEFT JOIN ranked_proofs AS p ON p.source = r.source AND p.stream = r.stream AND p.nth = 1
WHERE r.nth = 1;
