// Apache Kafka 3.9.1 itself, to compare kq with: its jars from Maven, one broker
// on loopback (KRaft, so without a ZooKeeper), and its command line tools.
//
// The jars live in a cache (KQ_CACHE, else ~/.cache/kq); the first use fetches
// them, which takes a JDK, Maven and about a minute.

const VERSION = "3.9.1";
/** Clients that know the second version of transactions. */
export const NEWER_CLIENTS_VERSION = "4.1.0";
const CLUSTER_ID = "a3EtY29uZm9ybWFuY2Ux";

/** Where this machine keeps what runs of the project fetched. */
export function cacheDirectory(): string {
  return Deno.env.get("KQ_CACHE") ??
    `${Deno.env.get("HOME") ?? "/tmp"}/.cache/kq`;
}

async function succeeds(command: string, args: string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(command, {
      args,
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

/**
 * The class path of Apache Kafka and its tools, fetched where missing.
 *
 * @returns `null` on a machine that has no Java or cannot fetch the jars.
 */
export function kafkaClassPath(): Promise<string | null> {
  return fetchedJars(`apache-kafka-${VERSION}`, "pom.xml");
}

/**
 * The class path of the newer clients, and of what Apache Kafka 3.9.1 has beside
 * its own.
 *
 * @returns As `kafkaClassPath()`.
 */
export async function newerClientsClassPath(): Promise<string | null> {
  const kafka = await kafkaClassPath();
  if (kafka === null) return null;
  const name = `kafka-clients-${NEWER_CLIENTS_VERSION}`;
  const newer = await fetchedJars(name, "pom_newer_clients.xml");
  return newer === null ? null : `${newer}:${kafka}`;
}

/** What a POM beside this file depends on; fetched again where the POM is another one. */
async function fetchedJars(
  name: string,
  pomName: string,
): Promise<string | null> {
  if (!await succeeds("java", ["-version"])) return null;
  const directory = `${cacheDirectory()}/${name}`;
  const libs = `${directory}/libs`;
  const pom = await Deno.readTextFile(new URL(pomName, import.meta.url));
  const done = await Deno.readTextFile(`${libs}/.done`).catch(() => null);
  if (done !== pom) {
    await Deno.mkdir(directory, { recursive: true });
    await Deno.writeTextFile(`${directory}/pom.xml`, pom);
    const fetched = await succeeds("mvn", [
      "-q",
      "-B",
      "-f",
      `${directory}/pom.xml`,
      "dependency:copy-dependencies",
      `-DoutputDirectory=${libs}`,
    ]);
    if (!fetched) return null;
    // Two loggers on one class path quarrel; the simple one stays.
    for await (const entry of Deno.readDir(libs)) {
      if (entry.name.startsWith("slf4j-reload4j-")) {
        await Deno.remove(`${libs}/${entry.name}`);
      }
    }
    await Deno.writeTextFile(`${libs}/.done`, pom);
  }
  return `${libs}/*`;
}

const LOG_LEVEL = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn";

/** The arguments of `java` that run one of Kafka's tools. */
export function toolArgs(
  classPath: string,
  mainClass: string,
  args: readonly string[],
): string[] {
  return ["-Xmx512m", LOG_LEVEL, "-cp", classPath, mainClass, ...args];
}

export interface KafkaOptions {
  readonly classPath: string;
  readonly port: number;
  /** An empty directory, for its log and configuration. */
  readonly directory: string;
  /** More lines of `server.properties`. */
  readonly properties?: Readonly<Record<string, string>>;
}

/**
 * Starts one Apache Kafka broker on loopback; the caller ends the process.
 *
 * Returns once the process runs, which is before it answers.
 */
export async function startApacheKafka(
  options: KafkaOptions,
): Promise<Deno.ChildProcess> {
  const { classPath, port, directory } = options;
  const properties: Record<string, string> = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${port + 1}`,
    "listeners": `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${
      port + 1
    }`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "log.dirs": `${directory}/data`,
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    ...options.properties,
  };
  await Deno.mkdir(`${directory}/data`, { recursive: true });
  const file = `${directory}/server.properties`;
  await Deno.writeTextFile(
    file,
    Object.entries(properties).map(([key, value]) => `${key}=${value}\n`).join(
      "",
    ),
  );
  const format = await new Deno.Command("java", {
    args: toolArgs(classPath, "kafka.tools.StorageTool", [
      "format",
      "--ignore-formatted",
      "-t",
      CLUSTER_ID.padEnd(22, "A"),
      "-c",
      file,
    ]),
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!format.success) {
    throw new Error(
      `Cannot format Apache Kafka's storage: ${
        new TextDecoder().decode(format.stderr)
      }`,
    );
  }
  const log = await Deno.open(`${directory}/server.log`, {
    create: true,
    write: true,
    truncate: true,
  });
  const child = new Deno.Command("java", {
    args: [
      "-Xmx1g",
      "-Xms1g",
      "-XX:+UseG1GC",
      "-XX:MaxGCPauseMillis=20",
      LOG_LEVEL,
      "-cp",
      classPath,
      "kafka.Kafka",
      file,
    ],
    stdout: "null",
    // The simple logger writes there.
    stderr: "piped",
  }).spawn();
  child.stderr.pipeTo(log.writable).catch(() => {});
  return child;
}
