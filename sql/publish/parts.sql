-- One row per Parquet file of a table: source and month, with a version that changes whenever a row of it does, and the
-- last look at any of its rows. Reads all columns of `kept`: no block of the table is left unread. When a row was last
-- looked at is not in its file. A table without a place in time has all its rows in 1970-01. By days first: to tell the
-- month of every single row costs more than all the rest.
WITH days AS (
    SELECT
        source,
        floor(epoch_us(_moment) / 86400000000) AS day,
        count(*) AS rows,
        sum(hash(*COLUMNS(* EXCLUDE (_key, _moment, _parent, _content, _checked_at)))) AS version,
        max(_checked_at) AS checked_at
    FROM kept
    GROUP BY source, day
)

SELECT
    source,
    strftime(DATE '1970-01-01' + CAST(day AS INTEGER), '%Y-%m') AS month,
    CAST(sum(rows) AS BIGINT) AS rows,
    concat(CAST(sum(rows) AS BIGINT), ':', sum(version)) AS version,
    max(checked_at) AS checked_at
FROM days
GROUP BY source, month
ORDER BY source, month;
