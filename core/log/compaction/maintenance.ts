// One maintenance of a log at a time: a compaction takes many turns of the event
// loop, and what cuts or deletes segments meanwhile must not meet it.
//
// Whoever changes the log at once (a truncation, a deletion, a stop) aborts the
// run under way: from then on that changes nothing of the log, and ends soon.

/** A maintenance under way; asks after each of its turns whether it may go on. */
export class MaintenanceRun {
  #isAborted = false;

  get isAborted(): boolean {
    return this.#isAborted;
  }

  abort(): void {
    this.#isAborted = true;
  }
}

/** Who may maintain a log. */
export class LogMaintenance {
  #run: MaintenanceRun | null = null;
  #pauseCount = 0;

  /** Whether a run is under way, aborted or not. */
  get isRunning(): boolean {
    return this.#run !== null;
  }

  get isPaused(): boolean {
    return this.#pauseCount > 0;
  }

  /** Begins a run, which the caller ends; `null` while another is under way, or none is wanted. */
  start(): MaintenanceRun | null {
    if (this.#run !== null || this.isPaused) return null;
    return this.#run = new MaintenanceRun();
  }

  /** The run has ended and left nothing behind. */
  end(run: MaintenanceRun): void {
    if (this.#run === run) this.#run = null;
  }

  /** Has the run under way, if any, change nothing more. */
  abort(): void {
    this.#run?.abort();
  }

  /** Aborts the run under way and lets none begin until as many `resume`s. */
  pause(): void {
    this.#pauseCount++;
    this.abort();
  }

  resume(): void {
    if (this.#pauseCount > 0) this.#pauseCount--;
  }
}
