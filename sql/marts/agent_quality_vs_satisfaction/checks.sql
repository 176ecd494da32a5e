-- Every rating is given to a user or to nobody, once. With no quality evaluation loaded there is nothing to give.
SELECT
    'fail' AS severity,
    'every_rating_is_given_once' AS check_name,
    coalesce(r.source, u.source) || '/' || coalesce(r.tenant, u.tenant) || ': '
        || CAST(coalesce(u.ratings, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(r.ratings, 0) AS VARCHAR) || ' ratings, satisfied '
        || CAST(coalesce(u.satisfied, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(r.satisfied, 0) AS VARCHAR) AS detail
FROM (
    SELECT source, tenant, sum(evaluations) AS ratings, sum(satisfied) AS satisfied
    FROM marts.satisfaction_counts
    WHERE EXISTS (SELECT 1 FROM marts.quality_counts)
    GROUP BY source, tenant
) AS r
FULL OUTER JOIN (
    SELECT source, tenant, sum(ratings) AS ratings, sum(satisfied) AS satisfied
    FROM marts.user_month_counts
    GROUP BY source, tenant
) AS u ON u.source = r.source AND u.tenant = r.tenant
WHERE coalesce(r.ratings, 0) <> coalesce(u.ratings, 0)
   OR coalesce(r.satisfied, 0) <> coalesce(u.satisfied, 0);

SELECT
    'fail' AS severity,
    'sums_equal_both_sides' AS check_name,
    l.voki_source || '/' || l.voki_tenant || ' and ' || l.quality_source || '/' || l.quality_tenant || ': '
        || CAST(coalesce(m.evaluations, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(q.evaluations, 0) AS VARCHAR) || ' evaluations, sum of scores '
        || CAST(coalesce(m.score_sum, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(q.score_sum, 0) AS VARCHAR) || ', ratings '
        || CAST(coalesce(m.ratings, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(r.ratings, 0) AS VARCHAR) || ' of one agent' AS detail
FROM marts.agent_links AS l
LEFT JOIN (
    SELECT source, tenant, agent_id, sum(evaluations) AS evaluations, sum(score_sum) AS score_sum
    FROM marts.agent_month_counts
    GROUP BY source, tenant, agent_id
) AS q ON q.source = l.quality_source AND q.tenant = l.quality_tenant AND q.agent_id = l.agent_id
LEFT JOIN (
    SELECT source, tenant, user_id, sum(ratings) AS ratings
    FROM marts.user_month_counts
    GROUP BY source, tenant, user_id
) AS r ON r.source = l.voki_source AND r.tenant = l.voki_tenant AND r.user_id = l.user_id
LEFT JOIN (
    SELECT
        voki_source,
        voki_tenant,
        quality_source,
        quality_tenant,
        agent_id,
        sum(evaluations) AS evaluations,
        sum(score_sum) AS score_sum,
        sum(ratings) AS ratings
    FROM marts.comparison_counts
    GROUP BY voki_source, voki_tenant, quality_source, quality_tenant, agent_id
) AS m
    ON m.voki_source = l.voki_source AND m.voki_tenant = l.voki_tenant
    AND m.quality_source = l.quality_source AND m.quality_tenant = l.quality_tenant AND m.agent_id = l.agent_id
WHERE coalesce(m.evaluations, 0) <> coalesce(q.evaluations, 0)
   OR coalesce(m.score_sum, 0) <> coalesce(q.score_sum, 0)
   OR coalesce(m.ratings, 0) <> coalesce(r.ratings, 0);

SELECT
    'fail' AS severity,
    'counts_are_possible' AS check_name,
    voki_source || '/' || voki_tenant || ' in ' || CAST(month AS VARCHAR) || ': evaluations '
        || CAST(evaluations AS VARCHAR) || ', passed ' || CAST(passed AS VARCHAR) || ', failed '
        || CAST(failed AS VARCHAR) || ', scored ' || CAST(scored AS VARCHAR) || ', ratings '
        || CAST(ratings AS VARCHAR) || ', satisfied ' || CAST(satisfied AS VARCHAR) AS detail
FROM marts.comparison_counts
WHERE evaluations + ratings < 1
   OR passed < 0
   OR failed < 0
   OR passed + failed > evaluations
   OR scored < 0
   OR scored > evaluations
   OR score_sum < 0
   OR score_sum > 100 * scored
   OR satisfied < 0
   OR satisfied > ratings
   OR extract(DAY FROM month) <> 1;

SELECT
    'fail' AS severity,
    'bounds_enclose_the_rates' AS check_name,
    voki_source || '/' || voki_tenant || ' in ' || CAST(month AS VARCHAR) || ': pass rate '
        || coalesce(CAST(pass_low AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(pass_rate AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(pass_high AS VARCHAR), 'missing') || '; satisfaction '
        || coalesce(CAST(satisfaction_low AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(satisfaction_rate AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(satisfaction_high AS VARCHAR), 'missing') AS detail
FROM marts.agent_quality_vs_satisfaction
WHERE (pass_rate IS NULL) <> (pass_low IS NULL)
   OR (pass_rate IS NULL) <> (pass_high IS NULL)
   OR pass_low < 0
   OR pass_high > 100
   OR pass_low > pass_rate + 1e-9
   OR pass_high < pass_rate - 1e-9
   OR (satisfaction_rate IS NULL) <> (satisfaction_low IS NULL)
   OR (satisfaction_rate IS NULL) <> (satisfaction_high IS NULL)
   OR satisfaction_low < 0
   OR satisfaction_high > 100
   OR satisfaction_low > satisfaction_rate + 1e-9
   OR satisfaction_high < satisfaction_rate - 1e-9;

SELECT
    'fail' AS severity,
    'key_is_unique' AS check_name,
    voki_source || '/' || voki_tenant || ': ' || CAST(count(*) AS VARCHAR) || ' rows of one agent in '
        || CAST(month AS VARCHAR) AS detail
FROM marts.agent_quality_vs_satisfaction
GROUP BY voki_source, voki_tenant, quality_source, quality_tenant, agent_id, month
HAVING count(*) > 1;
