-- How often each rating was given, per source.
SELECT
    source,
    sum(CASE WHEN rating = 1 THEN evaluations ELSE 0 END) AS rating_1,
    sum(CASE WHEN rating = 2 THEN evaluations ELSE 0 END) AS rating_2,
    sum(CASE WHEN rating = 3 THEN evaluations ELSE 0 END) AS rating_3,
    sum(CASE WHEN rating = 4 THEN evaluations ELSE 0 END) AS rating_4,
    sum(CASE WHEN rating = 5 THEN evaluations ELSE 0 END) AS rating_5
FROM marts.rating_distribution
GROUP BY source
ORDER BY source;
