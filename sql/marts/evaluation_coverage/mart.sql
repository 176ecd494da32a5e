-- How many of the completed calls were rated, per reporting day of the call, department and agent. The day is that
-- of its end, else of its start, else of its making; department and agent are the call's own.
-- Ratings are counted per call before they meet the calls, so that a second rating of a call counts the call once.
-- `ratings` counts all that belong to a loaded call, completed or not: a check compares it with what is loaded.
-- Where the stream of calls is not wanted, no rating is looked at.
CREATE OR REPLACE TABLE marts.coverage_counts AS
SELECT
    c.source,
    c.tenant,
    CAST(coalesce(c.completed_at, c.started_at, c.created_at) AT TIME ZONE s.timezone AS DATE) AS day,
    c.department_name,
    c.agent_name,
    count(CASE WHEN c.status = 'completed' THEN 1 END) AS completed_calls,
    count(CASE WHEN c.status = 'completed' THEN r.ratings END) AS rated_calls,
    CAST(coalesce(sum(r.ratings), 0) AS BIGINT) AS ratings
FROM core.calls AS c
CROSS JOIN meta.settings AS s
LEFT JOIN (
    SELECT source, tenant, call_id, count(*) AS ratings
    FROM core.evaluations
    WHERE _deleted_at IS NULL AND EXISTS (SELECT 1 FROM core.calls)
    GROUP BY source, tenant, call_id
) AS r ON r.source = c.source AND r.tenant = c.tenant AND r.call_id = c.call_id
WHERE c._deleted_at IS NULL
GROUP BY
    c.source,
    c.tenant,
    CAST(coalesce(c.completed_at, c.started_at, c.created_at) AT TIME ZONE s.timezone AS DATE),
    c.department_name,
    c.agent_name;

CREATE OR REPLACE VIEW marts.evaluation_coverage AS
SELECT
    source,
    tenant,
    day,
    department_name,
    agent_name,
    completed_calls,
    rated_calls,
    100 * CAST(rated_calls AS DOUBLE) / nullif(completed_calls, 0) AS coverage
FROM marts.coverage_counts
WHERE completed_calls > 0;
