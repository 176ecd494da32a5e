-- Satisfaction by department, ranked by what is certain: the lower bound. Bound: first, last, source, department, agent
-- (null: all).
SELECT
    source,
    named(department_name) AS department,
    CAST(sum(evaluations) AS BIGINT) AS evaluations,
    CAST(sum(satisfied) AS BIGINT) AS satisfied,
    share_of(sum(satisfied), sum(evaluations)) AS satisfaction_rate,
    lower_bound(sum(satisfied), sum(evaluations)) AS satisfaction_low,
    upper_bound(sum(satisfied), sum(evaluations)) AS satisfaction_high,
    CAST(sum(rating_sum) AS DOUBLE) / sum(evaluations) AS average_rating
FROM marts.satisfaction_rate
WHERE day BETWEEN $first AND $last
  AND ($source IS NULL OR source = $source)
  AND ($department IS NULL OR named(department_name) = $department)
  AND ($agent IS NULL OR named(agent_name) = $agent)
GROUP BY source, named(department_name)
ORDER BY satisfaction_low DESC, evaluations DESC, source, department
LIMIT $most;
