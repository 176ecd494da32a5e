-- Quality by agent, ranked by what is certain: the lower bound of the share that passed. Bound: first, last, source,
-- agent (null: all), most.
SELECT
    source,
    named(agent_name) AS agent,
    group_name AS "group",
    CAST(sum(evaluations) AS BIGINT) AS evaluations,
    CAST(sum(passed) AS BIGINT) AS passed,
    CAST(sum(failed) AS BIGINT) AS failed,
    share_of(sum(passed), sum(passed) + sum(failed)) AS pass_rate,
    lower_bound(sum(passed), sum(passed) + sum(failed)) AS pass_low,
    upper_bound(sum(passed), sum(passed) + sum(failed)) AS pass_high,
    CAST(sum(score_sum) AS DOUBLE) / nullif(sum(scored), 0) AS average_score
FROM marts.quality_outcomes
WHERE day BETWEEN $first AND $last
  AND ($source IS NULL OR source = $source)
  AND ($agent IS NULL OR named(agent_name) = $agent)
GROUP BY source, tenant, agent_id, named(agent_name), group_name
ORDER BY pass_low DESC NULLS LAST, evaluations DESC, source, agent
LIMIT $most;
