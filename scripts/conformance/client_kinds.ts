// Every client of the conformance runs, with its version.

import { fileURLToPath } from "node:url";
import type { ClientKind } from "./client.ts";
import { nodeWith, pythonWith } from "./install.ts";
import { javaTools } from "./java_client.ts";
import { kcat } from "./kcat_client.ts";
import { WorkerClient } from "./worker_client.ts";

const script = (name: string) =>
  fileURLToPath(new URL(`./clients/${name}`, import.meta.url));

function pythonClient(
  name: string,
  file: string,
  requirements: readonly string[],
): ClientKind {
  return {
    name,
    open: async (bootstrap) => {
      const python = await pythonWith(name.replaceAll(" ", "-"), requirements);
      return new WorkerClient(name, python, ["-u", script(file), bootstrap]);
    },
  };
}

const CODECS = ["lz4==4.4.5", "python-snappy==0.7.3", "zstandard==0.25.0"];
const NODE_MODULES = [
  "kafkajs@2.2.4",
  "kafkajs-snappy@1.1.0",
  "lz4-napi@2.10.0",
  "@platformatic/kafka@2.12.1",
];

function nodeClient(name: string, file: string): ClientKind {
  return {
    name,
    open: async (bootstrap) => {
      const { node, directory } = await nodeWith(NODE_MODULES);
      const args = ["--no-warnings", script(file), bootstrap, directory];
      return new WorkerClient(name, node, args);
    },
  };
}

/** In the order of the table. */
export const clientKinds: readonly ClientKind[] = [
  kcat,
  javaTools,
  pythonClient("kafka-python 2.0.2", "kafka_python.py", [
    "kafka-python==2.0.2",
    ...CODECS,
  ]),
  pythonClient("kafka-python 3.0.12", "kafka_python.py", [
    "kafka-python==3.0.12",
    ...CODECS,
  ]),
  pythonClient("confluent-kafka 2.16.1", "confluent.py", [
    "confluent-kafka==2.16.1",
  ]),
  nodeClient("kafkajs 2.2.4", "kafkajs.mjs"),
  nodeClient("platformatic 2.12.1", "platformatic.mjs"),
];
