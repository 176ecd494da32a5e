-- What the quality team and the customers say of one person, over the months that the period touches.
-- Bound: first, last, source, agent (null: all), most.
SELECT
    named(agent_name) AS agent,
    user_name AS user_at_voki,
    quality_source,
    voki_source,
    CAST(sum(evaluations) AS BIGINT) AS evaluations,
    share_of(sum(passed), sum(passed) + sum(failed)) AS pass_rate,
    lower_bound(sum(passed), sum(passed) + sum(failed)) AS pass_low,
    upper_bound(sum(passed), sum(passed) + sum(failed)) AS pass_high,
    CAST(sum(score_sum) AS DOUBLE) / nullif(sum(scored), 0) AS average_score,
    CAST(sum(ratings) AS BIGINT) AS ratings,
    share_of(sum(satisfied), sum(ratings)) AS satisfaction_rate,
    lower_bound(sum(satisfied), sum(ratings)) AS satisfaction_low,
    upper_bound(sum(satisfied), sum(ratings)) AS satisfaction_high
FROM marts.agent_quality_vs_satisfaction
WHERE month BETWEEN date_trunc('month', $first) AND $last
  AND ($source IS NULL OR voki_source = $source OR quality_source = $source)
  AND ($agent IS NULL OR named(agent_name) = $agent OR user_name = $agent)
GROUP BY agent_id, named(agent_name), user_id, user_name, quality_source, quality_tenant, voki_source, voki_tenant
ORDER BY ratings DESC, agent
LIMIT $most;
