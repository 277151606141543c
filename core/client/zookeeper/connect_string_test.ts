import { deepEqual, throws } from "node:assert/strict";
import { parseConnectString, serverText } from "./connect_string.ts";

Deno.test("a connect string has servers, ports that may be left out, and a chroot", () => {
  deepEqual(parseConnectString("zk1:2182, zk2,[::1]:2183/kafka/main"), {
    servers: [
      { host: "zk1", port: 2182 },
      { host: "zk2", port: 2181 },
      { host: "::1", port: 2183 },
    ],
    chroot: "/kafka/main",
  });
  for (const text of ["a", "a/", "a:2181,"]) {
    deepEqual(parseConnectString(text), {
      servers: [{ host: "a", port: 2181 }],
      chroot: "",
    });
  }
  deepEqual(serverText({ host: "::1", port: 1 }), "[::1]:1");
});

Deno.test("what is no connect string is refused", () => {
  for (
    const text of [
      "",
      ",",
      "/kafka",
      "a:0",
      "a:65536",
      "a:b",
      "a:1:2",
      "::1",
      "a/kafka/",
      "a//kafka",
      "a/../b",
    ]
  ) {
    throws(() => parseConnectString(text), {
      name: "ConfigError",
      key: "zookeeper.connect",
    }, text);
  }
});
