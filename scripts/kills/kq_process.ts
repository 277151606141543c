// Processes of kq, started from source, to be killed: brokers and members of
// groups. What they print goes to files, as nothing of it may be lost with them.

const ROOT = new URL("../../", import.meta.url).pathname;
const RUN = [
  "run",
  "--quiet",
  "--no-prompt",
  "--cached-only",
  "--frozen",
  "-A",
  "--config",
  `${ROOT}deno.json`,
];

/** A port that nobody listens on now. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** What runs a script of the project, given by its path from the root. */
export function denoCommand(script: string): string[] {
  return [Deno.execPath(), ...RUN, `${ROOT}${script}`];
}

/** A process to be killed. */
export class KilledProcess {
  readonly #child: Deno.ChildProcess;
  #hasEnded = false;

  /** @param files Where output and diagnostics go; both are appended to. */
  constructor(
    command: readonly string[],
    files: { readonly out: string; readonly err: string },
  ) {
    // The shell becomes the process, under the same id.
    this.#child = new Deno.Command("sh", {
      args: [
        "-c",
        'out=$1 err=$2; shift 2; exec "$@" >>"$out" 2>>"$err"',
        "sh",
        files.out,
        files.err,
        ...command,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#child.status.then(() => this.#hasEnded = true);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Its exit code, once it has ended by itself. */
  get finished(): Promise<number> {
    return this.#child.status.then(({ code }) => code);
  }

  /** Ends it, and waits until it has; gives its exit code. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<number> {
    if (!this.#hasEnded) this.#child.kill(signal);
    return (await this.#child.status).code;
  }
}

export class KqProcess extends KilledProcess {
  /** @param args What follows `kq`. */
  constructor(
    args: readonly string[],
    files: { readonly out: string; readonly err: string },
  ) {
    super([...denoCommand("main.ts"), ...args], files);
  }
}

/** Where a broker listens, and where it sends clients that come there. */
export interface Listening {
  readonly name: string;
  readonly address: string;
  readonly advertised: string;
}

/** A broker that is killed and started again on the same port and data. */
export class BrokerProcess {
  readonly address: string;
  readonly #directory: string;
  readonly #overrides: readonly string[];
  readonly #listeners: Listening[];
  #process: KqProcess | null = null;

  /** @param overrides `key=value`, beside the port and the data. */
  constructor(directory: string, overrides: readonly string[]) {
    this.#directory = directory;
    this.#overrides = overrides;
    this.address = `127.0.0.1:${freePort()}`;
    this.#listeners = [{
      name: "PLAINTEXT",
      address: this.address,
      advertised: this.address,
    }];
  }

  /** Listens there, too, from the next start on, and sends clients on to `advertised`. */
  addListener(listener: Listening): void {
    this.#listeners.push(listener);
  }

  /** Starts it, and waits until it listens. */
  async start(): Promise<void> {
    const listed = (key: "address" | "advertised") =>
      this.#listeners.map((each) => `${each.name}://${each[key]}`).join(",");
    const protocols = this.#listeners.map(({ name }) => `${name}:PLAINTEXT`);
    const overrides = [
      `listeners=${listed("address")}`,
      `advertised.listeners=${listed("advertised")}`,
      `listener.security.protocol.map=${protocols.join(",")}`,
      `log.dirs=${this.#directory}/data`,
      ...this.#overrides,
    ];
    const started = this.#process = new KqProcess(
      [
        "broker",
        "start",
        ...overrides.flatMap((each) => ["--override", each]),
      ],
      {
        out: `${this.#directory}/broker.out`,
        err: `${this.#directory}/broker.err`,
      },
    );
    const [hostname, port] = this.address.split(":");
    const untilMs = performance.now() + 30_000;
    for (;;) {
      try {
        (await Deno.connect({ hostname, port: Number(port) })).close();
        return;
      } catch (error) {
        if (started.hasEnded || performance.now() > untilMs) throw error;
        await pause(10);
      }
    }
  }

  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    await this.#process?.end(signal);
    this.#process = null;
  }
}

export function pause(delayMs: number): Promise<void> {
  return new Promise((done) => setTimeout(done, delayMs));
}

/** Numbers in `--name` flags; the rest of `defaults` stays. */
export function numberFlags<T extends { readonly [name: string]: number }>(
  args: readonly string[],
  defaults: T,
): T {
  const values: { [name: string]: number } = { ...defaults };
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i].replace(/^--/, "");
    const value = Number(args[i + 1]);
    if (!(name in defaults) || !Number.isInteger(value)) {
      console.error(
        `usage: ${
          Object.keys(defaults).map((key) => `[--${key} N]`).join(" ")
        }`,
      );
      Deno.exit(2);
    }
    values[name] = value;
  }
  return values as T;
}
