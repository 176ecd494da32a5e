-- Percent, and the Wilson bounds at 95 % of marts.satisfaction_by_agent, for sums over any days: rates of single days
-- may not be added up. z = 1.959963984540054. Null where nothing was counted.
CREATE OR REPLACE TEMP MACRO share_of(good, n) AS 100 * CAST(good AS DOUBLE) / nullif(n, 0);

CREATE OR REPLACE TEMP MACRO half_band(good, n) AS
    1.959963984540054e0 * sqrt(CAST(good AS DOUBLE) * (n - good) / nullif(n, 0) + 0.960364705173531e0);

CREATE OR REPLACE TEMP MACRO lower_bound(good, n) AS
    CASE WHEN n > 0
        THEN greatest(0e0, 100 * (good + 1.920729410347062e0 - half_band(good, n)) / (n + 3.841458820694124e0)) END;

CREATE OR REPLACE TEMP MACRO upper_bound(good, n) AS
    CASE WHEN n > 0
        THEN least(100e0, 100 * (good + 1.920729410347062e0 + half_band(good, n)) / (n + 3.841458820694124e0)) END;

CREATE OR REPLACE TEMP MACRO named(name) AS coalesce(name, '(no name)');
