-- How long ago each hour of a stream was read: rows and the oldest look at one of them. Bound: source, tenant,
-- before (younger hours are read every run anyway). Reads `kept`.
SELECT
    date_trunc('hour', _moment) AS hour,
    count(*) AS rows,
    min(_checked_at) AS checked_at
FROM kept
WHERE source = $source
  AND tenant = $tenant
  AND _deleted_at IS NULL
  AND _moment < $before
GROUP BY hour
ORDER BY hour;
