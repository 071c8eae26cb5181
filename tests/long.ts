/**
 * Tests that need nothing installed, but five seconds of a core and more each. `npm test` leaves them out, for it is
 * run again and again; `npm run test:services -- long` runs them, and so does the gate.
 */
export const longTests = [
  "tests/conformance/analytics_server_test.ts",
  "tests/conformance/analytics_test.ts",
  "tests/conformance/clickhouse_node_test.ts",
  "tests/faults/row_30_test.ts",
  "tests/fuzz/internal_records_test.ts",
  "tests/golden/speeds_test.ts",
  "tests/pipeline/alert_delays_test.ts",
  "tests/pipeline/bench_test.ts",
  "tests/pipeline/client_test.ts",
  "tests/pipeline/generations_test.ts",
  "tests/pipeline/heap_limit_test.ts",
  "tests/pipeline/kill_test.ts",
  "tests/pipeline/panels_test.ts",
  "tests/pipeline/scenarios_test.ts",
  "tests/unit/alerts/due_property_test.ts",
  "tests/unit/stages/cities_property_test.ts",
  "tests/unit/stages/usual_steps_test.ts",
  "tests/unit/traffic/city_traffic_test.ts",
  "tests/unit/traffic/scenarios_test.ts",
];
