SELECT
    'fail' AS severity,
    'sums_equal_the_distribution' AS check_name,
    coalesce(c.source, r.source) || '/' || coalesce(c.tenant, r.tenant) || ': '
        || CAST(coalesce(c.evaluations, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(r.evaluations, 0) AS VARCHAR) || ' evaluations, rating sum '
        || CAST(coalesce(c.rating_sum, 0) AS VARCHAR) || ' of '
        || CAST(coalesce(r.rating_sum, 0) AS VARCHAR) AS detail
FROM (
    SELECT
        source,
        tenant,
        sum(evaluations) AS evaluations,
        sum(with_comments) AS with_comments,
        sum(rating_sum) AS rating_sum
    FROM marts.satisfaction_counts
    GROUP BY source, tenant
) AS c
FULL OUTER JOIN (
    SELECT
        source,
        tenant,
        sum(evaluations) AS evaluations,
        sum(with_comments) AS with_comments,
        sum(rating * evaluations) AS rating_sum
    FROM marts.rating_counts
    GROUP BY source, tenant
) AS r ON r.source = c.source AND r.tenant = c.tenant
WHERE coalesce(c.evaluations, 0) <> coalesce(r.evaluations, 0)
   OR coalesce(c.with_comments, 0) <> coalesce(r.with_comments, 0)
   OR coalesce(c.rating_sum, 0) <> coalesce(r.rating_sum, 0);

SELECT
    'fail' AS severity,
    'counts_are_possible' AS check_name,
    source || '/' || tenant || ' on ' || CAST(day AS VARCHAR) || ': evaluations '
        || CAST(evaluations AS VARCHAR) || ', satisfied ' || CAST(satisfied AS VARCHAR) || ', with comments '
        || CAST(with_comments AS VARCHAR) || ', rating sum ' || CAST(rating_sum AS VARCHAR) AS detail
FROM marts.satisfaction_counts
WHERE evaluations < 1
   OR satisfied < 0
   OR satisfied > evaluations
   OR with_comments < 0
   OR with_comments > evaluations
   OR rating_sum < evaluations
   OR rating_sum > 5 * evaluations;

SELECT
    'fail' AS severity,
    'ratios_are_possible' AS check_name,
    source || '/' || tenant || ' on ' || CAST(day AS VARCHAR) || ': rate '
        || coalesce(CAST(satisfaction_rate AS VARCHAR), 'missing') || ', average '
        || coalesce(CAST(average_rating AS VARCHAR), 'missing') AS detail
FROM marts.satisfaction_rate
WHERE satisfaction_rate IS NULL
   OR satisfaction_rate < 0
   OR satisfaction_rate > 100
   OR average_rating IS NULL
   OR average_rating < 1
   OR average_rating > 5;

SELECT
    'fail' AS severity,
    'key_is_unique' AS check_name,
    source || '/' || tenant || ': ' || CAST(count(*) AS VARCHAR) || ' rows of one key on '
        || CAST(day AS VARCHAR) AS detail
FROM marts.satisfaction_rate
GROUP BY source, tenant, day, department_name, agent_name
HAVING count(*) > 1;
