-- The figures of the cards: of the period, and of the equally long one before it.
-- Bound: first, last, before (first day of the period before), source, department, agent (null: all).
WITH ratings AS (
    SELECT
        coalesce(sum(CASE WHEN day >= $first THEN evaluations END), 0) AS evaluations,
        coalesce(sum(CASE WHEN day >= $first THEN satisfied END), 0) AS satisfied,
        coalesce(sum(CASE WHEN day >= $first THEN with_comments END), 0) AS with_comments,
        coalesce(sum(CASE WHEN day >= $first THEN rating_sum END), 0) AS rating_sum,
        coalesce(sum(CASE WHEN day < $first THEN evaluations END), 0) AS evaluations_before,
        coalesce(sum(CASE WHEN day < $first THEN satisfied END), 0) AS satisfied_before,
        coalesce(sum(CASE WHEN day < $first THEN rating_sum END), 0) AS rating_sum_before
    FROM marts.satisfaction_rate
    WHERE day BETWEEN $before AND $last
      AND ($source IS NULL OR source = $source)
      AND ($department IS NULL OR named(department_name) = $department)
      AND ($agent IS NULL OR named(agent_name) = $agent)
),

quality AS (
    SELECT
        coalesce(sum(CASE WHEN day >= $first THEN evaluations END), 0) AS quality_evaluations,
        coalesce(sum(CASE WHEN day >= $first THEN passed END), 0) AS passed,
        coalesce(sum(CASE WHEN day >= $first THEN failed END), 0) AS failed,
        coalesce(sum(CASE WHEN day < $first THEN passed END), 0) AS passed_before,
        coalesce(sum(CASE WHEN day < $first THEN failed END), 0) AS failed_before
    FROM marts.quality_outcomes
    WHERE day BETWEEN $before AND $last
      AND ($source IS NULL OR source = $source)
      AND ($agent IS NULL OR named(agent_name) = $agent)
)

SELECT
    CAST(r.evaluations AS BIGINT) AS evaluations,
    CAST(r.satisfied AS BIGINT) AS satisfied,
    CAST(r.with_comments AS BIGINT) AS with_comments,
    share_of(r.satisfied, r.evaluations) AS satisfaction_rate,
    lower_bound(r.satisfied, r.evaluations) AS satisfaction_low,
    upper_bound(r.satisfied, r.evaluations) AS satisfaction_high,
    CAST(r.rating_sum AS DOUBLE) / nullif(r.evaluations, 0) AS average_rating,
    CAST(r.evaluations_before AS BIGINT) AS evaluations_before,
    share_of(r.satisfied_before, r.evaluations_before) AS satisfaction_rate_before,
    CAST(r.rating_sum_before AS DOUBLE) / nullif(r.evaluations_before, 0) AS average_rating_before,
    CAST(q.quality_evaluations AS BIGINT) AS quality_evaluations,
    CAST(q.passed AS BIGINT) AS passed,
    CAST(q.failed AS BIGINT) AS failed,
    share_of(q.passed, q.passed + q.failed) AS pass_rate,
    lower_bound(q.passed, q.passed + q.failed) AS pass_low,
    upper_bound(q.passed, q.passed + q.failed) AS pass_high,
    share_of(q.passed_before, q.passed_before + q.failed_before) AS pass_rate_before
FROM ratings AS r
CROSS JOIN quality AS q;
