-- Which agent at evaluagent is which user at Voki, for every pair of a Voki tenant and an evaluagent tenant. In order:
--     mapping         a line of the configuration's `agents`: ids, or e-mail addresses in any letter case
--     third_party_id  the agent's third_party_id is the user's id
--     email           both have one e-mail address, in any letter case
-- Never by name. A claim is a match that a step finds; who has a claim is out of the later steps. A claim links only
-- when it is the only one of its agent and of its user in the pair, else it is ambiguous and nobody is linked by it.
-- An id is unique only within its tenant, so one that stands in two tenants names nobody for certain. An e-mail
-- address is one person everywhere: the same agent may be linked to a user in each of two tenants.
CREATE OR REPLACE TABLE marts.agent_claims AS
WITH users AS (
    SELECT
        source,
        tenant,
        user_id,
        nullif(lower(trim(email)), '') AS email,
        count(*) OVER (PARTITION BY user_id) AS holders
    FROM core.voki_users
    WHERE _deleted_at IS NULL
),

agents AS (
    SELECT
        source,
        tenant,
        agent_id,
        third_party_id,
        nullif(lower(trim(email)), '') AS email,
        count(*) OVER (PARTITION BY agent_id) AS holders
    FROM core.agents
    WHERE _deleted_at IS NULL
),

-- What each line's two names stand for; `holders` counts those who have the name.
named_users AS (
    SELECT m.voki_user, m.agent, u.source, u.tenant, u.user_id, u.holders
    FROM meta.agents AS m
    INNER JOIN users AS u ON u.user_id = m.voki_user
    UNION ALL
    SELECT m.voki_user, m.agent, u.source, u.tenant, u.user_id, 1 AS holders
    FROM meta.agents AS m
    INNER JOIN users AS u ON u.email = lower(trim(m.voki_user))
),

named_agents AS (
    SELECT m.voki_user, m.agent, a.source, a.tenant, a.agent_id, a.holders
    FROM meta.agents AS m
    INNER JOIN agents AS a ON a.agent_id = m.agent
    UNION ALL
    SELECT m.voki_user, m.agent, a.source, a.tenant, a.agent_id, 1 AS holders
    FROM meta.agents AS m
    INNER JOIN agents AS a ON a.email = lower(trim(m.agent))
),

-- Two lines may say the same; the more certain one counts.
by_mapping AS (
    SELECT
        u.source AS voki_source,
        u.tenant AS voki_tenant,
        u.user_id,
        a.source AS quality_source,
        a.tenant AS quality_tenant,
        a.agent_id,
        min(greatest(u.holders, a.holders)) AS holders
    FROM named_users AS u
    INNER JOIN named_agents AS a ON a.voki_user = u.voki_user AND a.agent = u.agent
    GROUP BY u.source, u.tenant, u.user_id, a.source, a.tenant, a.agent_id
),

by_third_party_id AS (
    SELECT
        u.source AS voki_source,
        u.tenant AS voki_tenant,
        u.user_id,
        a.source AS quality_source,
        a.tenant AS quality_tenant,
        a.agent_id,
        u.holders
    FROM agents AS a
    INNER JOIN users AS u ON u.user_id = a.third_party_id
    WHERE NOT EXISTS (
        SELECT 1 FROM by_mapping AS b
        WHERE b.voki_source = u.source AND b.voki_tenant = u.tenant AND b.user_id = u.user_id
          AND b.quality_source = a.source AND b.quality_tenant = a.tenant
    ) AND NOT EXISTS (
        SELECT 1 FROM by_mapping AS b
        WHERE b.voki_source = u.source AND b.voki_tenant = u.tenant
          AND b.quality_source = a.source AND b.quality_tenant = a.tenant AND b.agent_id = a.agent_id
    )
),

earlier AS (
    SELECT 'mapping' AS matched_by, voki_source, voki_tenant, user_id, quality_source, quality_tenant, agent_id, holders
    FROM by_mapping
    UNION ALL
    SELECT 'third_party_id', voki_source, voki_tenant, user_id, quality_source, quality_tenant, agent_id, holders
    FROM by_third_party_id
),

by_email AS (
    SELECT
        u.source AS voki_source,
        u.tenant AS voki_tenant,
        u.user_id,
        a.source AS quality_source,
        a.tenant AS quality_tenant,
        a.agent_id
    FROM agents AS a
    INNER JOIN users AS u ON u.email = a.email
    WHERE NOT EXISTS (
        SELECT 1 FROM earlier AS b
        WHERE b.voki_source = u.source AND b.voki_tenant = u.tenant AND b.user_id = u.user_id
          AND b.quality_source = a.source AND b.quality_tenant = a.tenant
    ) AND NOT EXISTS (
        SELECT 1 FROM earlier AS b
        WHERE b.voki_source = u.source AND b.voki_tenant = u.tenant
          AND b.quality_source = a.source AND b.quality_tenant = a.tenant AND b.agent_id = a.agent_id
    )
),

claims AS (
    SELECT matched_by, voki_source, voki_tenant, user_id, quality_source, quality_tenant, agent_id, holders
    FROM earlier
    UNION ALL
    SELECT 'email', voki_source, voki_tenant, user_id, quality_source, quality_tenant, agent_id, 1
    FROM by_email
)

-- Nobody has claims of two steps in one pair, so all claims may be counted at once.
SELECT
    matched_by,
    voki_source,
    voki_tenant,
    user_id,
    quality_source,
    quality_tenant,
    agent_id,
    holders > 1
        OR count(*) OVER (PARTITION BY voki_source, voki_tenant, user_id, quality_source, quality_tenant) > 1
        OR count(*) OVER (PARTITION BY voki_source, voki_tenant, quality_source, quality_tenant, agent_id) > 1
        AS ambiguous
FROM claims;

CREATE OR REPLACE TABLE marts.agent_links AS
SELECT
    c.voki_source,
    c.voki_tenant,
    c.user_id,
    u.name AS user_name,
    c.quality_source,
    c.quality_tenant,
    c.agent_id,
    a.agent_name,
    c.matched_by
FROM marts.agent_claims AS c
INNER JOIN core.voki_users AS u
    ON u.source = c.voki_source AND u.tenant = c.voki_tenant AND u.user_id = c.user_id
INNER JOIN marts.quality_agents AS a
    ON a.source = c.quality_source AND a.tenant = c.quality_tenant AND a.agent_id = c.agent_id
WHERE NOT c.ambiguous;
