-- One row per Parquet file of a table: source and month, with a version that changes whenever a row of it changes,
-- because every change of a row gives it a new _loaded_at. Reads `kept`. A table without a place in time has all its
-- rows in 1970-01. By days first: to tell the month of every single row costs more than all the rest.
WITH days AS (
    SELECT
        source,
        floor(epoch_us(_moment) / 86400000000) AS day,
        count(*) AS rows,
        sum(hash(tenant, _loaded_at)) AS version
    FROM kept
    GROUP BY source, day
)

SELECT
    source,
    strftime(DATE '1970-01-01' + CAST(day AS INTEGER), '%Y-%m') AS month,
    CAST(sum(rows) AS BIGINT) AS rows,
    concat(CAST(sum(rows) AS BIGINT), ':', sum(version)) AS version
FROM days
GROUP BY source, month
ORDER BY source, month;
