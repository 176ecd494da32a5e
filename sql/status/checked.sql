-- How long ago each day of a stream was read: rows and the oldest look at one of them. Bound: source, tenant,
-- before (younger days are read every run anyway). Reads `kept`.
SELECT
    date_trunc('day', _moment) AS day,
    count(*) AS rows,
    min(_checked_at) AS checked_at
FROM kept
WHERE source = $source
  AND tenant = $tenant
  AND _deleted_at IS NULL
  AND _moment < $before
GROUP BY day
ORDER BY day;
