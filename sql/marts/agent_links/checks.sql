SELECT
    'fail' AS severity,
    'an_agent_is_one_user' AS check_name,
    quality_source || '/' || quality_tenant || ': ' || CAST(count(*) AS VARCHAR) || ' users of '
        || voki_source || '/' || voki_tenant || ' are one agent' AS detail
FROM marts.agent_links
GROUP BY voki_source, voki_tenant, quality_source, quality_tenant, agent_id
HAVING count(*) > 1;

SELECT
    'fail' AS severity,
    'a_user_is_one_agent' AS check_name,
    voki_source || '/' || voki_tenant || ': ' || CAST(count(*) AS VARCHAR) || ' agents of '
        || quality_source || '/' || quality_tenant || ' are one user' AS detail
FROM marts.agent_links
GROUP BY voki_source, voki_tenant, quality_source, quality_tenant, user_id
HAVING count(*) > 1;

SELECT
    'fail' AS severity,
    'every_certain_claim_is_a_link' AS check_name,
    CAST(c.claims AS VARCHAR) || ' certain claims, ' || CAST(l.links AS VARCHAR) || ' links' AS detail
FROM (SELECT count(*) AS claims FROM marts.agent_claims WHERE NOT ambiguous) AS c
CROSS JOIN (SELECT count(*) AS links FROM marts.agent_links) AS l
WHERE c.claims <> l.links;

SELECT
    'fail' AS severity,
    'steps_are_known' AS check_name,
    voki_source || '/' || voki_tenant || ': ' || CAST(count(*) AS VARCHAR) || ' links by '
        || coalesce(matched_by, 'nothing') AS detail
FROM marts.agent_links
WHERE matched_by IS NULL OR matched_by NOT IN ('mapping', 'third_party_id', 'email')
GROUP BY voki_source, voki_tenant, matched_by;
