/** One broker's life between its start and its kill, as the load's clients share it. Test process. */
import { KafkaClient } from '../../src/cli/client.js';

/** Ends when the broker dies: every client's loop runs until {@link over}. */
export class Session {
  over = false;
  readonly #clients: KafkaClient[] = [];
  acknowledgements = 0;
  /** Answers that say that the disk is full. */
  refusals = 0;
  /** How often each error was answered after which a batch is sent again. */
  readonly retries = new Map<string, number>();
  #acknowledged: () => void = () => undefined;
  /** Resolves at the first acknowledgement of this life. */
  readonly firstAcknowledged = new Promise<void>((resolve) => {
    this.#acknowledged = resolve;
  });
  #committed: () => void = () => undefined;
  /** Resolves at the first commit of this life that was acknowledged. */
  readonly firstCommitted = new Promise<void>((resolve) => {
    this.#committed = resolve;
  });
  /** Answers that a broker must never give here, whatever happened to it. */
  readonly complaints: string[] = [];

  constructor(readonly bootstrap: string) {}

  async connect(): Promise<KafkaClient> {
    const client = await KafkaClient.connect(this.bootstrap);
    this.#clients.push(client);
    return client;
  }

  acknowledged(): void {
    this.acknowledgements++;
    this.#acknowledged();
  }

  retried(error: string): void {
    this.retries.set(error, (this.retries.get(error) ?? 0) + 1);
  }

  committed(): void {
    this.#committed();
  }

  complain(text: string): void {
    this.complaints.push(text);
  }

  end(): void {
    this.over = true;
    for (const client of this.#clients) client.close();
  }
}

/** Runs `work` until the session is over; a lost connection is the expected end of it, anything else is told. */
export async function untilKilled(
  session: Session,
  who: string,
  work: (client: KafkaClient) => Promise<void>,
): Promise<void> {
  try {
    await work(await session.connect());
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== 'CliError') session.complain(`${who}: ${(error as Error).stack}`);
    else if (!/closed|failed|No address/.test(message)) session.complain(`${who}: ${message}`);
  }
}
