-- The rows of one Parquet file, in the order of time. Bound: source, month (YYYY-MM). Reads `kept`.
SELECT * EXCLUDE (source, _content)
FROM kept
WHERE source = $source
  AND _moment >= CAST($month || '-01 00:00:00+00' AS TIMESTAMPTZ)
  AND _moment < CAST($month || '-01 00:00:00+00' AS TIMESTAMPTZ) + INTERVAL 1 MONTH
ORDER BY _moment, tenant, _key;
