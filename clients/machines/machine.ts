/**
 * A virtual machine: QEMU without a network card and without shared memory. Its only connection is one virtio-serial
 * port whose other end is a unix socket. The caller reads the guest's console line by line.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endWithUs } from './child-processes.ts';
import { MachineError } from './errors.ts';
import { guestImage } from './image/build.ts';
import { cpioArchive, type Entry } from './image/cpio.ts';
import type { MachinePlatform } from './image/newer.ts';

const MEMORY_MIB = 768;
/** A caller that waits for a line longer than this gets an error with the console. */
const LINE_TIMEOUT_MS = 150_000;
/** Lines of the console in the error about a line that did not come. */
const TOLD_LINES = 30;
/** The kernel's test of the emulated timer can fail on a busy host, so it is left out. */
const APPEND = 'console=ttyS0 quiet panic=-1 no_timer_check';

/** Executes the guest's instructions: QEMU itself (tcg), or the processor (kvm). */
export type Accelerator = 'tcg' | 'kvm';

const CPU: Readonly<Record<Accelerator, string>> = {
  // Not "max": under emulation its protection keys do not survive saving and restoring a machine.
  tcg: 'Westmere,+rdrand',
  kvm: 'host',
};

export interface MachineOptions {
  readonly name: string;
  /** For the machine's own files. The machine makes it; the owner of the folder above removes it. */
  readonly directory: string;
  readonly accelerator: Accelerator;
  /** Unix socket that the port "argus.0" leads to; another program must listen there. Null: the port leads nowhere. */
  readonly socket: string | null;
  /** Shell script that is the guest's life, sourced by the first process. */
  readonly main: string;
  /** More files of this guest, by path without the leading slash. */
  readonly files?: ReadonlyMap<string, Entry>;
  /** A state saved earlier by `save` that the machine goes on from instead of booting. */
  readonly restore?: string;
  /** Another QEMU and another image than the usual ones. */
  readonly platform?: MachinePlatform;
  /** More arguments for QEMU. */
  readonly more?: readonly string[];
}

export class Machine {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #qmp: string;
  readonly #lines: string[] = [];
  readonly #waiters = new Set<() => void>();
  readonly #exited: Promise<void>;
  #hasExited = false;

  private constructor(name: string, child: ChildProcess, qmp: string) {
    this.name = name;
    this.#process = child;
    this.#qmp = qmp;
    this.#exited = new Promise((resolve) => {
      child.once('close', () => {
        this.#hasExited = true;
        this.#wake();
        resolve();
      });
    });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#lines.push(line.replaceAll('\r', ''));
        this.#wake();
      });
    }
  }

  static async start(options: MachineOptions): Promise<Machine> {
    const { accelerator, directory, socket, platform } = options;
    const image = platform?.image ?? (await guestImage());
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const initrd = join(directory, 'initrd');
    const own = new Map<string, Entry>(options.files);
    own.set('etc/guest/main.sh', { kind: 'file', bytes: Buffer.from(options.main), mode: 0o644 });
    own.set('etc/hostname', { kind: 'file', bytes: Buffer.from(`${options.name}\n`), mode: 0o644 });
    writeFileSync(initrd, Buffer.concat([await readFile(image.base), cpioArchive(own)]), { mode: 0o600 });
    const qmp = join(directory, 'qmp');
    const child = spawn(
      platform?.qemu ?? 'qemu-system-x86_64',
      [
        ...(platform?.arguments ?? []),
        ...['-nodefaults', '-no-user-config', '-display', 'none', '-machine', `pc,accel=${accelerator}`],
        ...['-cpu', CPU[accelerator]],
        ...['-smp', '1', '-m', `${MEMORY_MIB}`, '-nic', 'none', '-serial', 'stdio'],
        ...['-kernel', image.kernel, '-initrd', initrd, '-append', APPEND],
        ...['-device', 'virtio-serial-pci'],
        ...['-chardev', socket === null ? 'null,id=argus' : `socket,id=argus,path=${socket},server=off,reconnect=1`],
        ...['-device', 'virtserialport,chardev=argus,name=argus.0'],
        ...['-qmp', `unix:${qmp},server=on,wait=off`],
        ...(options.restore === undefined ? [] : ['-incoming', `exec:cat ${options.restore}`]),
        ...(options.more ?? []),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...platform?.environment } },
    );
    endWithUs(child);
    return new Machine(options.name, child, qmp);
  }

  /** Everything that the guest has printed so far. */
  get console(): string {
    return this.#lines.join('\n');
  }

  /** The end of it, for a message. */
  lastLines(count: number): string {
    return this.#lines.slice(-count).join('\n');
  }

  /**
   * Waits until a line of the console matches for the `count`th time; rejects with the console when it does not come.
   */
  async line(pattern: RegExp, count = 1, timeoutMs = LINE_TIMEOUT_MS): Promise<RegExpExecArray> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const match = this.matches(pattern)[count - 1];
      if (match !== undefined) return match;
      const left = deadline - performance.now();
      const fault = this.#hasExited ? 'ended before it printed' : left <= 0 ? 'did not print' : null;
      if (fault !== null)
        throw new MachineError(
          'ERR_MACHINE_GUEST',
          `${this.name} ${fault} ${pattern} (${count}); its console ends with:\n${this.lastLines(TOLD_LINES)}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiters.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** The lines of the console that match, so far. */
  matches(pattern: RegExp): RegExpExecArray[] {
    return this.#lines.map((line) => pattern.exec(line)).filter((match) => match !== null);
  }

  /** Presses the reset button: the guest restarts, the host's end of the port stays open. */
  async reset(): Promise<void> {
    await this.#control([{ execute: 'system_reset' }]);
  }

  /** Writes the guest's state to a file that another machine can be restored from; the guest stops. */
  async save(file: string): Promise<void> {
    const events = { capabilities: [{ capability: 'events', state: true }] };
    await this.#control(
      [
        { execute: 'migrate-set-capabilities', arguments: events },
        { execute: 'migrate', arguments: { uri: `exec:cat > ${file}` } },
      ],
      /"event": "MIGRATION".*"status": "completed"/,
    );
  }

  /** Pulls the plug. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  #wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const resolve of waiters) resolve();
  }

  /** Gives QEMU commands, one after the other, and waits for their answers and then for `event`. */
  async #control(commands: readonly object[], event: RegExp | null = null): Promise<void> {
    const socket: Socket = connect(this.#qmp);
    const lines = createInterface({ input: socket });
    const queue = [{ execute: 'qmp_capabilities' }, ...commands];
    let isSeen = event === null;
    let open = 0;
    try {
      for await (const line of lines) {
        const message: Readonly<Record<string, unknown>> = JSON.parse(line);
        if ('error' in message) throw new Error(`${this.name}: QEMU refused: ${line}`);
        if ('return' in message) open--;
        isSeen ||= event?.test(line) === true;
        const next = open === 0 ? queue.shift() : undefined;
        if (next !== undefined) {
          open++;
          socket.write(`${JSON.stringify(next)}\n`);
        }
        if (open === 0 && queue.length === 0 && isSeen) return;
      }
      throw new Error(`${this.name}: QEMU closed its control socket`);
    } finally {
      lines.close();
      socket.destroy();
    }
  }
}
