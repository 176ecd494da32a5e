-- The days, in UTC, that are not as they were when the marts were made. Reads `mart_days_now`.
CREATE OR REPLACE TEMP TABLE touched_days AS
SELECT
    coalesce(new.source, old.source) AS source,
    coalesce(new.tenant, old.tenant) AS tenant,
    coalesce(new.day, old.day) AS day
FROM mart_days_now AS new
FULL OUTER JOIN meta.mart_days AS old
    ON old.source = new.source AND old.tenant = new.tenant AND old.day = new.day
WHERE new.version IS DISTINCT FROM old.version;
