-- How often each rating was given. Bound: first, last, source, department, agent (null: all).
SELECT
    r.rating,
    CAST(coalesce(sum(d.evaluations), 0) AS BIGINT) AS evaluations,
    share_of(coalesce(sum(d.evaluations), 0), sum(sum(d.evaluations)) OVER ()) AS share
FROM (SELECT CAST(unnest(range(1, 6)) AS TINYINT) AS rating) AS r
LEFT JOIN marts.rating_distribution AS d
    ON d.rating = r.rating
    AND d.day BETWEEN $first AND $last
    AND ($source IS NULL OR d.source = $source)
    AND ($department IS NULL OR named(d.department_name) = $department)
    AND ($agent IS NULL OR named(d.agent_name) = $agent)
GROUP BY r.rating
ORDER BY r.rating DESC;
