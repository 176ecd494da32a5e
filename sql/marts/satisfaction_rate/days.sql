-- The same, of the days alone that were counted anew: rating_distribution leaves them in touched_reporting_days.
DELETE FROM marts.satisfaction_counts AS c
WHERE EXISTS (
    SELECT 1 FROM touched_reporting_days AS t
    WHERE t.source = c.source AND t.tenant = c.tenant AND t.day = c.day
);

INSERT INTO marts.satisfaction_counts
SELECT
    r.source,
    r.tenant,
    r.day,
    r.department_name,
    r.agent_name,
    CAST(sum(r.evaluations) AS BIGINT) AS evaluations,
    CAST(sum(CASE WHEN r.rating >= s.satisfied_from THEN r.evaluations ELSE 0 END) AS BIGINT) AS satisfied,
    CAST(sum(r.with_comments) AS BIGINT) AS with_comments,
    CAST(sum(r.rating * r.evaluations) AS BIGINT) AS rating_sum
FROM marts.rating_counts AS r
CROSS JOIN meta.settings AS s
WHERE EXISTS (
    SELECT 1 FROM touched_reporting_days AS t
    WHERE t.source = r.source AND t.tenant = r.tenant AND t.day = r.day
)
GROUP BY r.source, r.tenant, r.day, r.department_name, r.agent_name;
