-- Satisfaction over time: one row per day, week (from Monday) and month that has evaluations.
CREATE OR REPLACE TABLE marts.trend_counts AS
WITH days AS (
    SELECT
        source,
        tenant,
        day,
        CAST(sum(evaluations) AS BIGINT) AS evaluations,
        CAST(sum(satisfied) AS BIGINT) AS satisfied,
        CAST(sum(rating_sum) AS BIGINT) AS rating_sum
    FROM marts.satisfaction_counts
    GROUP BY source, tenant, day
),

starts AS (
    SELECT source, tenant, 'day' AS period, day AS period_start, evaluations, satisfied, rating_sum
    FROM days
    UNION ALL
    SELECT source, tenant, 'week', CAST(date_trunc('week', day) AS DATE), evaluations, satisfied, rating_sum
    FROM days
    UNION ALL
    SELECT source, tenant, 'month', CAST(date_trunc('month', day) AS DATE), evaluations, satisfied, rating_sum
    FROM days
)

SELECT
    source,
    tenant,
    period,
    period_start,
    CAST(sum(evaluations) AS BIGINT) AS evaluations,
    CAST(sum(satisfied) AS BIGINT) AS satisfied,
    CAST(sum(rating_sum) AS BIGINT) AS rating_sum
FROM starts
GROUP BY source, tenant, period, period_start;

-- The Wilson bounds are those of satisfaction_by_department.
CREATE OR REPLACE VIEW marts.satisfaction_trend AS
SELECT
    source,
    tenant,
    period,
    period_start,
    evaluations,
    satisfied,
    rating_sum,
    100 * CAST(satisfied AS DOUBLE) / nullif(evaluations, 0) AS satisfaction_rate,
    CAST(rating_sum AS DOUBLE) / nullif(evaluations, 0) AS average_rating,
    CASE WHEN evaluations > 0
        THEN greatest(0e0, 100 * (middle - spread) / (evaluations + 3.841458820694124e0)) END AS satisfaction_low,
    CASE WHEN evaluations > 0
        THEN least(100e0, 100 * (middle + spread) / (evaluations + 3.841458820694124e0)) END AS satisfaction_high
FROM (
    SELECT
        source,
        tenant,
        period,
        period_start,
        evaluations,
        satisfied,
        rating_sum,
        satisfied + 1.920729410347062e0 AS middle,
        1.959963984540054e0 * sqrt(
            CAST(satisfied AS DOUBLE) * (evaluations - satisfied) / nullif(evaluations, 0) + 0.960364705173531e0
        ) AS spread
    FROM marts.trend_counts
) AS terms;
