SELECT
    'fail' AS severity,
    'sums_equal_the_days' AS check_name,
    coalesce(g.source, d.source) || '/' || coalesce(g.tenant, d.tenant) || ': '
        || CAST(coalesce(g.evaluations, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(d.evaluations, 0) AS VARCHAR) || ' evaluations, satisfied '
        || CAST(coalesce(g.satisfied, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(d.satisfied, 0) AS VARCHAR) || ', rating sum '
        || CAST(coalesce(g.rating_sum, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(d.rating_sum, 0) AS VARCHAR) AS detail
FROM (
    SELECT
        source,
        tenant,
        sum(evaluations) AS evaluations,
        sum(satisfied) AS satisfied,
        sum(with_comments) AS with_comments,
        sum(rating_sum) AS rating_sum
    FROM marts.agent_counts
    GROUP BY source, tenant
) AS g
FULL OUTER JOIN (
    SELECT
        source,
        tenant,
        sum(evaluations) AS evaluations,
        sum(satisfied) AS satisfied,
        sum(with_comments) AS with_comments,
        sum(rating_sum) AS rating_sum
    FROM marts.satisfaction_counts
    GROUP BY source, tenant
) AS d ON d.source = g.source AND d.tenant = g.tenant
WHERE coalesce(g.evaluations, 0) <> coalesce(d.evaluations, 0)
   OR coalesce(g.satisfied, 0) <> coalesce(d.satisfied, 0)
   OR coalesce(g.with_comments, 0) <> coalesce(d.with_comments, 0)
   OR coalesce(g.rating_sum, 0) <> coalesce(d.rating_sum, 0);

SELECT
    'fail' AS severity,
    'last_28_days_are_a_part' AS check_name,
    source || '/' || tenant || ': evaluations ' || CAST(evaluations_28d AS VARCHAR) || ' of '
        || CAST(evaluations AS VARCHAR) || ', satisfied ' || CAST(satisfied_28d AS VARCHAR) || ' of '
        || CAST(satisfied AS VARCHAR) || ', ' || CAST(first_day AS VARCHAR) || ' to '
        || CAST(last_day AS VARCHAR) AS detail
FROM marts.agent_counts
WHERE first_day > last_day
   OR evaluations_28d > evaluations
   OR satisfied_28d > satisfied
   OR with_comments_28d > with_comments
   OR rating_sum_28d > rating_sum
   OR satisfied_28d > evaluations_28d;

-- The newest day has an evaluation, so the last 28 days of a tenant never are empty.
SELECT
    'fail' AS severity,
    'last_28_days_are_not_empty' AS check_name,
    source || '/' || tenant || ': ' || CAST(sum(evaluations) AS VARCHAR) || ' evaluations, none in them' AS detail
FROM marts.agent_counts
GROUP BY source, tenant
HAVING sum(evaluations_28d) = 0;

SELECT
    'fail' AS severity,
    'bounds_enclose_the_rate' AS check_name,
    source || '/' || tenant || ': ' || coalesce(CAST(satisfaction_low AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(satisfaction_rate AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(satisfaction_high AS VARCHAR), 'missing') || '; last 28 days '
        || coalesce(CAST(satisfaction_low_28d AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(satisfaction_rate_28d AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(satisfaction_high_28d AS VARCHAR), 'missing') AS detail
FROM marts.satisfaction_by_agent
WHERE satisfaction_low IS NULL
   OR satisfaction_high IS NULL
   OR satisfaction_low < 0
   OR satisfaction_high > 100
   OR satisfaction_low > satisfaction_rate + 1e-9
   OR satisfaction_high < satisfaction_rate - 1e-9
   OR satisfaction_low_28d > satisfaction_rate_28d + 1e-9
   OR satisfaction_high_28d < satisfaction_rate_28d - 1e-9;

SELECT
    'fail' AS severity,
    'key_is_unique' AS check_name,
    source || '/' || tenant || ': ' || CAST(count(*) AS VARCHAR) || ' rows of one agent' AS detail
FROM marts.satisfaction_by_agent
GROUP BY source, tenant, agent_name
HAVING count(*) > 1;
