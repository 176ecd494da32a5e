-- Scores are added up here as they came: rounding moves each by less than 0.0001.
SELECT
    'fail' AS severity,
    'every_evaluation_is_counted_once' AS check_name,
    coalesce(c.source, m.source) || '/' || coalesce(c.tenant, m.tenant) || ': '
        || CAST(coalesce(c.evaluations, 0) AS VARCHAR) || ' loaded, '
        || CAST(coalesce(m.evaluations, 0) AS VARCHAR) || ' counted; with a score: '
        || CAST(coalesce(c.scored, 0) AS VARCHAR) || ' loaded, '
        || CAST(coalesce(m.scored, 0) AS VARCHAR) || ' counted; sum of scores: '
        || CAST(coalesce(c.score_sum, 0e0) AS VARCHAR) || ' loaded, '
        || CAST(coalesce(m.score_sum, 0) AS VARCHAR) || ' counted' AS detail
FROM (
    SELECT
        source,
        tenant,
        count(*) AS evaluations,
        count(CASE WHEN score BETWEEN 0 AND 100 THEN 1 END) AS scored,
        sum(CASE WHEN score BETWEEN 0 AND 100 THEN score END) AS score_sum
    FROM core.quality_evaluations
    WHERE _deleted_at IS NULL
    GROUP BY source, tenant
) AS c
FULL OUTER JOIN (
    SELECT
        source,
        tenant,
        sum(evaluations) AS evaluations,
        sum(scored) AS scored,
        sum(score_sum) AS score_sum
    FROM marts.quality_counts
    GROUP BY source, tenant
) AS m ON c.source = m.source AND c.tenant = m.tenant
WHERE coalesce(c.evaluations, 0) <> coalesce(m.evaluations, 0)
   OR coalesce(c.scored, 0) <> coalesce(m.scored, 0)
   OR abs(coalesce(c.score_sum, 0e0) - CAST(coalesce(m.score_sum, 0) AS DOUBLE))
        > 1e-4 * coalesce(c.scored, 0) + 1e-6;

-- No time zone is a whole day away from UTC.
SELECT
    'fail' AS severity,
    'days_are_within_the_loaded_times' AS check_name,
    m.source || '/' || m.tenant || ': ' || CAST(m.first_day AS VARCHAR) || ' to ' || CAST(m.last_day AS VARCHAR)
        || ', loaded ' || CAST(c.first_day AS VARCHAR) || ' to ' || CAST(c.last_day AS VARCHAR) AS detail
FROM (
    SELECT source, tenant, min(day) AS first_day, max(day) AS last_day
    FROM marts.quality_counts
    GROUP BY source, tenant
) AS m
INNER JOIN (
    SELECT
        source,
        tenant,
        CAST(min(published_at) AT TIME ZONE 'UTC' AS DATE) AS first_day,
        CAST(max(published_at) AT TIME ZONE 'UTC' AS DATE) AS last_day
    FROM core.quality_evaluations
    WHERE _deleted_at IS NULL
    GROUP BY source, tenant
) AS c ON c.source = m.source AND c.tenant = m.tenant
WHERE date_diff('day', m.first_day, c.first_day) > 1
   OR date_diff('day', c.last_day, m.last_day) > 1;

SELECT
    'fail' AS severity,
    'counts_are_possible' AS check_name,
    source || '/' || tenant || ' on ' || CAST(day AS VARCHAR) || ': evaluations '
        || CAST(evaluations AS VARCHAR) || ', passed ' || CAST(passed AS VARCHAR) || ', failed '
        || CAST(failed AS VARCHAR) || ', auto-failed ' || CAST(auto_failed AS VARCHAR) || ', scored '
        || CAST(scored AS VARCHAR) || ', sum of scores ' || CAST(score_sum AS VARCHAR) AS detail
FROM marts.quality_counts
WHERE evaluations < 1
   OR passed < 0
   OR failed < 0
   OR passed + failed > evaluations
   OR auto_failed < 0
   OR auto_failed > evaluations
   OR scored < 0
   OR scored > evaluations
   OR score_sum < 0
   OR score_sum > 100 * scored;

SELECT
    'fail' AS severity,
    'ratios_are_possible' AS check_name,
    source || '/' || tenant || ' on ' || CAST(day AS VARCHAR) || ': pass rate '
        || coalesce(CAST(pass_rate AS VARCHAR), 'missing') || ', average score '
        || coalesce(CAST(average_score AS VARCHAR), 'missing') AS detail
FROM marts.quality_outcomes
WHERE pass_rate < 0
   OR pass_rate > 100
   OR (pass_rate IS NULL AND passed + failed > 0)
   OR average_score < 0
   OR average_score > 100
   OR (average_score IS NULL AND scored > 0);

SELECT
    'fail' AS severity,
    'key_is_unique' AS check_name,
    source || '/' || tenant || ': ' || CAST(count(*) AS VARCHAR) || ' rows of one key on '
        || CAST(day AS VARCHAR) AS detail
FROM marts.quality_outcomes
GROUP BY source, tenant, day, scorecard_id, agent_id
HAVING count(*) > 1;

SELECT
    'warn' AS severity,
    'scores_are_percent' AS check_name,
    source || '/' || tenant || ': ' || CAST(count(*) AS VARCHAR)
        || ' scores outside of 0 to 100 are in no average' AS detail
FROM core.quality_evaluations
WHERE _deleted_at IS NULL
  AND (score < 0 OR score > 100)
GROUP BY source, tenant;
