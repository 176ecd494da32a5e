-- Keys that should be in an answer that proves its range, and are not: gone at the source.
-- Bound: source, tenant, oldest (rows before it are the source's own retention). Reads `tiles`, `present`.
CREATE OR REPLACE TEMP TABLE gone AS
SELECT old.evaluation_id AS key
FROM core.evaluations AS old
WHERE old.source = $source
  AND old.tenant = $tenant
  AND old._deleted_at IS NULL
  AND old.created_at >= $oldest
  AND old.created_at >= (SELECT min(tiles."from") FROM tiles)
  AND old.created_at < (SELECT max(tiles."to") FROM tiles)
  AND EXISTS (
      SELECT 1 FROM tiles
      WHERE old.created_at >= tiles."from" AND old.created_at < tiles."to"
        AND old._observed_at <= tiles.observed_at
  )
  AND NOT EXISTS (SELECT 1 FROM present WHERE present.key = old.evaluation_id);
