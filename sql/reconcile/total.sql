-- Rows of a window [from, to), to be compared with the source's own count. Bound: source, tenant, from, to.
-- Reads `kept`.
SELECT count(*) AS total
FROM kept
WHERE source = $source
  AND tenant = $tenant
  AND _deleted_at IS NULL
  AND _moment >= $from
  AND _moment < $to;
