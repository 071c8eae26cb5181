"""Asks the door as people do with clickhouse-connect, and prints what came as JSON. Arguments: port, password."""
import json
import sys

import clickhouse_connect
from clickhouse_connect import common
from clickhouse_connect.driver.exceptions import DatabaseError

port, password = int(sys.argv[1]), sys.argv[2]
# To a reader every setting is read-only in ClickHouse's own list; the door takes some all the same.
common.set_setting("invalid_setting_action", "send")


def refused(work):
    try:
        work()
        return "it went through"
    except DatabaseError as error:
        return str(error).split("code: ")[1].split(",")[0]


client = clickhouse_connect.get_client(host="127.0.0.1", port=port, username="any", password=password)
rows = client.query("SELECT n, city FROM rides WHERE n < {below:UInt64} ORDER BY n", parameters={"below": 3})
with client.query_row_block_stream("SELECT n FROM rides") as stream:
    streamed = sum(len(block) for block in stream)
print(json.dumps({
    "rows": rows.result_rows,
    "text": client.query("SELECT {s:String}", parameters={"s": "it's\t\\ ž"}).first_row[0],
    "count": client.command("SELECT count() FROM rides"),
    "streamed": streamed,
    "nullable": client.query("SELECT NULL, [1, 2], toDecimal64('1.25', 2)::String").first_row,
    "setting": client.query("SELECT getSetting('max_execution_time')", settings={"max_execution_time": 5}).first_row[0],
    "exists": client.command("EXISTS rides"),
    "create": refused(lambda: client.command("CREATE TABLE x (a Int8) ENGINE = Memory")),
    "drop": refused(lambda: client.command("DROP TABLE rides")),
    "file": refused(lambda: client.query("SELECT * FROM file('/etc/passwd')")),
    "unknown": refused(lambda: client.query("SELECT * FROM nowhere")),
    "stranger": refused(lambda: clickhouse_connect.get_client(host="127.0.0.1", port=port, password="wrong")),
}))
