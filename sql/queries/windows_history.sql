-- The newest version of each window of {city} that starts in [{from}, {to}), latest first, in the wire's shape.
SELECT * REPLACE (leftPad(toString(rev), 19, '0') AS rev)
FROM city_windows FINAL
WHERE city = {city:String}
    AND window_start >= {from:DateTime64(3, 'UTC')} AND window_start < {to:DateTime64(3, 'UTC')}
ORDER BY window_start DESC
LIMIT {limit:UInt32}
