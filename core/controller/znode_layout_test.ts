import { deepEqual, equal, throws } from "node:assert/strict";
import { decodeUtf8, encodeUtf8, NO_BYTES } from "../base/bytes.ts";
import {
  encodeBroker,
  encodeConfig,
  encodeConfigChange,
  encodeController,
  encodeProducerIds,
  encodeState,
  encodeTopic,
  LayoutError,
  parseBroker,
  parseConfig,
  parseConfigChange,
  parseController,
  parseProducerIds,
  parseState,
  parseTopic,
} from "./znode_layout.ts";

// Each text below is what Apache Kafka 3.9.1 wrote.

Deno.test("registrations read and write as Kafka's", () => {
  const text =
    '{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},' +
    '"endpoints":["PLAINTEXT://127.0.0.1:23092"],"rack":"r1","jmx_port":-1,"port":23092,' +
    '"host":"127.0.0.1","version":5,"timestamp":"1795373039647"}';
  const registration = parseBroker("/b", encodeUtf8(text));
  deepEqual(registration, {
    endpoints: [{
      listener: "PLAINTEXT",
      securityProtocol: "PLAINTEXT",
      host: "127.0.0.1",
      port: 23092,
    }],
    rack: "r1",
    features: {},
  });
  equal(decodeUtf8(encodeBroker(registration, 1795373039647)), text);
});

Deno.test("registrations keep listeners, IPv6 hosts and features", () => {
  const registration = {
    endpoints: [
      { listener: "IN", securityProtocol: "SASL_SSL", host: "::1", port: 1 },
      {
        listener: "OUT",
        securityProtocol: "PLAINTEXT",
        host: "h.example",
        port: 2,
      },
    ],
    rack: null,
    features: { "group.version": { minVersion: 0, maxVersion: 1 } },
  };
  const data = encodeBroker(registration, 5);
  deepEqual(parseBroker("/b", data), registration);
  const json = JSON.parse(decodeUtf8(data));
  equal(json.host, "h.example", "the first plaintext endpoint");
  deepEqual(json.features, {
    "group.version": { min_version: 0, max_version: 1 },
  });
});

Deno.test("assignments read and write as Kafka's, and as its older brokers'", () => {
  const text =
    '{"partitions":{"0":[1],"1":[1,2]},"topic_id":"0R1v-XFZTd29qOZ4KsfC9w",' +
    '"adding_replicas":{},"removing_replicas":{},"version":3}';
  const topic = parseTopic("/t", encodeUtf8(text));
  deepEqual([...topic.replicas], [[0, [1]], [1, [1, 2]]]);
  equal(topic.topicId, "0R1v-XFZTd29qOZ4KsfC9w");
  equal(decodeUtf8(encodeTopic(topic)), text);
  const old = parseTopic(
    "/t",
    encodeUtf8('{"version":1,"partitions":{"10":[1],"2":[3]}}'),
  );
  equal(old.topicId, null);
  deepEqual([...old.replicas.keys()], [2, 10]);
});

Deno.test("partition states, the controller and producer ids read and write as Kafka's", () => {
  const state =
    '{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1]}';
  equal(decodeUtf8(encodeState(parseState("/s", encodeUtf8(state)))), state);
  const controller =
    '{"version":2,"brokerid":1,"timestamp":"1795370665145","kraftControllerEpoch":-1}';
  equal(parseController("/controller", encodeUtf8(controller)), 1);
  equal(decodeUtf8(encodeController(1, 1795370665145)), controller);
  const ids = '{"version":1,"broker":1,"block_start":"0","block_end":"999"}';
  deepEqual(parseProducerIds(encodeUtf8(ids)), { start: 0, end: 999 });
  equal(decodeUtf8(encodeProducerIds(1, { start: 0, end: 999 })), ids);
  equal(parseProducerIds(NO_BYTES), null);
});

Deno.test("configuration and its changes read and write as Kafka's", () => {
  const config =
    '{"version":1,"config":{"cleanup.policy":"compact","retention.ms":"1000000"}}';
  equal(
    decodeUtf8(encodeConfig(parseConfig("/c", encodeUtf8(config)))),
    config,
  );
  equal(parseConfig("/c", NO_BYTES).size, 0);
  const change = '{"version":2,"entity_path":"brokers/<default>"}';
  const entity = parseConfigChange("/n", encodeUtf8(change));
  deepEqual(entity, { kind: "brokers", name: "<default>" });
  equal(
    decodeUtf8(encodeConfigChange({ kind: "brokers", name: "<default>" })),
    change,
  );
  deepEqual(
    parseConfigChange(
      "/n",
      encodeUtf8('{"version":1,"entity_type":"topics","entity_name":"t"}'),
    ),
    { kind: "topics", name: "t" },
  );
  equal(parseConfigChange("/n", encodeUtf8('{"entity_path":"moons/x"}')), null);
});

Deno.test("what is no JSON object is refused with the znode's path", () => {
  for (const text of ["", "{", "3", "null", "\ufffd"]) {
    throws(() => parseState("/s/0", encodeUtf8(text)), LayoutError);
  }
  throws(
    () => parseTopic("/t", new Uint8Array([0xff])),
    /Znode \/t does not hold/,
  );
  throws(
    () => parseBroker("/b", encodeUtf8('{"endpoints":["nonsense"]}')),
    /Znode \/b has no endpoint in "nonsense"/,
  );
});
