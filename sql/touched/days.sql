-- Every day of ratings, in UTC, with a version that changes whenever a row of it does: a row that changes or is marked
-- deleted gets a new _loaded_at. Days by division: a calendar costs more than all the rest.
CREATE OR REPLACE TEMP TABLE mart_days_now AS
SELECT
    source,
    tenant,
    DATE '1970-01-01' + CAST(day AS INTEGER) AS day,
    concat(rows, ':', version) AS version
FROM (
    SELECT
        source,
        tenant,
        floor(epoch_us(created_at) / 86400000000) AS day,
        count(*) AS rows,
        sum(hash(_loaded_at)) AS version
    FROM core.evaluations
    GROUP BY source, tenant, day
);
