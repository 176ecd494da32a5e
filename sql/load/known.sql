-- Keys of a package that the table has already, and where. By itself, so that what else the table holds is read of
-- these rows' time only: of a first load there are hardly any. Bound: source, tenant. Reads `staged` (key) and `kept`.
CREATE OR REPLACE TEMP TABLE known AS
SELECT old._key AS key, old._moment AS moment
FROM kept AS old
WHERE old.source = $source
  AND old.tenant = $tenant
  AND old._key IN (SELECT staged.key FROM staged);
