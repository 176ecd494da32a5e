-- Rows of a table that is filled from another's records, gone with their parent or missing in its newest answer.
-- Bound: source, tenant. Reads `parents` (key, observed_at), `gone_parents`, `present`, `kept`.
CREATE OR REPLACE TEMP TABLE gone AS
SELECT old._key AS key
FROM kept AS old
WHERE old.source = $source
  AND old.tenant = $tenant
  AND old._deleted_at IS NULL
  AND (
      EXISTS (SELECT 1 FROM gone_parents WHERE gone_parents.key = old._parent)
      OR (
          EXISTS (
              SELECT 1 FROM parents
              WHERE parents.key = old._parent AND old._checked_at <= parents.observed_at
          )
          AND NOT EXISTS (SELECT 1 FROM present WHERE present.key = old._key)
      )
  );
