-- How long ago each hour of a stream was read, and each minute of an hour with more rows than `dense`: rows, and the
-- oldest look at one of them. Bound: source, tenant, dense, before (younger rows are read every run anyway).
-- Reads `kept`.
WITH minutes AS (
    SELECT
        date_trunc('minute', _moment) AS minute,
        count(*) AS rows,
        min(_checked_at) AS checked_at
    FROM kept
    WHERE source = $source
      AND tenant = $tenant
      AND _deleted_at IS NULL
      AND _moment < $before
    GROUP BY minute
),

weighed AS (
    SELECT *, sum(rows) OVER (PARTITION BY date_trunc('hour', minute)) > $dense AS is_dense
    FROM minutes
)

SELECT
    CASE WHEN is_dense THEN minute ELSE date_trunc('hour', minute) END AS begins,
    is_dense,
    CAST(sum(rows) AS BIGINT) AS rows,
    min(checked_at) AS checked_at
FROM weighed
GROUP BY begins, is_dense
ORDER BY begins;
