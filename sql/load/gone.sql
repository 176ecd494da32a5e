-- Keys that should be in an answer that proves its range, and are not: gone at the source.
-- Bound: source, tenant, oldest (rows before it are the source's own retention).
-- Reads `tiles`, `present`, `kept`.
CREATE OR REPLACE TEMP TABLE gone AS
SELECT old._key AS key, old._moment AS moment
FROM kept AS old
WHERE old.source = $source
  AND old.tenant = $tenant
  AND old._deleted_at IS NULL
  AND old._moment >= $oldest
  AND old._moment >= (SELECT min(tiles."from") FROM tiles)
  AND old._moment < (SELECT max(tiles."to") FROM tiles)
  AND EXISTS (
      SELECT 1 FROM tiles
      WHERE old._moment >= tiles."from" AND old._moment < tiles."to"
        AND old._checked_at <= tiles.observed_at
  )
  AND NOT EXISTS (SELECT 1 FROM present WHERE present.key = old._key);
