-- Whoever has evaluations is compared or listed.
SELECT
    'fail' AS severity,
    'every_evaluation_is_compared_or_listed' AS check_name,
    a.side || ' ' || a.source || '/' || a.tenant || ': ' || CAST(a.evaluations AS VARCHAR) || ' evaluations, '
        || CAST(a.linked AS VARCHAR) || ' compared, ' || CAST(coalesce(u.evaluations, 0) AS VARCHAR)
        || ' listed' AS detail
FROM (
    SELECT
        'voki' AS side,
        r.source,
        r.tenant,
        sum(r.ratings) AS evaluations,
        sum(CASE WHEN l.user_id IS NULL THEN 0 ELSE r.ratings END) AS linked
    FROM marts.user_month_counts AS r
    LEFT JOIN (SELECT DISTINCT voki_source, voki_tenant, user_id FROM marts.agent_links) AS l
        ON l.voki_source = r.source AND l.voki_tenant = r.tenant AND l.user_id = r.user_id
    GROUP BY r.source, r.tenant
    UNION ALL
    SELECT
        'evaluagent' AS side,
        q.source,
        q.tenant,
        sum(q.evaluations) AS evaluations,
        sum(CASE WHEN l.agent_id IS NULL THEN 0 ELSE q.evaluations END) AS linked
    FROM marts.agent_month_counts AS q
    LEFT JOIN (SELECT DISTINCT quality_source, quality_tenant, agent_id FROM marts.agent_links) AS l
        ON l.quality_source = q.source AND l.quality_tenant = q.tenant AND l.agent_id = q.agent_id
    GROUP BY q.source, q.tenant
) AS a
LEFT JOIN (
    SELECT side, source, tenant, sum(evaluations) AS evaluations
    FROM marts.agents_unmatched
    GROUP BY side, source, tenant
) AS u ON u.side = a.side AND u.source = a.source AND u.tenant = a.tenant
WHERE a.linked + coalesce(u.evaluations, 0) <> a.evaluations;

SELECT
    'fail' AS severity,
    'reasons_are_known' AS check_name,
    side || ' ' || coalesce(source || '/' || tenant, 'mapping') || ': reason ' || coalesce(reason, 'missing')
        || ', ' || CAST(evaluations AS VARCHAR) || ' evaluations' AS detail
FROM marts.agents_unmatched
WHERE reason IS NULL
   OR reason NOT IN ('nobody', 'ambiguous', 'mapping names nobody')
   OR (reason = 'mapping names nobody' AND (source IS NOT NULL OR evaluations <> 0))
   OR (reason <> 'mapping names nobody' AND (source IS NULL OR evaluations < 1));

SELECT
    'fail' AS severity,
    'key_is_unique' AS check_name,
    side || ' ' || coalesce(source || '/' || tenant, 'mapping') || ': ' || CAST(count(*) AS VARCHAR)
        || ' rows of one key' AS detail
FROM marts.agents_unmatched
GROUP BY side, source, tenant, id, CASE WHEN id IS NULL THEN name END, CASE WHEN id IS NULL THEN reason END
HAVING count(*) > 1;

SELECT
    'warn' AS severity,
    'mapping_names_somebody' AS check_name,
    CAST(count(*) AS VARCHAR) || ' names in the configured agents are no ' || side || ' user or agent' AS detail
FROM marts.agents_unmatched
WHERE reason = 'mapping names nobody'
GROUP BY side;
