-- Agents by what is certain: the lower bound of their pass rate.
SELECT
    source,
    agent_name AS name,
    evaluations,
    pass_rate AS share,
    pass_low AS low,
    pass_high AS high
FROM marts.quality_by_agent
WHERE pass_rate IS NOT NULL
ORDER BY pass_low DESC, source, agent_name
LIMIT 8;
