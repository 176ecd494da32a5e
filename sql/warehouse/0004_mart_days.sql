-- What the marts were made of, so that the next run makes only the days anew that have changed since.
CREATE TABLE meta.mart_days (                -- every day of core.evaluations, in UTC
    source  VARCHAR NOT NULL,
    tenant  VARCHAR NOT NULL,
    day     DATE    NOT NULL,
    version VARCHAR NOT NULL                 -- changes whenever a row of the day does
);

CREATE TABLE meta.mart_makers (              -- one row
    about          VARCHAR NOT NULL,         -- SHA-256 of the marts' SQL
    timezone       VARCHAR NOT NULL,         -- as in meta.settings then
    satisfied_from TINYINT NOT NULL
);
