-- Known rows of a package that differ from the version that is there, or are back after a deletion. An answer
-- older than the last one that held the row changes nothing. Bound: source, tenant, now, run_id.
-- Reads `staged` (key, content, _observed_at), `kept` and `known`.
CREATE OR REPLACE TEMP TABLE changed AS
SELECT
    CAST($source AS VARCHAR) AS source,
    CAST($tenant AS VARCHAR) AS tenant,
    unnest(new.content),
    old._first_loaded_at,
    CAST($now AS TIMESTAMPTZ) AS _loaded_at,
    new._observed_at,
    CAST($run_id AS VARCHAR) AS _run_id,
    CAST(NULL AS TIMESTAMPTZ) AS _deleted_at,
    new._observed_at AS _checked_at
FROM staged AS new
INNER JOIN kept AS old ON old.source = $source AND old.tenant = $tenant AND old._key = new.key
WHERE old._key IN (SELECT known.key FROM known)
  AND old._moment >= (SELECT min(known.moment) FROM known)
  AND old._moment <= (SELECT max(known.moment) FROM known)
  AND old._checked_at <= new._observed_at
  AND (old._deleted_at IS NOT NULL OR old._content IS DISTINCT FROM new.content);
