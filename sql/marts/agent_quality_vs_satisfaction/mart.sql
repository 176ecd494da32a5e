-- What the quality team and the customers say of one person, per month: the agents of evaluagent who are a user of
-- Voki (agent_links), in every month in which either side has something. When only one of the two systems has
-- evaluations at all there is nothing to compare: this mart and agents_unmatched are empty then.

-- Ratings by the user who gave the service: the loaded call's agent; without a loaded call, the one present user of
-- the tenant who has the rating's agent_name; else nobody. Then `agent_name` tells which ratings these are, and
-- `reason` why: no such user, or several.
CREATE OR REPLACE TABLE marts.user_month_counts AS
WITH days AS (
    SELECT
        e.source,
        e.tenant,
        CAST(e.created_at AT TIME ZONE s.timezone AS DATE) AS day,
        c.call_id IS NOT NULL AS call_is_loaded,
        c.agent_id,
        e.agent_name,
        count(*) AS ratings,
        count(CASE WHEN e.rating >= s.satisfied_from THEN 1 END) AS satisfied
    FROM core.evaluations AS e
    CROSS JOIN meta.settings AS s
    LEFT JOIN core.calls AS c
        ON c.source = e.source AND c.tenant = e.tenant AND c.call_id = e.call_id AND c._deleted_at IS NULL
    WHERE e._deleted_at IS NULL
      AND EXISTS (SELECT 1 FROM marts.quality_counts)
    GROUP BY
        e.source,
        e.tenant,
        CAST(e.created_at AT TIME ZONE s.timezone AS DATE),
        c.call_id IS NOT NULL,
        c.agent_id,
        e.agent_name
),

names AS (
    SELECT source, tenant, name, count(*) AS users, min(user_id) AS user_id
    FROM core.voki_users
    WHERE _deleted_at IS NULL
    GROUP BY source, tenant, name
),

given AS (
    SELECT
        d.source,
        d.tenant,
        CASE WHEN d.call_is_loaded THEN d.agent_id WHEN n.users = 1 THEN n.user_id END AS user_id,
        CASE WHEN NOT d.call_is_loaded AND n.users > 1 THEN 'ambiguous' ELSE 'nobody' END AS reason,
        d.agent_name,
        CAST(date_trunc('month', d.day) AS DATE) AS month,
        d.ratings,
        d.satisfied
    FROM days AS d
    LEFT JOIN names AS n ON n.source = d.source AND n.tenant = d.tenant AND n.name = d.agent_name
)

SELECT
    source,
    tenant,
    user_id,
    CASE WHEN user_id IS NULL THEN agent_name END AS agent_name,
    CASE WHEN user_id IS NULL THEN reason END AS reason,
    month,
    CAST(sum(ratings) AS BIGINT) AS ratings,
    CAST(sum(satisfied) AS BIGINT) AS satisfied
FROM given
GROUP BY
    source,
    tenant,
    user_id,
    CASE WHEN user_id IS NULL THEN agent_name END,
    CASE WHEN user_id IS NULL THEN reason END,
    month;

CREATE OR REPLACE TABLE marts.agent_month_counts AS
SELECT
    source,
    tenant,
    agent_id,
    CAST(date_trunc('month', day) AS DATE) AS month,
    CAST(sum(evaluations) AS BIGINT) AS evaluations,
    CAST(sum(passed) AS BIGINT) AS passed,
    CAST(sum(failed) AS BIGINT) AS failed,
    CAST(sum(scored) AS BIGINT) AS scored,
    CAST(sum(score_sum) AS DECIMAL(18, 4)) AS score_sum
FROM marts.quality_counts
WHERE EXISTS (SELECT 1 FROM marts.rating_counts)
GROUP BY source, tenant, agent_id, CAST(date_trunc('month', day) AS DATE);

CREATE OR REPLACE TABLE marts.comparison_counts AS
WITH sides AS (
    SELECT
        l.voki_source,
        l.voki_tenant,
        l.quality_source,
        l.quality_tenant,
        l.agent_id,
        l.agent_name,
        l.user_id,
        l.user_name,
        l.matched_by,
        q.month,
        q.evaluations,
        q.passed,
        q.failed,
        q.scored,
        q.score_sum,
        0 AS ratings,
        0 AS satisfied
    FROM marts.agent_links AS l
    INNER JOIN marts.agent_month_counts AS q
        ON q.source = l.quality_source AND q.tenant = l.quality_tenant AND q.agent_id = l.agent_id
    UNION ALL
    SELECT
        l.voki_source,
        l.voki_tenant,
        l.quality_source,
        l.quality_tenant,
        l.agent_id,
        l.agent_name,
        l.user_id,
        l.user_name,
        l.matched_by,
        r.month,
        0 AS evaluations,
        0 AS passed,
        0 AS failed,
        0 AS scored,
        CAST(0 AS DECIMAL(18, 4)) AS score_sum,
        r.ratings,
        r.satisfied
    FROM marts.agent_links AS l
    INNER JOIN marts.user_month_counts AS r
        ON r.source = l.voki_source AND r.tenant = l.voki_tenant AND r.user_id = l.user_id
)

SELECT
    voki_source,
    voki_tenant,
    quality_source,
    quality_tenant,
    agent_id,
    agent_name,
    user_id,
    user_name,
    matched_by,
    month,
    CAST(sum(evaluations) AS BIGINT) AS evaluations,
    CAST(sum(passed) AS BIGINT) AS passed,
    CAST(sum(failed) AS BIGINT) AS failed,
    CAST(sum(scored) AS BIGINT) AS scored,
    CAST(sum(score_sum) AS DECIMAL(18, 4)) AS score_sum,
    CAST(sum(ratings) AS BIGINT) AS ratings,
    CAST(sum(satisfied) AS BIGINT) AS satisfied
FROM sides
GROUP BY
    voki_source,
    voki_tenant,
    quality_source,
    quality_tenant,
    agent_id,
    agent_name,
    user_id,
    user_name,
    matched_by,
    month;

-- The Wilson bounds are those of satisfaction_by_agent and quality_by_agent.
CREATE OR REPLACE VIEW marts.agent_quality_vs_satisfaction AS
SELECT
    voki_source,
    voki_tenant,
    quality_source,
    quality_tenant,
    agent_id,
    agent_name,
    user_id,
    user_name,
    matched_by,
    month,
    evaluations,
    passed,
    failed,
    100 * CAST(passed AS DOUBLE) / nullif(judged, 0) AS pass_rate,
    CASE WHEN judged > 0
        THEN greatest(0e0, 100 * (pass_middle - pass_spread) / (judged + 3.841458820694124e0)) END AS pass_low,
    CASE WHEN judged > 0
        THEN least(100e0, 100 * (pass_middle + pass_spread) / (judged + 3.841458820694124e0)) END AS pass_high,
    scored,
    score_sum,
    CAST(score_sum AS DOUBLE) / nullif(scored, 0) AS average_score,
    ratings,
    satisfied,
    100 * CAST(satisfied AS DOUBLE) / nullif(ratings, 0) AS satisfaction_rate,
    CASE WHEN ratings > 0
        THEN greatest(0e0, 100 * (middle - spread) / (ratings + 3.841458820694124e0)) END AS satisfaction_low,
    CASE WHEN ratings > 0
        THEN least(100e0, 100 * (middle + spread) / (ratings + 3.841458820694124e0)) END AS satisfaction_high
FROM (
    SELECT
        voki_source,
        voki_tenant,
        quality_source,
        quality_tenant,
        agent_id,
        agent_name,
        user_id,
        user_name,
        matched_by,
        month,
        evaluations,
        passed,
        failed,
        scored,
        score_sum,
        ratings,
        satisfied,
        passed + failed AS judged,
        passed + 1.920729410347062e0 AS pass_middle,
        1.959963984540054e0 * sqrt(
            CAST(passed AS DOUBLE) * failed / nullif(passed + failed, 0) + 0.960364705173531e0
        ) AS pass_spread,
        satisfied + 1.920729410347062e0 AS middle,
        1.959963984540054e0 * sqrt(
            CAST(satisfied AS DOUBLE) * (ratings - satisfied) / nullif(ratings, 0) + 0.960364705173531e0
        ) AS spread
    FROM marts.comparison_counts
) AS terms;
