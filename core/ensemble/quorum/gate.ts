// Something that several wait for, and that happens once or not at all.

/** See the file's header. */
export class Gate<T> {
  readonly passed: Promise<T>;
  #pass: (value: T) => void = () => {};
  #refuse: (reason: unknown) => void = () => {};
  #isOpen = false;

  constructor() {
    this.passed = new Promise((pass, refuse) => {
      this.#pass = pass;
      this.#refuse = refuse;
    });
    // Nobody may be waiting.
    this.passed.catch(() => {});
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(value: T): void {
    this.#isOpen = true;
    this.#pass(value);
  }

  /** It will not happen. */
  refuse(reason: unknown): void {
    this.#refuse(reason);
  }
}
