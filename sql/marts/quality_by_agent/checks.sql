SELECT
    'fail' AS severity,
    'sums_equal_the_days' AS check_name,
    coalesce(g.source, d.source) || '/' || coalesce(g.tenant, d.tenant) || ': '
        || CAST(coalesce(g.evaluations, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(d.evaluations, 0) AS VARCHAR) || ' evaluations, passed '
        || CAST(coalesce(g.passed, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(d.passed, 0) AS VARCHAR) || ', failed '
        || CAST(coalesce(g.failed, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(d.failed, 0) AS VARCHAR) || ', sum of scores '
        || CAST(coalesce(g.score_sum, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(d.score_sum, 0) AS VARCHAR) AS detail
FROM (
    SELECT
        source,
        tenant,
        sum(evaluations) AS evaluations,
        sum(passed) AS passed,
        sum(failed) AS failed,
        sum(auto_failed) AS auto_failed,
        sum(scored) AS scored,
        sum(score_sum) AS score_sum
    FROM marts.quality_agent_counts
    GROUP BY source, tenant
) AS g
FULL OUTER JOIN (
    SELECT
        source,
        tenant,
        sum(evaluations) AS evaluations,
        sum(passed) AS passed,
        sum(failed) AS failed,
        sum(auto_failed) AS auto_failed,
        sum(scored) AS scored,
        sum(score_sum) AS score_sum
    FROM marts.quality_counts
    GROUP BY source, tenant
) AS d ON d.source = g.source AND d.tenant = g.tenant
WHERE coalesce(g.evaluations, 0) <> coalesce(d.evaluations, 0)
   OR coalesce(g.passed, 0) <> coalesce(d.passed, 0)
   OR coalesce(g.failed, 0) <> coalesce(d.failed, 0)
   OR coalesce(g.auto_failed, 0) <> coalesce(d.auto_failed, 0)
   OR coalesce(g.scored, 0) <> coalesce(d.scored, 0)
   OR coalesce(g.score_sum, 0) <> coalesce(d.score_sum, 0);

SELECT
    'fail' AS severity,
    'last_28_days_are_a_part' AS check_name,
    source || '/' || tenant || ': evaluations ' || CAST(evaluations_28d AS VARCHAR) || ' of '
        || CAST(evaluations AS VARCHAR) || ', passed ' || CAST(passed_28d AS VARCHAR) || ' of '
        || CAST(passed AS VARCHAR) || ', ' || CAST(first_day AS VARCHAR) || ' to '
        || CAST(last_day AS VARCHAR) AS detail
FROM marts.quality_agent_counts
WHERE first_day > last_day
   OR evaluations_28d > evaluations
   OR passed_28d > passed
   OR failed_28d > failed
   OR auto_failed_28d > auto_failed
   OR scored_28d > scored
   OR score_sum_28d > score_sum
   OR passed_28d + failed_28d > evaluations_28d;

-- The newest day has an evaluation, so the last 28 days of a tenant never are empty.
SELECT
    'fail' AS severity,
    'last_28_days_are_not_empty' AS check_name,
    source || '/' || tenant || ': ' || CAST(sum(evaluations) AS VARCHAR) || ' evaluations, none in them' AS detail
FROM marts.quality_agent_counts
GROUP BY source, tenant
HAVING sum(evaluations_28d) = 0;

SELECT
    'fail' AS severity,
    'bounds_enclose_the_rate' AS check_name,
    source || '/' || tenant || ': ' || coalesce(CAST(pass_low AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(pass_rate AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(pass_high AS VARCHAR), 'missing') || '; last 28 days '
        || coalesce(CAST(pass_low_28d AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(pass_rate_28d AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(pass_high_28d AS VARCHAR), 'missing') AS detail
FROM marts.quality_by_agent
WHERE (pass_rate IS NULL) <> (pass_low IS NULL)
   OR (pass_rate IS NULL) <> (pass_high IS NULL)
   OR pass_low < 0
   OR pass_high > 100
   OR pass_low > pass_rate + 1e-9
   OR pass_high < pass_rate - 1e-9
   OR pass_low_28d > pass_rate_28d + 1e-9
   OR pass_high_28d < pass_rate_28d - 1e-9;

SELECT
    'fail' AS severity,
    'key_is_unique' AS check_name,
    source || '/' || tenant || ': ' || CAST(count(*) AS VARCHAR) || ' rows of one agent' AS detail
FROM marts.quality_by_agent
GROUP BY source, tenant, agent_id
HAVING count(*) > 1;
