/** A program in a terminal of its own: what is on its screen, keys, another size, and how it leaves the terminal. */
import { type ChildProcess, spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

/** Relays between a pseudo-terminal, which Node cannot make, and us: "k HEX" are keys, "s ROWS COLUMNS" a size, "t" SIGTERM. */
const RELAY = `
import fcntl, os, select, struct, subprocess, sys, termios
master, slave = os.openpty()
def size(rows, columns):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
size(24, 80)
before = termios.tcgetattr(slave)
def own():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
child = subprocess.Popen(sys.argv[1:], stdin=slave, stdout=slave, stderr=slave, preexec_fn=own)
while child.poll() is None:
    ready, _, _ = select.select([master, 0], [], [], 0.05)
    if master in ready:
        os.write(1, os.read(master, 65536))
    if 0 in ready:
        line = sys.stdin.readline().split()
        if not line: child.kill()
        elif line[0] == 'k': os.write(master, bytes.fromhex(line[1]))
        elif line[0] == 's': size(int(line[1]), int(line[2]))
        elif line[0] == 't': child.terminate()
while select.select([master], [], [], 0)[0]:
    os.write(1, os.read(master, 65536))
os.write(1, b'\\0%d %d' % (child.returncode, termios.tcgetattr(slave) == before))
`;

export class Terminal {
  readonly #relay: ChildProcess;
  #output = '';

  constructor(command: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#relay = spawn('python3', ['-u', '-c', RELAY, ...command], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#relay.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
  }

  /** All that it wrote, control characters included. */
  get output(): string {
    return this.#output;
  }

  /** The screen as it is now, for a program that draws all of it from its upper left corner. */
  get screen(): string {
    return stripVTControlCharacters(this.#output.split('\x1b[H').at(-1) ?? '');
  }

  press(keys: string): void {
    this.#tell(`k ${Buffer.from(keys).toString('hex')}`);
  }

  resize(rows: number, columns: number): void {
    this.#tell(`s ${rows} ${columns}`);
  }

  terminate(): void {
    this.#tell('t');
  }

  /** Its exit code, and whether it left the terminal's settings as they were. */
  async ended(): Promise<{ readonly code: number; readonly isRestored: boolean }> {
    if (this.#relay.exitCode === null) await new Promise((resolve) => this.#relay.once('close', resolve));
    const [code, restored] = (this.#output.split('\0').at(-1) ?? '').split(' ').map(Number);
    return { code: code ?? -1, isRestored: restored === 1 };
  }

  kill(): void {
    this.#relay.kill('SIGKILL');
  }

  #tell(line: string): void {
    this.#relay.stdin?.write(`${line}\n`);
  }
}
