import assert from "node:assert/strict";
import { normalised } from "./consumer_group_command.ts";

Deno.test("ids, addresses, times and spaces do not count", () => {
  assert.deepEqual(
    normalised(
      "\ng   c-0a1b2c3d-0000-1111-2222-333344445555 /127.0.0.1 \n" +
        "g 127.0.0.1:9092 (1001)  range\n" +
        "x AAAAAAAAAAAAAAAAAAAAAA y\n --from-file /tmp/a-1.csv\n" +
        "2026-11-22T01:02:03.004\n\tat some.Class\n",
    ),
    [
      "g c-UUID /127.0.0.1",
      "g BROKER range",
      "x UUID y",
      "--from-file FILE",
      "TIME",
    ],
  );
});

Deno.test("tables that come as one line are taken apart", () => {
  assert.deepEqual(
    normalised("GROUP  TOPIC  PARTITION  NEW-OFFSET  g t 1 7   g t 0 7  "),
    ["GROUP TOPIC PARTITION NEW-OFFSET", "g t 1 7", "g t 0 7"],
  );
  assert.deepEqual(
    normalised("TOPIC PARTITION STATUS  cmd-a 0 Error: :x.cmd-a 1 Successful"),
    ["TOPIC PARTITION STATUS", "cmd-a 0 Error: :x.", "cmd-a 1 Successful"],
  );
  assert.deepEqual(
    normalised(
      "Deletion of requested consumer groups ('z', 'cmd-b', 'cmd-a') was successful.",
    ),
    ["Deleted: cmd-a, cmd-b"],
  );
});
