-- Rows that are gone, and older than every row that is left of what was read: what a retention rule takes looks so.
-- Bound: source, tenant, age (of the youngest that retention takes). Reads `gone`, `tiles`, `kept`.
CREATE OR REPLACE TEMP TABLE purged AS
SELECT key
FROM gone
WHERE moment < (SELECT max(tiles.observed_at) FROM tiles) - $age
  AND moment < coalesce(
    (
        SELECT min(old._moment)
        FROM kept AS old
        WHERE old.source = $source
          AND old.tenant = $tenant
          AND old._deleted_at IS NULL
          AND old._moment >= (SELECT min(tiles."from") FROM tiles)
          AND old._moment < (SELECT max(tiles."to") FROM tiles)
          AND NOT EXISTS (SELECT 1 FROM gone AS other WHERE other.key = old._key)
    ),
    CAST('infinity' AS TIMESTAMPTZ)
);
