-- Satisfaction per reporting day, department and agent. Stored: counts and exact sums, which may be added
-- up over any days. Derived in the view: percent satisfied and mean rating, which may not.
CREATE OR REPLACE TABLE marts.satisfaction_counts AS
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
GROUP BY r.source, r.tenant, r.day, r.department_name, r.agent_name;

CREATE OR REPLACE VIEW marts.satisfaction_rate AS
SELECT
    source,
    tenant,
    day,
    department_name,
    agent_name,
    evaluations,
    satisfied,
    with_comments,
    rating_sum,
    100 * CAST(satisfied AS DOUBLE) / nullif(evaluations, 0) AS satisfaction_rate,
    CAST(rating_sum AS DOUBLE) / nullif(evaluations, 0) AS average_rating
FROM marts.satisfaction_counts;
