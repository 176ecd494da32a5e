-- Outcomes of the quality team's evaluations over time. Bound: bucket (day, week, month), first, last, source, agent
-- (null: all).
SELECT
    CAST(date_trunc($bucket, day) AS DATE) AS "start",
    CAST(sum(evaluations) AS BIGINT) AS evaluations,
    CAST(sum(passed) AS BIGINT) AS passed,
    CAST(sum(failed) AS BIGINT) AS failed,
    CAST(sum(evaluations) - sum(passed) - sum(failed) AS BIGINT) AS other,
    share_of(sum(passed), sum(passed) + sum(failed)) AS pass_rate,
    lower_bound(sum(passed), sum(passed) + sum(failed)) AS pass_low,
    upper_bound(sum(passed), sum(passed) + sum(failed)) AS pass_high,
    CAST(sum(score_sum) AS DOUBLE) / nullif(sum(scored), 0) AS average_score
FROM marts.quality_outcomes
WHERE day BETWEEN $first AND $last
  AND ($source IS NULL OR source = $source)
  AND ($agent IS NULL OR named(agent_name) = $agent)
GROUP BY 1
ORDER BY 1;
