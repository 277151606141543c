// What a broker counts. Plain number fields, since the hot path adds to them;
// whoever shows them does the formatting.

/** Totals since the broker started. */
export class BrokerMetrics {
  connectionsAccepted = 0;
  connectionsRefused = 0;
  connectionsOpen = 0;
  bytesReceived = 0;
  bytesSent = 0;
  /** Frames or bodies that could not be decoded. */
  malformedRequests = 0;
  producedBatches = 0;
  producedBytes = 0;
  fetchedBytes = 0;
  /** Fetches that found too little and waited. */
  delayedFetches = 0;
  readonly #requests = new Map<number, number>();
  readonly #errors = new Map<number, number>();

  countRequest(apiKey: number): void {
    this.#requests.set(apiKey, (this.#requests.get(apiKey) ?? 0) + 1);
  }

  /** @param errorCode Kafka's number; 0 is not an error. */
  countError(errorCode: number): void {
    this.#errors.set(errorCode, (this.#errors.get(errorCode) ?? 0) + 1);
  }

  /** Requests by API key, those with none left out. */
  requestsByApi(): ReadonlyMap<number, number> {
    return this.#requests;
  }

  /** Refused requests and partitions by error code. */
  errorsByCode(): ReadonlyMap<number, number> {
    return this.#errors;
  }
}
