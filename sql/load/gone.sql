-- Keys that should be in an answer that proves its range, and are not: gone at the source.
-- Bound: source, tenant, oldest (rows before it are the source's own retention).
-- Reads `tiles`, `present`, `kept`. The tiles are asked about the missing rows alone, which are few or none.
CREATE OR REPLACE TEMP TABLE gone AS
WITH missing AS MATERIALIZED (
    SELECT old._key AS key, old._moment AS moment, old._checked_at AS checked_at
    FROM kept AS old
    WHERE old.source = $source
      AND old.tenant = $tenant
      AND old._deleted_at IS NULL
      AND old._moment >= $oldest
      AND old._moment >= (SELECT min(tiles."from") FROM tiles)
      AND old._moment < (SELECT max(tiles."to") FROM tiles)
      AND NOT EXISTS (SELECT 1 FROM present WHERE present.key = old._key)
)

SELECT key, moment
FROM missing
WHERE EXISTS (
    SELECT 1 FROM tiles
    WHERE missing.moment >= tiles."from" AND missing.moment < tiles."to"
      AND missing.checked_at <= tiles.observed_at
);
