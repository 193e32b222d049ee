/** A machine with a broker, the home of some domains: its disk and its policy directory outlive the broker's process. */
import { type Host, Process } from '../engine/process.ts';
import { type BrokerMachine, SimulatedBroker } from './broker.ts';

/** A broker that cannot start, because its disk is full, is started again after this long, as systemd does it. */
const START_AGAIN_MS = 500;

export class Home {
  readonly name: string;
  readonly machine: BrokerMachine;
  readonly #host: Host;
  readonly #say: (text: string) => void;
  #broker: SimulatedBroker | null = null;
  #starting: Process | null = null;

  constructor(name: string, machine: BrokerMachine, host: Host, say: (text: string) => void) {
    this.name = name;
    this.machine = machine;
    this.#host = host;
    this.#say = say;
  }

  /** Null while it is down. */
  get broker(): SimulatedBroker | null {
    return this.#broker;
  }

  get disk(): BrokerMachine['disk'] {
    return this.machine.disk;
  }

  start(): void {
    if (this.#broker !== null || this.#starting !== null) return;
    const process = new Process(this.#host, this.name);
    this.#starting = process;
    SimulatedBroker.start(this.machine, process).then(
      (broker) => {
        if (!process.isAlive) return;
        this.#starting = null;
        this.#broker = broker;
      },
      (error: unknown) => {
        if (!process.isAlive) return;
        process.kill();
        this.#starting = null;
        this.disk.crash();
        this.#say(`${this.name} does not start: ${error instanceof Error ? error.message : error}`);
        this.#host.scheduler.after(START_AGAIN_MS, 'start again', () => this.start());
      },
    );
  }

  kill(): void {
    this.#starting?.kill();
    if (this.#starting !== null) this.disk.crash();
    this.#starting = null;
    this.#broker?.kill();
    this.#broker = null;
  }
}
