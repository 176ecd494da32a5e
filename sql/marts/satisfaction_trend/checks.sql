SELECT
    'fail' AS severity,
    'every_period_sums_to_the_whole' AS check_name,
    w.source || '/' || w.tenant || ': the ' || w.period || 's hold '
        || CAST(coalesce(t.evaluations, 0) AS VARCHAR) || ' of ' || CAST(w.evaluations AS VARCHAR)
        || ' evaluations, satisfied ' || CAST(coalesce(t.satisfied, 0) AS VARCHAR) || ' of '
        || CAST(w.satisfied AS VARCHAR) || ', rating sum ' || CAST(coalesce(t.rating_sum, 0) AS VARCHAR) || ' of '
        || CAST(w.rating_sum AS VARCHAR) AS detail
FROM (
    SELECT
        c.source,
        c.tenant,
        p.period,
        sum(c.evaluations) AS evaluations,
        sum(c.satisfied) AS satisfied,
        sum(c.rating_sum) AS rating_sum
    FROM marts.satisfaction_counts AS c
    CROSS JOIN (
        SELECT 'day' AS period
        UNION ALL
        SELECT 'week' AS period
        UNION ALL
        SELECT 'month' AS period
    ) AS p
    GROUP BY c.source, c.tenant, p.period
) AS w
LEFT JOIN (
    SELECT
        source,
        tenant,
        period,
        sum(evaluations) AS evaluations,
        sum(satisfied) AS satisfied,
        sum(rating_sum) AS rating_sum
    FROM marts.trend_counts
    GROUP BY source, tenant, period
) AS t ON t.source = w.source AND t.tenant = w.tenant AND t.period = w.period
WHERE coalesce(t.evaluations, 0) <> w.evaluations
   OR coalesce(t.satisfied, 0) <> w.satisfied
   OR coalesce(t.rating_sum, 0) <> w.rating_sum;

-- 1970-01-05 was a Monday.
SELECT
    'fail' AS severity,
    'periods_start_on_their_first_day' AS check_name,
    source || '/' || tenant || ': a ' || period || ' starts on ' || CAST(period_start AS VARCHAR) AS detail
FROM marts.trend_counts
WHERE period NOT IN ('day', 'week', 'month')
   OR (period = 'week' AND date_diff('day', DATE '1970-01-05', period_start) % 7 <> 0)
   OR (period = 'month' AND extract(DAY FROM period_start) <> 1);

SELECT
    'fail' AS severity,
    'bounds_enclose_the_rate' AS check_name,
    source || '/' || tenant || ', ' || period || ' ' || CAST(period_start AS VARCHAR) || ': '
        || coalesce(CAST(satisfaction_low AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(satisfaction_rate AS VARCHAR), 'missing') || ' <= '
        || coalesce(CAST(satisfaction_high AS VARCHAR), 'missing') AS detail
FROM marts.satisfaction_trend
WHERE satisfaction_low IS NULL
   OR satisfaction_high IS NULL
   OR satisfaction_low < 0
   OR satisfaction_high > 100
   OR satisfaction_low > satisfaction_rate + 1e-9
   OR satisfaction_high < satisfaction_rate - 1e-9;

SELECT
    'fail' AS severity,
    'key_is_unique' AS check_name,
    source || '/' || tenant || ': ' || CAST(count(*) AS VARCHAR) || ' rows of the ' || period || ' of '
        || CAST(period_start AS VARCHAR) AS detail
FROM marts.satisfaction_trend
GROUP BY source, tenant, period, period_start
HAVING count(*) > 1;
