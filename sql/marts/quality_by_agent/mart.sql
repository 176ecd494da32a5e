-- Quality per agent: the whole period and the last 28 reporting days, which end with the newest day of the
-- same source and tenant, never with today. Evaluations that name no agent are a group of their own.
CREATE OR REPLACE TABLE marts.quality_agent_counts AS
SELECT
    source,
    tenant,
    agent_id,
    agent_name,
    group_name,
    min(day) AS first_day,
    max(day) AS last_day,
    CAST(sum(evaluations) AS BIGINT) AS evaluations,
    CAST(sum(passed) AS BIGINT) AS passed,
    CAST(sum(failed) AS BIGINT) AS failed,
    CAST(sum(auto_failed) AS BIGINT) AS auto_failed,
    CAST(sum(scored) AS BIGINT) AS scored,
    CAST(sum(score_sum) AS DECIMAL(18, 4)) AS score_sum,
    CAST(sum(CASE WHEN days_ago < 28 THEN evaluations ELSE 0 END) AS BIGINT) AS evaluations_28d,
    CAST(sum(CASE WHEN days_ago < 28 THEN passed ELSE 0 END) AS BIGINT) AS passed_28d,
    CAST(sum(CASE WHEN days_ago < 28 THEN failed ELSE 0 END) AS BIGINT) AS failed_28d,
    CAST(sum(CASE WHEN days_ago < 28 THEN auto_failed ELSE 0 END) AS BIGINT) AS auto_failed_28d,
    CAST(sum(CASE WHEN days_ago < 28 THEN scored ELSE 0 END) AS BIGINT) AS scored_28d,
    CAST(sum(CASE WHEN days_ago < 28 THEN score_sum ELSE 0 END) AS DECIMAL(18, 4)) AS score_sum_28d
FROM (
    SELECT
        source,
        tenant,
        agent_id,
        agent_name,
        group_name,
        day,
        date_diff('day', day, max(day) OVER (PARTITION BY source, tenant)) AS days_ago,
        evaluations,
        passed,
        failed,
        auto_failed,
        scored,
        score_sum
    FROM marts.quality_counts
) AS dated
GROUP BY source, tenant, agent_id, agent_name, group_name;

-- pass_low and _high are the Wilson bounds of satisfaction_by_agent, of passed among passed and failed.
CREATE OR REPLACE VIEW marts.quality_by_agent AS
SELECT
    source,
    tenant,
    agent_id,
    agent_name,
    group_name,
    first_day,
    last_day,
    evaluations,
    passed,
    failed,
    auto_failed,
    scored,
    score_sum,
    100 * CAST(passed AS DOUBLE) / nullif(judged, 0) AS pass_rate,
    CASE WHEN judged > 0
        THEN greatest(0e0, 100 * (middle - spread) / (judged + 3.841458820694124e0)) END AS pass_low,
    CASE WHEN judged > 0
        THEN least(100e0, 100 * (middle + spread) / (judged + 3.841458820694124e0)) END AS pass_high,
    CAST(score_sum AS DOUBLE) / nullif(scored, 0) AS average_score,
    evaluations_28d,
    passed_28d,
    failed_28d,
    auto_failed_28d,
    scored_28d,
    score_sum_28d,
    100 * CAST(passed_28d AS DOUBLE) / nullif(judged_28d, 0) AS pass_rate_28d,
    CASE WHEN judged_28d > 0
        THEN greatest(0e0, 100 * (middle_28d - spread_28d) / (judged_28d + 3.841458820694124e0))
    END AS pass_low_28d,
    CASE WHEN judged_28d > 0
        THEN least(100e0, 100 * (middle_28d + spread_28d) / (judged_28d + 3.841458820694124e0))
    END AS pass_high_28d,
    CAST(score_sum_28d AS DOUBLE) / nullif(scored_28d, 0) AS average_score_28d
FROM (
    SELECT
        source,
        tenant,
        agent_id,
        agent_name,
        group_name,
        first_day,
        last_day,
        evaluations,
        passed,
        failed,
        auto_failed,
        scored,
        score_sum,
        evaluations_28d,
        passed_28d,
        failed_28d,
        auto_failed_28d,
        scored_28d,
        score_sum_28d,
        passed + failed AS judged,
        passed + 1.920729410347062e0 AS middle,
        1.959963984540054e0 * sqrt(
            CAST(passed AS DOUBLE) * failed / nullif(passed + failed, 0) + 0.960364705173531e0
        ) AS spread,
        passed_28d + failed_28d AS judged_28d,
        passed_28d + 1.920729410347062e0 AS middle_28d,
        1.959963984540054e0 * sqrt(
            CAST(passed_28d AS DOUBLE) * failed_28d / nullif(passed_28d + failed_28d, 0) + 0.960364705173531e0
        ) AS spread_28d
    FROM marts.quality_agent_counts
) AS terms;
