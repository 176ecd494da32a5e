-- The rows of one Parquet file, in the order of time. Bound: source, month (YYYY-MM).
SELECT * EXCLUDE (source)
FROM core.evaluations
WHERE source = $source
  AND created_at >= CAST($month || '-01 00:00:00+00' AS TIMESTAMPTZ)
  AND created_at < CAST($month || '-01 00:00:00+00' AS TIMESTAMPTZ) + INTERVAL 1 MONTH
ORDER BY created_at, tenant, evaluation_id;
