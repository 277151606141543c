import { deepEqual, equal, throws } from "node:assert/strict";
import { brokerConfig } from "./broker_config.ts";
import { brokerListeners, parseAddresses } from "./listeners.ts";
import { readConfig } from "./table.ts";

const config = (texts: { [key: string]: string }) =>
  readConfig(brokerConfig, new Map(Object.entries(texts)));

Deno.test("parseAddresses() reads names, hosts and ports", () => {
  const cases: [text: string, name: string, host: string, port: number][] = [
    ["PLAINTEXT://127.0.0.1:9092", "PLAINTEXT", "127.0.0.1", 9092],
    ["plaintext://:0", "PLAINTEXT", "", 0],
    [
      "INSIDE://broker-1.example_net:9092",
      "INSIDE",
      "broker-1.example_net",
      9092,
    ],
    ["PLAINTEXT://[::1]:9092", "PLAINTEXT", "::1", 9092],
    ["PLAINTEXT://[fe80::1%eth0]:9092", "PLAINTEXT", "fe80::1%eth0", 9092],
  ];
  for (const [text, name, host, port] of cases) {
    deepEqual(parseAddresses("listeners", text), [{ name, host, port }]);
  }
});

Deno.test("parseAddresses() refuses what is no address", () => {
  const cases = [
    "9092",
    "localhost:9092",
    "PLAINTEXT://h",
    "PLAINTEXT://h:-1",
    "PLAINTEXT://h:65536",
    "PLAINTEXT://a b:1",
    "PLAINTEXT://::1:9092",
    "A://h:1,A://h:2",
  ];
  for (const text of cases) {
    throws(
      () => parseAddresses("listeners", text),
      /^ConfigError: listeners: expected/,
      text,
    );
  }
});

Deno.test("brokerListeners() joins listeners with protocols and advertised addresses", () => {
  const listeners = brokerListeners(config({
    listeners: "IN://:9092,OUT://:9093",
    "listener.security.protocol.map": "IN:PLAINTEXT, OUT:PLAINTEXT",
    "advertised.listeners": "OUT://kq.example:443",
  }));
  deepEqual(listeners, [
    {
      name: "IN",
      host: "",
      port: 9092,
      securityProtocol: "PLAINTEXT",
      advertised: null,
    },
    {
      name: "OUT",
      host: "",
      port: 9093,
      securityProtocol: "PLAINTEXT",
      advertised: { name: "OUT", host: "kq.example", port: 443 },
    },
  ]);
});

Deno.test("brokerListeners() refuses two listeners on one port", () => {
  throws(
    () => brokerListeners(config({ listeners: "PLAINTEXT://a:1,SSL://b:1" })),
    /a port of its own, got "PLAINTEXT and SSL on 1"/,
  );
  equal(
    brokerListeners(
      config({ listeners: "PLAINTEXT://1.2.3.4:1,SSL://[::1]:1" }),
    )
      .length,
    2,
  );
});
