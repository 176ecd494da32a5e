-- Satisfaction per department: the whole period and the last 28 reporting days, which end with the newest day
-- of the same source and tenant, never with today. A missing name is a group of its own.
CREATE OR REPLACE TABLE marts.department_counts AS
SELECT
    source,
    tenant,
    department_name,
    min(day) AS first_day,
    max(day) AS last_day,
    CAST(sum(evaluations) AS BIGINT) AS evaluations,
    CAST(sum(satisfied) AS BIGINT) AS satisfied,
    CAST(sum(with_comments) AS BIGINT) AS with_comments,
    CAST(sum(rating_sum) AS BIGINT) AS rating_sum,
    CAST(sum(CASE WHEN days_ago < 28 THEN evaluations ELSE 0 END) AS BIGINT) AS evaluations_28d,
    CAST(sum(CASE WHEN days_ago < 28 THEN satisfied ELSE 0 END) AS BIGINT) AS satisfied_28d,
    CAST(sum(CASE WHEN days_ago < 28 THEN with_comments ELSE 0 END) AS BIGINT) AS with_comments_28d,
    CAST(sum(CASE WHEN days_ago < 28 THEN rating_sum ELSE 0 END) AS BIGINT) AS rating_sum_28d
FROM (
    SELECT
        source,
        tenant,
        department_name,
        day,
        date_diff('day', day, max(day) OVER (PARTITION BY source, tenant)) AS days_ago,
        evaluations,
        satisfied,
        with_comments,
        rating_sum
    FROM marts.satisfaction_counts
) AS dated
GROUP BY source, tenant, department_name;

-- satisfaction_low and _high are the Wilson bounds at 95 % (z = 1.959963984540054, z^2 = 3.841458820694124):
--     (satisfied + z^2/2 -+ z * sqrt(satisfied * dissatisfied / evaluations + z^2/4)) / (evaluations + z^2)
-- greatest and least only cut off what rounding leaves outside of 0 and 100.
CREATE OR REPLACE VIEW marts.satisfaction_by_department AS
SELECT
    source,
    tenant,
    department_name,
    first_day,
    last_day,
    evaluations,
    satisfied,
    with_comments,
    rating_sum,
    100 * CAST(satisfied AS DOUBLE) / nullif(evaluations, 0) AS satisfaction_rate,
    CAST(rating_sum AS DOUBLE) / nullif(evaluations, 0) AS average_rating,
    CASE WHEN evaluations > 0
        THEN greatest(0e0, 100 * (middle - spread) / (evaluations + 3.841458820694124e0)) END AS satisfaction_low,
    CASE WHEN evaluations > 0
        THEN least(100e0, 100 * (middle + spread) / (evaluations + 3.841458820694124e0)) END AS satisfaction_high,
    evaluations_28d,
    satisfied_28d,
    with_comments_28d,
    rating_sum_28d,
    100 * CAST(satisfied_28d AS DOUBLE) / nullif(evaluations_28d, 0) AS satisfaction_rate_28d,
    CAST(rating_sum_28d AS DOUBLE) / nullif(evaluations_28d, 0) AS average_rating_28d,
    CASE WHEN evaluations_28d > 0
        THEN greatest(0e0, 100 * (middle_28d - spread_28d) / (evaluations_28d + 3.841458820694124e0))
    END AS satisfaction_low_28d,
    CASE WHEN evaluations_28d > 0
        THEN least(100e0, 100 * (middle_28d + spread_28d) / (evaluations_28d + 3.841458820694124e0))
    END AS satisfaction_high_28d
FROM (
    SELECT
        source,
        tenant,
        department_name,
        first_day,
        last_day,
        evaluations,
        satisfied,
        with_comments,
        rating_sum,
        evaluations_28d,
        satisfied_28d,
        with_comments_28d,
        rating_sum_28d,
        satisfied + 1.920729410347062e0 AS middle,
        1.959963984540054e0 * sqrt(
            CAST(satisfied AS DOUBLE) * (evaluations - satisfied) / nullif(evaluations, 0) + 0.960364705173531e0
        ) AS spread,
        satisfied_28d + 1.920729410347062e0 AS middle_28d,
        1.959963984540054e0 * sqrt(
            CAST(satisfied_28d AS DOUBLE) * (evaluations_28d - satisfied_28d) / nullif(evaluations_28d, 0)
            + 0.960364705173531e0
        ) AS spread_28d
    FROM marts.department_counts
) AS terms;
