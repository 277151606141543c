import { notStrictEqual, ok } from "node:assert/strict";
import { brokerConfig } from "./broker_config.ts";
import { consumerConfig, producerConfig } from "./client_config.ts";
import { formerDefaults } from "./former_defaults.ts";
import { defaultValue } from "./table.ts";
import { formatValue, parseValue } from "./value.ts";

Deno.test("former defaults are valid, and other than those of today", () => {
  const tables = {
    broker: brokerConfig,
    producer: producerConfig,
    consumer: consumerConfig,
  };
  for (const scopes of Object.values(formerDefaults)) {
    for (const [scope, table] of Object.entries(tables)) {
      const values = scopes[scope as keyof typeof tables];
      for (const [key, text] of Object.entries(values)) {
        const row = table.row(key);
        ok(row !== undefined, key);
        parseValue(row, key, text);
        notStrictEqual(formatValue(row, defaultValue(row)), text, key);
      }
    }
  }
});
