-- Each statement returns the rows that break a rule; no row is good. Details hold no names of people.
SELECT
    'fail' AS severity,
    'settings_are_one_row' AS check_name,
    'meta.settings has ' || CAST(count(*) AS VARCHAR) || ' rows' AS detail
FROM meta.settings
HAVING count(*) <> 1;

SELECT
    'fail' AS severity,
    'every_evaluation_is_counted_once' AS check_name,
    coalesce(c.source, m.source) || '/' || coalesce(c.tenant, m.tenant) || ': '
        || CAST(coalesce(c.evaluations, 0) AS VARCHAR) || ' loaded, '
        || CAST(coalesce(m.evaluations, 0) AS VARCHAR) || ' counted; comments: '
        || CAST(coalesce(c.with_comments, 0) AS VARCHAR) || ' loaded, '
        || CAST(coalesce(m.with_comments, 0) AS VARCHAR) || ' counted' AS detail
FROM (
    SELECT source, tenant, count(*) AS evaluations, count(CASE WHEN has_comment THEN 1 END) AS with_comments
    FROM core.evaluations
    WHERE _deleted_at IS NULL
    GROUP BY source, tenant
) AS c
FULL OUTER JOIN (
    SELECT source, tenant, sum(evaluations) AS evaluations, sum(with_comments) AS with_comments
    FROM marts.rating_counts
    GROUP BY source, tenant
) AS m ON c.source = m.source AND c.tenant = m.tenant
WHERE coalesce(c.evaluations, 0) <> coalesce(m.evaluations, 0)
   OR coalesce(c.with_comments, 0) <> coalesce(m.with_comments, 0);

-- No time zone is a whole day away from UTC.
SELECT
    'fail' AS severity,
    'days_are_within_the_loaded_times' AS check_name,
    m.source || '/' || m.tenant || ': ' || CAST(m.first_day AS VARCHAR) || ' to ' || CAST(m.last_day AS VARCHAR)
        || ', loaded ' || CAST(c.first_day AS VARCHAR) || ' to ' || CAST(c.last_day AS VARCHAR) AS detail
FROM (
    SELECT source, tenant, min(day) AS first_day, max(day) AS last_day
    FROM marts.rating_counts
    GROUP BY source, tenant
) AS m
INNER JOIN (
    SELECT
        source,
        tenant,
        CAST(min(created_at) AT TIME ZONE 'UTC' AS DATE) AS first_day,
        CAST(max(created_at) AT TIME ZONE 'UTC' AS DATE) AS last_day
    FROM core.evaluations
    WHERE _deleted_at IS NULL
    GROUP BY source, tenant
) AS c ON c.source = m.source AND c.tenant = m.tenant
WHERE date_diff('day', m.first_day, c.first_day) > 1
   OR date_diff('day', c.last_day, m.last_day) > 1;

SELECT
    'fail' AS severity,
    'ratings_are_1_to_5' AS check_name,
    source || '/' || tenant || ': rating ' || coalesce(CAST(rating AS VARCHAR), 'missing') || ' on '
        || CAST(day AS VARCHAR) AS detail
FROM marts.rating_counts
WHERE rating IS NULL OR rating < 1 OR rating > 5;

SELECT
    'fail' AS severity,
    'key_is_unique' AS check_name,
    source || '/' || tenant || ': ' || CAST(count(*) AS VARCHAR) || ' rows of one key on '
        || CAST(day AS VARCHAR) AS detail
FROM marts.rating_distribution
GROUP BY source, tenant, day, department_name, agent_name, rating
HAVING count(*) > 1;
