-- When a row was stored, for the sink's delay: the one column that is no function of the record.
--
-- MATERIALIZED  It is in no `SELECT *` and in no insert: the wire's shape and the sink's rows stay as they are.
-- Exact         A row that comes again replaces itself and its time; FINAL has the last insertion. No number that
--               Waymark publishes depends on it.
-- Old rows      Rows stored before this column existed have the time at which they are read or merged. The column is
--               for the live edge; writing it into old parts would rewrite them while a service waits to start.
ALTER TABLE ride_events
    ADD COLUMN IF NOT EXISTS inserted_at DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC');
ALTER TABLE driver_locations
    ADD COLUMN IF NOT EXISTS inserted_at DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC');
ALTER TABLE city_windows
    ADD COLUMN IF NOT EXISTS inserted_at DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC');
