-- Who could not be compared, and why: Voki users and evaluagent agents with evaluations and no link (agent_links),
-- ratings that belong to no user (side voki, no id, the rating's agent_name), evaluations that name no agent, and
-- the names in the configuration's `agents` that nobody has. Reasons:
--     nobody                no step found anybody on the other side
--     ambiguous             a step found more than one, or a name that several users have
--     mapping names nobody  the id or e-mail address of a line is no present user's or agent's
-- Who is linked in one pair of tenants is not listed, whatever the others say. Empty when only one of the two
-- systems has evaluations: then nobody was looked for.
CREATE OR REPLACE TABLE marts.agents_unmatched AS
WITH claimed_users AS (
    SELECT voki_source, voki_tenant, user_id, min(CASE WHEN ambiguous THEN 1 ELSE 0 END) AS only_ambiguous
    FROM marts.agent_claims
    GROUP BY voki_source, voki_tenant, user_id
),

claimed_agents AS (
    SELECT quality_source, quality_tenant, agent_id, min(CASE WHEN ambiguous THEN 1 ELSE 0 END) AS only_ambiguous
    FROM marts.agent_claims
    GROUP BY quality_source, quality_tenant, agent_id
),

rated AS (
    SELECT source, tenant, user_id, agent_name, reason, CAST(sum(ratings) AS BIGINT) AS evaluations
    FROM marts.user_month_counts
    GROUP BY source, tenant, user_id, agent_name, reason
),

evaluated AS (
    SELECT source, tenant, agent_id, CAST(sum(evaluations) AS BIGINT) AS evaluations
    FROM marts.agent_month_counts
    GROUP BY source, tenant, agent_id
)

SELECT
    'voki' AS side,
    r.source,
    r.tenant,
    r.user_id AS id,
    coalesce(u.name, r.agent_name) AS name,
    u.email,
    coalesce(r.reason, CASE WHEN c.only_ambiguous = 1 THEN 'ambiguous' ELSE 'nobody' END) AS reason,
    r.evaluations
FROM rated AS r
LEFT JOIN core.voki_users AS u
    ON u.source = r.source AND u.tenant = r.tenant AND u.user_id = r.user_id AND u._deleted_at IS NULL
LEFT JOIN claimed_users AS c
    ON c.voki_source = r.source AND c.voki_tenant = r.tenant AND c.user_id = r.user_id
WHERE coalesce(c.only_ambiguous, 1) = 1
UNION ALL
SELECT
    'evaluagent',
    q.source,
    q.tenant,
    q.agent_id,
    n.agent_name,
    a.email,
    CASE WHEN c.only_ambiguous = 1 THEN 'ambiguous' ELSE 'nobody' END,
    q.evaluations
FROM evaluated AS q
LEFT JOIN core.agents AS a
    ON a.source = q.source AND a.tenant = q.tenant AND a.agent_id = q.agent_id AND a._deleted_at IS NULL
LEFT JOIN marts.quality_agents AS n
    ON n.source = q.source AND n.tenant = q.tenant AND n.agent_id = q.agent_id
LEFT JOIN claimed_agents AS c
    ON c.quality_source = q.source AND c.quality_tenant = q.tenant AND c.agent_id = q.agent_id
WHERE coalesce(c.only_ambiguous, 1) = 1
UNION ALL
SELECT
    l.side,
    CAST(NULL AS VARCHAR),
    CAST(NULL AS VARCHAR),
    l.id,
    CAST(NULL AS VARCHAR),
    CAST(NULL AS VARCHAR),
    'mapping names nobody',
    CAST(0 AS BIGINT)
FROM (
    SELECT DISTINCT 'voki' AS side, voki_user AS id FROM meta.agents
    UNION ALL
    SELECT DISTINCT 'evaluagent' AS side, agent AS id FROM meta.agents
) AS l
LEFT JOIN (
    SELECT 'voki' AS side, user_id AS id FROM core.voki_users WHERE _deleted_at IS NULL
    UNION
    SELECT 'evaluagent' AS side, agent_id AS id FROM core.agents WHERE _deleted_at IS NULL
) AS i ON i.side = l.side AND i.id = l.id
LEFT JOIN (
    SELECT 'voki' AS side, lower(trim(email)) AS email FROM core.voki_users WHERE _deleted_at IS NULL
    UNION
    SELECT 'evaluagent' AS side, lower(trim(email)) AS email FROM core.agents WHERE _deleted_at IS NULL
) AS e ON e.side = l.side AND e.email = lower(trim(l.id))
WHERE i.id IS NULL
  AND e.email IS NULL
  AND EXISTS (SELECT 1 FROM marts.user_month_counts);
