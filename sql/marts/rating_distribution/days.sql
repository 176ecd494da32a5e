-- The same, of the days alone that have changed: touched_days has them in UTC, and no time zone is a whole day away
-- from it. What a rating is counted by stands in mart.sql; a property test holds the two together.
CREATE OR REPLACE TEMP TABLE touched_reporting_days AS
SELECT DISTINCT t.source, t.tenant, t.day + s.days AS day
FROM touched_days AS t
CROSS JOIN (VALUES (-1), (0), (1)) AS s (days);

DELETE FROM marts.rating_counts AS c
WHERE EXISTS (
    SELECT 1 FROM touched_reporting_days AS t
    WHERE t.source = c.source AND t.tenant = c.tenant AND t.day = c.day
);

INSERT INTO marts.rating_counts
SELECT
    e.source,
    e.tenant,
    CAST(e.created_at AT TIME ZONE s.timezone AS DATE) AS day,
    e.department_name,
    e.agent_name,
    e.rating,
    count(*) AS evaluations,
    count(CASE WHEN e.has_comment THEN 1 END) AS with_comments
FROM core.evaluations AS e
CROSS JOIN meta.settings AS s
WHERE e._deleted_at IS NULL
  AND e.created_at >= (SELECT (min(day) - INTERVAL 1 DAY) AT TIME ZONE 'UTC' FROM touched_reporting_days)
  AND e.created_at < (SELECT (max(day) + INTERVAL 2 DAY) AT TIME ZONE 'UTC' FROM touched_reporting_days)
  AND EXISTS (
    SELECT 1 FROM touched_reporting_days AS t
    WHERE t.source = e.source AND t.tenant = e.tenant
      AND t.day = CAST(e.created_at AT TIME ZONE s.timezone AS DATE)
  )
GROUP BY
    e.source,
    e.tenant,
    CAST(e.created_at AT TIME ZONE s.timezone AS DATE),
    e.department_name,
    e.agent_name,
    e.rating;
