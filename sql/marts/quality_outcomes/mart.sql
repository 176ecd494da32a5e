-- Outcomes and scores of the quality team's evaluations, per reporting day of publication, scorecard and agent.
-- The only mart that scans core.quality_evaluations; the others on quality are sums of its counts.

-- The agents that are present, with the name and group to show; what the source does not know is null.
CREATE OR REPLACE VIEW marts.quality_agents AS
SELECT
    a.source,
    a.tenant,
    a.agent_id,
    coalesce(
        nullif(trim(a.fullname), ''),
        nullif(trim(coalesce(a.forename, '') || ' ' || coalesce(a.surname, '')), ''),
        a.username
    ) AS agent_name,
    g.name AS group_name
FROM core.agents AS a
LEFT JOIN core.groups AS g
    ON g.source = a.source AND g.tenant = a.tenant AND g.group_id = a.group_id AND g._deleted_at IS NULL
WHERE a._deleted_at IS NULL;

-- Counted first, named afterwards. An outcome other than Pass and Fail is in neither. Scores are percent: each is
-- rounded to the nearest of four decimals, which changes no score that has only four, and then summed exactly.
-- A score outside of 0 to 100 is no percent and left out; a check says how many there are.
CREATE OR REPLACE TABLE marts.quality_counts AS
SELECT
    c.source,
    c.tenant,
    c.day,
    c.scorecard_id,
    c.agent_id,
    a.agent_name,
    a.group_name,
    c.evaluations,
    c.passed,
    c.failed,
    c.auto_failed,
    c.scored,
    c.score_sum
FROM (
    SELECT
        source,
        tenant,
        day,
        scorecard_id,
        agent_id,
        count(*) AS evaluations,
        count(CASE WHEN outcome = 'pass' THEN 1 END) AS passed,
        count(CASE WHEN outcome = 'fail' THEN 1 END) AS failed,
        count(CASE WHEN auto_failed THEN 1 END) AS auto_failed,
        count(score) AS scored,
        CAST(coalesce(sum(score), 0) AS DECIMAL(18, 4)) AS score_sum
    FROM (
        SELECT
            e.source,
            e.tenant,
            CAST(e.published_at AT TIME ZONE s.timezone AS DATE) AS day,
            e.scorecard_id,
            e.agent_id,
            lower(e.outcome) AS outcome,
            e.auto_failed,
            CASE WHEN e.score BETWEEN 0 AND 100 THEN CAST(e.score AS DECIMAL(7, 4)) END AS score
        FROM core.quality_evaluations AS e
        CROSS JOIN meta.settings AS s
        WHERE e._deleted_at IS NULL
    ) AS present
    GROUP BY source, tenant, day, scorecard_id, agent_id
) AS c
LEFT JOIN marts.quality_agents AS a
    ON a.source = c.source AND a.tenant = c.tenant AND a.agent_id = c.agent_id;

CREATE OR REPLACE VIEW marts.quality_outcomes AS
SELECT
    source,
    tenant,
    day,
    scorecard_id,
    agent_id,
    agent_name,
    group_name,
    evaluations,
    passed,
    failed,
    auto_failed,
    scored,
    score_sum,
    100 * CAST(passed AS DOUBLE) / nullif(passed + failed, 0) AS pass_rate,
    CAST(score_sum AS DOUBLE) / nullif(scored, 0) AS average_score
FROM marts.quality_counts;
