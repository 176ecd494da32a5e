-- How many rows of a stream are loaded and present. Bound: source, tenant. Reads `kept`.
SELECT count(*) AS rows
FROM kept
WHERE source = $source AND tenant = $tenant AND _deleted_at IS NULL;
