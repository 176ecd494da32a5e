-- Rows of a package that are new, differ from the version that is there, or are back after a deletion. An answer
-- older than the last one that held the row changes nothing. Bound: source, tenant, now, run_id.
-- Reads `staged` (key, content, _observed_at) and `kept`.
CREATE OR REPLACE TEMP TABLE changed AS
SELECT
    CAST($source AS VARCHAR) AS source,
    CAST($tenant AS VARCHAR) AS tenant,
    unnest(new.content),
    coalesce(old._first_loaded_at, CAST($now AS TIMESTAMPTZ)) AS _first_loaded_at,
    CAST($now AS TIMESTAMPTZ) AS _loaded_at,
    new._observed_at,
    CAST($run_id AS VARCHAR) AS _run_id,
    CAST(NULL AS TIMESTAMPTZ) AS _deleted_at,
    new._observed_at AS _checked_at,
    old._key IS NOT NULL AS known
FROM staged AS new
LEFT JOIN kept AS old ON old.source = $source AND old.tenant = $tenant AND old._key = new.key
WHERE old._key IS NULL
   OR (
       old._checked_at <= new._observed_at
       AND (old._deleted_at IS NOT NULL OR old._content IS DISTINCT FROM new.content)
   );
