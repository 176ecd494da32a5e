-- Present rows in the range that the tiles span: what a deletion is measured against.
-- Bound: source, tenant. Reads `tiles` and `kept`.
SELECT count(*)
FROM kept AS old
WHERE old.source = $source
  AND old.tenant = $tenant
  AND old._deleted_at IS NULL
  AND old._moment >= (SELECT min(tiles."from") FROM tiles)
  AND old._moment < (SELECT max(tiles."to") FROM tiles);
