-- Present rows in the range that the tiles span: what a deletion is measured against.
-- Bound: source, tenant. Reads `tiles`.
SELECT count(*)
FROM core.evaluations AS old
WHERE old.source = $source
  AND old.tenant = $tenant
  AND old._deleted_at IS NULL
  AND old.created_at >= (SELECT min(tiles."from") FROM tiles)
  AND old.created_at < (SELECT max(tiles."to") FROM tiles);
