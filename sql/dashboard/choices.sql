-- What can be chosen in the filters.
WITH seen AS (
    SELECT DISTINCT source, named(department_name) AS department, named(agent_name) AS agent
    FROM marts.satisfaction_rate
    UNION
    SELECT DISTINCT source, NULL, named(agent_name)
    FROM marts.quality_outcomes
)

SELECT DISTINCT 'source' AS filter, source AS name FROM seen
UNION ALL
SELECT DISTINCT 'department', department FROM seen WHERE department IS NOT NULL
UNION ALL
SELECT DISTINCT 'agent', agent FROM seen
ORDER BY filter, name
LIMIT 5000;
