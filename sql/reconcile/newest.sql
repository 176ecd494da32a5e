-- The place of the newest row in a window [from, to). Bound: source, tenant, from, to. Reads `kept`.
SELECT max(_moment)
FROM kept
WHERE source = $source
  AND tenant = $tenant
  AND _deleted_at IS NULL
  AND _moment >= $from
  AND _moment < $to;
