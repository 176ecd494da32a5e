-- How often each rating was given, per reporting day, department and agent.
-- This is the only mart that scans core.evaluations for ratings and the only place where a reporting day
-- is worked out; the satisfaction marts are sums of it. Counts only: every engine gives the same rows.
CREATE OR REPLACE TABLE marts.rating_counts AS
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
GROUP BY
    e.source,
    e.tenant,
    CAST(e.created_at AT TIME ZONE s.timezone AS DATE),
    e.department_name,
    e.agent_name,
    e.rating;

CREATE OR REPLACE VIEW marts.rating_distribution AS
SELECT source, tenant, day, department_name, agent_name, rating, evaluations
FROM marts.rating_counts;
