-- Satisfaction over time with its 95 % band. Bound: bucket (day, week, month), first, last, source, department,
-- agent (null: all).
SELECT
    CAST(date_trunc($bucket, day) AS DATE) AS "start",
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
GROUP BY 1
ORDER BY 1;
