SELECT
    'fail' AS severity,
    'every_completed_call_is_counted_once' AS check_name,
    coalesce(c.source, m.source) || '/' || coalesce(c.tenant, m.tenant) || ': '
        || CAST(coalesce(c.calls, 0) AS VARCHAR) || ' loaded, '
        || CAST(coalesce(m.calls, 0) AS VARCHAR) || ' counted' AS detail
FROM (
    SELECT source, tenant, count(*) AS calls
    FROM core.calls
    WHERE _deleted_at IS NULL AND status = 'completed'
    GROUP BY source, tenant
) AS c
FULL OUTER JOIN (
    SELECT source, tenant, sum(completed_calls) AS calls
    FROM marts.evaluation_coverage
    GROUP BY source, tenant
) AS m ON m.source = c.source AND m.tenant = c.tenant
WHERE coalesce(c.calls, 0) <> coalesce(m.calls, 0);

-- A second rating of one call makes fewer rated calls than ratings, never more.
SELECT
    'fail' AS severity,
    'counts_are_possible' AS check_name,
    source || '/' || tenant || ' on ' || CAST(day AS VARCHAR) || ': ' || CAST(rated_calls AS VARCHAR) || ' of '
        || CAST(completed_calls AS VARCHAR) || ' completed calls rated, by ' || CAST(ratings AS VARCHAR)
        || ' ratings' AS detail
FROM marts.coverage_counts
WHERE rated_calls < 0
   OR rated_calls > completed_calls
   OR rated_calls > ratings;

SELECT
    'fail' AS severity,
    'coverage_is_a_share' AS check_name,
    source || '/' || tenant || ' on ' || CAST(day AS VARCHAR) || ': '
        || coalesce(CAST(coverage AS VARCHAR), 'missing') || ' percent' AS detail
FROM marts.evaluation_coverage
WHERE coverage IS NULL
   OR coverage < 0
   OR coverage > 100;

-- No call has more ratings than its source and tenant.
SELECT
    'fail' AS severity,
    'ratings_are_loaded' AS check_name,
    m.source || '/' || m.tenant || ': ' || CAST(m.ratings AS VARCHAR) || ' ratings of calls, '
        || CAST(coalesce(r.ratings, 0) AS VARCHAR) || ' loaded' AS detail
FROM (
    SELECT source, tenant, sum(ratings) AS ratings
    FROM marts.coverage_counts
    GROUP BY source, tenant
) AS m
LEFT JOIN (
    SELECT source, tenant, sum(evaluations) AS ratings
    FROM marts.rating_counts
    GROUP BY source, tenant
) AS r ON r.source = m.source AND r.tenant = m.tenant
WHERE m.ratings > coalesce(r.ratings, 0);

SELECT
    'fail' AS severity,
    'key_is_unique' AS check_name,
    source || '/' || tenant || ': ' || CAST(count(*) AS VARCHAR) || ' rows of one key on '
        || CAST(day AS VARCHAR) AS detail
FROM marts.evaluation_coverage
GROUP BY source, tenant, day, department_name, agent_name
HAVING count(*) > 1;

-- Silent where no call is loaded at all: there the stream of calls is not wanted.
SELECT
    'warn' AS severity,
    'ratings_have_their_call' AS check_name,
    m.source || '/' || m.tenant || ': ' || CAST(r.ratings - m.ratings AS VARCHAR) || ' of '
        || CAST(r.ratings AS VARCHAR) || ' ratings have no loaded call' AS detail
FROM (
    SELECT source, tenant, sum(ratings) AS ratings
    FROM marts.coverage_counts
    GROUP BY source, tenant
) AS m
INNER JOIN (
    SELECT source, tenant, sum(evaluations) AS ratings
    FROM marts.rating_counts
    GROUP BY source, tenant
) AS r ON r.source = m.source AND r.tenant = m.tenant
WHERE m.ratings < r.ratings;
